//! A shell for tests that knows beforehand what it will be asked.

use super::{Frame, LinkError, Reply, Shell};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::VecDeque;

/// Answers the scripts it was told to expect, in that order. Any other script, and scripts left over, fail the test.
#[derive(Default)]
pub struct FakeShell(VecDeque<(Expect, Result<Reply, LinkError>)>);

type Expect = Box<dyn Fn(&Frame) -> bool + Send>;

impl FakeShell {
    /// Expects a script whose text is exactly `script`.
    pub fn script(self, script: &str, answer: Result<Reply, LinkError>) -> Self {
        let script = script.to_owned();
        self.when(move |frame| frame.script == script, answer)
    }

    /// Expects a frame for which `expect` holds.
    pub fn when(
        mut self,
        expect: impl Fn(&Frame) -> bool + Send + 'static,
        answer: Result<Reply, LinkError>,
    ) -> Self {
        self.0.push_back((Box::new(expect), answer));
        self
    }
}

impl Shell for FakeShell {
    fn exec<'a>(&'a mut self, frame: &'a Frame) -> BoxFuture<'a, Result<Reply, LinkError>> {
        let Some((expect, answer)) = self.0.pop_front() else {
            panic!("unexpected script:\n{}", frame.script);
        };
        assert!(expect(frame), "not the expected script:\n{}", frame.script);
        futures_util::future::ready(answer).boxed()
    }
}

impl Drop for FakeShell {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(
                self.0.is_empty(),
                "{} expected scripts never came",
                self.0.len()
            );
        }
    }
}
