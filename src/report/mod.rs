//! What the run tells: the engine emits [`Event`]s, reporters turn them into what people and programs read.
//!
//! Events are owned and serialisable; a recorded run can be replayed from them. Reporters only receive. [`Text`] makes the
//! words, [`Plain`] and [`Terminal`] bring them to a pipe or to someone who watches; [`JsonLines`] and [`Junit`] are for programs.

mod adhoc;
mod diff;
mod event;
mod hub;
mod json;
mod junit;
mod outcome;
mod paint;
mod plain;
mod recap;
#[cfg(test)]
mod roles_tests;
mod tally;
mod terminal;
#[cfg(test)]
mod tests;
mod text;

pub use adhoc::AdHoc;
pub use event::{
    Counts, Event, EventKind, FileDiff, HostResult, Recap, Reporter, Status, TaskId, TaskInfo,
};
pub use hub::Hub;
pub use json::{JsonLines, replay};
pub use junit::Junit;
pub use outcome::pretty_json;
pub use paint::{Paint, Tone, harmless, wants_colour};
pub use plain::Plain;
pub use tally::Tally;
pub use terminal::{Live, Terminal};
pub use text::{Text, TextOptions};
