//! The arguments about waiting.

use crate::cluster::{Patience, Until};
use crate::modules::{Arg, Args, Fail};
use crate::value::Value;
use std::time::Duration;

/// `wait` and what belongs to it.
pub(super) static WAIT: &[Arg] = &[
    Arg::bool("wait", "wait until it is as it should be").default("false"),
    Arg::int("wait_sleep", "seconds between two looks, at most").default("5"),
    Arg::int("wait_timeout", "seconds to wait at most").default("120"),
    Arg::dict(
        "wait_condition",
        "a condition of the status to wait for: `type`, `status` (True, False, Unknown) and `reason`",
    ),
];

/// What a task waits for; `None`: it does not.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// How long.
    pub(super) patience: Patience,
    /// For what, when the objects are to be there.
    pub(super) until: Until,
}

/// Seconds of an argument; negative ones are none.
pub(super) fn seconds(args: &Args, name: &str) -> Duration {
    Duration::from_secs(u64::try_from(args.int(name).unwrap_or(0)).unwrap_or(0))
}

impl Waiting {
    /// Of the arguments.
    pub(super) fn of(args: &Args) -> Result<Option<Self>, Fail> {
        let mut until = Until::Ready;
        if let Some(condition) = args.dict("wait_condition") {
            let known = ["type", "status", "reason"];
            if let Some(other) = condition.keys().find(|k| !known.contains(&k.as_str())) {
                return Err(Fail::new(format!(
                    "`wait_condition` has no `{other}`: `type`, `status` and `reason` are known"
                )));
            }
            let text = |key: &str| {
                condition
                    .get(key)
                    .filter(|v| !matches!(v, Value::Null | Value::Omit))
                    .map(ToString::to_string)
                    .filter(|t| !t.is_empty())
            };
            if let Some(wanted) = text("type") {
                let given = text("status").unwrap_or_else(|| "True".into());
                let status = match Value::from(given.as_str()).to_bool() {
                    Some(true) => "True",
                    Some(false) => "False",
                    None if given.eq_ignore_ascii_case("unknown") => "Unknown",
                    None => {
                        return Err(Fail::new(format!(
                            "`wait_condition.status` must be True, False or Unknown, not `{given}`"
                        )));
                    }
                };
                until = Until::Condition {
                    wanted,
                    status: status.into(),
                    reason: text("reason"),
                };
            }
        }
        if !args.bool("wait") {
            return Ok(None);
        }
        Ok(Some(Self {
            patience: Patience {
                timeout: seconds(args, "wait_timeout"),
                sleep: seconds(args, "wait_sleep"),
            },
            until,
        }))
    }
}
