//! How a task ended on one host: Ansible's result dictionary, and the rules by which it is made.

use crate::modules::{Fail, Outcome};
use crate::report::{FileDiff, Status};
use crate::value::{Map, Value};

/// A task's result on one host (or for one loop item): what `register` stores, and what the engine goes by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskResult {
    /// The keys, `changed`, `failed` and `skipped` among them.
    pub map: Map,
    /// Before and after.
    pub diff: Vec<FileDiff>,
    /// The host was out of reach.
    pub unreachable: bool,
    /// `ignore_errors` (or `ignore_unreachable`) let the run go on.
    pub ignored: bool,
    /// Whom the task was delegated to.
    pub delegated_to: Option<String>,
}

impl TaskResult {
    /// Of an outcome; `changed` is what the module says.
    pub fn from_outcome(outcome: Outcome) -> Self {
        let Outcome {
            changed,
            skipped,
            mut result,
            diff,
            warnings,
        } = outcome;
        result.insert("changed".to_owned(), changed.into());
        if skipped {
            result.insert("skipped".to_owned(), true.into());
        }
        if !warnings.is_empty() {
            result.insert(
                "warnings".to_owned(),
                Value::list(warnings.into_iter().map(Value::from)),
            );
        }
        let diff = diff
            .into_iter()
            .map(|d| FileDiff {
                before_header: d.before_header,
                after_header: d.after_header,
                before: d.before,
                after: d.after,
            })
            .collect();
        Self {
            map: result,
            diff,
            ..Self::default()
        }
        .with_lines()
    }

    /// Of a failure.
    pub fn from_fail(fail: Fail) -> Self {
        let mut map = fail.result;
        map.entry("changed".to_owned())
            .or_insert(Value::Bool(false));
        map.insert("failed".to_owned(), true.into());
        map.insert("msg".to_owned(), fail.msg.into());
        Self {
            map,
            ..Self::default()
        }
        .with_lines()
    }

    /// Of a host that could not be reached.
    pub fn unreachable(msg: impl Into<String>) -> Self {
        let map = Map::from_iter([
            ("changed".to_owned(), Value::Bool(false)),
            ("unreachable".to_owned(), Value::Bool(true)),
            ("msg".to_owned(), Value::from(msg.into())),
        ]);
        Self {
            map,
            unreachable: true,
            ..Self::default()
        }
    }

    /// Of a task whose condition was false.
    pub fn skipped(condition: Value) -> Self {
        let map = Map::from_iter([
            ("changed".to_owned(), Value::Bool(false)),
            ("skipped".to_owned(), Value::Bool(true)),
            (
                "skip_reason".to_owned(),
                Value::from("Conditional result was False"),
            ),
            ("false_condition".to_owned(), condition),
        ]);
        Self {
            map,
            ..Self::default()
        }
    }

    /// Of all items of a loop: `results`, and what is true of any or all of them.
    pub fn of_items(items: Vec<TaskResult>) -> Self {
        let any = |key: &str| items.iter().any(|i| i.flag(key));
        let all_skipped = items.iter().all(TaskResult::is_skipped);
        let mut map = Map::from_iter([("changed".to_owned(), Value::Bool(any("changed")))]);
        let unreachable = items.iter().any(|i| i.unreachable);
        if items.is_empty() {
            map.insert("skipped".to_owned(), true.into());
            map.insert("skipped_reason".to_owned(), "No items in the list".into());
        } else {
            let msg = if any("failed") {
                map.insert("failed".to_owned(), true.into());
                "One or more items failed"
            } else if all_skipped {
                "All items skipped"
            } else {
                "All items completed"
            };
            map.insert("msg".to_owned(), msg.into());
            map.insert("skipped".to_owned(), all_skipped.into());
            if unreachable {
                map.insert("unreachable".to_owned(), true.into());
            }
        }
        let diff = items.iter().flat_map(|i| i.diff.clone()).collect();
        map.insert(
            "results".to_owned(),
            Value::list(items.into_iter().map(|i| Value::from(i.map))),
        );
        Self {
            map,
            diff,
            unreachable,
            ..Self::default()
        }
    }

    /// The boolean under `key`; false when it is not there.
    pub fn flag(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(Value::is_true)
    }

