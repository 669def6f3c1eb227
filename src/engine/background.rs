//! `async`: tasks that go on by themselves on the host.

use super::attempt::Ready;
use super::ordinary::Work;
use super::result::TaskResult;
use crate::modules::{Bound, Fail};

impl Work<'_> {
    /// Runs a task with `async`. With `poll: 0` it is started and left alone; otherwise its end is waited for, `seconds` at most.
    pub(super) async fn run_async(
        &self,
        _ready: &Ready,
        _bound: Bound,
        _seconds: f64,
        _poll: f64,
    ) -> TaskResult {
        TaskResult::from_fail(Fail::new("async"))
    }
}
