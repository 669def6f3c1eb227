//! What the run tells: the engine emits [`Event`]s, reporters turn them into what people and programs read.
//!
//! Events are owned and serialisable; a recorded run can be replayed from them. Reporters only receive.

mod event;

pub use event::{
    Counts, Event, EventKind, FileDiff, HostResult, Recap, Reporter, Status, TaskId, TaskInfo,
};