    /// Whether the task changed the host.
    pub fn is_changed(&self) -> bool {
        self.flag("changed")
    }

    /// Whether it failed (ignored or not).
    pub fn is_failed(&self) -> bool {
        self.flag("failed")
    }

    /// Whether it was skipped.
    pub fn is_skipped(&self) -> bool {
        self.flag("skipped")
    }

    /// Sets a key.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.map.insert(key.to_owned(), value.into());
    }

    /// `failed: false` where nothing says otherwise, and a `rc` other than 0 is a failure.
    pub fn settle(&mut self) {
        if !self.map.contains_key("failed") && !self.is_skipped() && !self.unreachable {
            let failed = self
                .map
                .get("rc")
                .is_some_and(|rc| !matches!(rc, Value::Int(0) | Value::Null));
            self.set("failed", failed);
        }
    }

    /// In the recap's words.
    pub fn status(&self) -> Status {
        match self {
            r if r.unreachable && !r.ignored => Status::Unreachable,
            r if (r.is_failed() || r.unreachable) && r.ignored => Status::Ignored,
            r if r.is_failed() => Status::Failed,
            r if r.is_skipped() => Status::Skipped,
            r if r.is_changed() => Status::Changed,
            _ => Status::Ok,
        }
    }

    /// What is shown of it under `no_log`.
    pub fn censored(&self) -> Map {
        let mut map = Map::from_iter([(
            "censored".to_owned(),
            Value::from(
                "the output has been hidden due to the fact that 'no_log: true' was specified for this result",
            ),
        )]);
        for key in [
            "changed",
            "failed",
            "skipped",
            "unreachable",
            "rc",
            "attempts",
        ] {
            if let Some(value) = self.map.get(key) {
                map.insert(key.to_owned(), value.clone());
            }
        }
        map
    }

    /// With `stdout_lines` and `stderr_lines` beside `stdout` and `stderr`.
    fn with_lines(mut self) -> Self {
        for key in ["stdout", "stderr"] {
            let lines = format!("{key}_lines");
            if let (Some(Value::Str(text)), false) =
                (self.map.get(key), self.map.contains_key(&lines))
            {
                let value = Value::list(text.lines().map(Value::from));
                self.map.insert(lines, value);
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(pairs: &[(&str, Value)]) -> TaskResult {
        TaskResult {
            map: pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.clone()))
                .collect(),
            ..Default::default()
        }
    }

    #[test]
    fn a_loop_is_changed_or_failed_when_any_item_is_and_skipped_when_all_are() {
        let ok = result(&[("changed", false.into())]);
        let changed = result(&[("changed", true.into())]);
        let skipped = TaskResult::skipped(Value::from("x"));
        let failed = TaskResult::from_fail(Fail::new("no"));
        let cases = [
            (vec![], Status::Skipped, None),
            (
                vec![ok.clone(), changed.clone()],
                Status::Changed,
                Some("All items completed"),
            ),
            (
                vec![ok.clone(), skipped.clone()],
                Status::Ok,
                Some("All items completed"),
            ),
            (
                vec![skipped.clone(), skipped.clone()],
                Status::Skipped,
                Some("All items skipped"),
            ),
            (
                vec![changed, failed],
                Status::Failed,
                Some("One or more items failed"),
            ),
        ];
        for (items, status, msg) in cases {
            let all = TaskResult::of_items(items);
            assert_eq!(all.status(), status);
            assert_eq!(all.map.get("msg").and_then(Value::as_str), msg);
        }
    }

    #[test]
    fn a_return_code_alone_is_a_failure() {
        let mut r = result(&[("rc", 3.into())]);
        r.settle();
        assert!(r.is_failed());
        let mut r = result(&[("rc", 0.into())]);
        r.settle();
        assert_eq!(r.map.get("failed"), Some(&Value::Bool(false)));
    }

    #[test]
    fn no_log_keeps_only_what_the_run_goes_by() {
        let mut r = result(&[
            ("changed", true.into()),
            ("stdout", "hunter2".into()),
            ("rc", 0.into()),
        ]);
        r.settle();
        let shown = format!("{:?}", r.censored());
        assert!(!shown.contains("hunter2") && shown.contains("changed"));
    }
}
