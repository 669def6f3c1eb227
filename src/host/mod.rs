//! What can be asked of a host and what can be done to it, as data; and how that data becomes shell text and back.
//!
//! [`Query`] reads and [`Action`] writes, and nothing else reaches a host: check mode is "no actions". [`Known`] is what
//! earlier answers told about a host, until an action makes them stale.

mod acting;
mod action;
mod answers;
mod asking;
mod fields;
mod known;
mod place;
mod prelude;
mod query;
pub mod quote;
#[cfg(test)]
mod real_actions;
#[cfg(test)]
mod real_queries;
mod scripts;
mod sections;
mod session;

pub use action::{Action, Attrs, Cmd, Content, Program, Report, Touches};
pub use asking::CONTENT_LIMIT;
pub use known::{Known, Pause};
pub use place::Place;
pub use prelude::PRELUDE;
pub use query::{Algorithm, Answer, FileType, Query, Stat};
pub use session::{Session, Trips, Trouble};
