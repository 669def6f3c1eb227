//! What can be asked of a host and what can be done to it, as data; and how that data becomes shell text and back.
//!
//! [`Query`] reads and [`Action`] writes, and nothing else reaches a host: check mode is "no actions". [`Known`] is what
//! earlier answers told about a host, until an action makes them stale.

mod action;
mod known;
mod query;
pub mod quote;

pub use action::{Action, Attrs, Cmd, Content, Program, Report, Touches};
pub use known::{Known, Pause};
pub use query::{Algorithm, Answer, FileType, Query, Stat};
