//! Actions become scripts, their replies become reports.

use super::scripts::script;
use super::{Action, Report};
use crate::transport::{Frame, Input, Reply};
use std::fmt::Write;

/// Actions that go in one frame have scripts of this size together at most.
const TOGETHER: usize = 64 << 10;

/// Actions that travel in one frame.
pub(super) struct Acting {
    /// How many.
    pub(super) count: usize,
    pub(super) frame: Frame,
    mark: String,
}

/// Puts actions, in order, into as few frames as possible. `mark` is random.
///
/// # Errors
/// A message for an action that no shell could be told.
pub(super) fn frames(actions: &[Action], mark: &str) -> Result<Vec<Acting>, String> {
    let mut list: Vec<(Vec<String>, Acting)> = Vec::new();
    for action in actions {
        let (script, input) = script(action, mark)?;
        let timeout = match action {
            Action::Run(cmd) => cmd.timeout,
            _ => None,
        };
        let alone = matches!(action, Action::Run(_)) || !matches!(input, Input::Nothing);
        if !alone
            && let Some((scripts, last)) = list.last_mut()
            && !scripts.is_empty()
            && scripts.iter().map(String::len).sum::<usize>() + script.len() < TOGETHER
        {
            scripts.push(script);
            last.count += 1;
            continue;
        }
        let frame = Frame {
            script: if alone { script.clone() } else { String::new() },
            input,
            timeout,
            ..Frame::default()
        };
        let acting = Acting {
            count: 1,
            frame,
            mark: mark.to_owned(),
        };
        list.push((if alone { Vec::new() } else { vec![script] }, acting));
    }
    Ok(list
        .into_iter()
        .map(|(scripts, mut acting)| {
            match scripts.as_slice() {
                [] => {}
                [one] => acting.frame.script.clone_from(one),
                many => acting.frame.script = together(many, &acting.mark),
            }
            acting
        })
        .collect())
}

/// One after the other, each in a subshell, until one fails.
fn together(scripts: &[String], mark: &str) -> String {
    let mut s = format!("m={mark}\ns() {{ printf '\\n%s %s\\n' \"$m\" \"$*\"; }}\n");
    for (n, script) in scripts.iter().enumerate() {
        let _ = writeln!(
            s,
            "s b {n}; s b {n} >&2; ( {script}\n); r=$?; s e {n} $r; s e {n} $r >&2; [ $r = 0 ] || exit 0"
        );
    }
    s
}

impl Acting {
    /// One report for each action that was begun, in order; the last may be of a failed one.
    ///
    /// # Errors
    /// A message when the reply is cut short.
    pub(super) fn reports(
        &self,
        actions: &[Action],
        reply: &Reply,
        time: (f64, f64),
    ) -> Result<Vec<Report>, String> {
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let one = |action: &Action, rc: i32, out: &[u8], err: &[u8]| {
            let mut report = Report {
                rc,
                stdout: text(out),
                stderr: text(err),
                time,
                dropped: reply.dropped,
                ..Report::default()
            };
            let flag = format!("={} ", self.mark);
            if let Some(reason) = report.stdout.strip_prefix(&flag) {
                report.error = Some(reason.to_owned());
                report.stdout = String::new();
            }
            if matches!(action, Action::Write { .. } | Action::Copy { .. })
                && !report.stdout.is_empty()
            {
                report.backup = Some(std::mem::take(&mut report.stdout));
            }
            report
        };
        if let [action] = actions {
            return Ok(vec![one(action, reply.rc, &reply.stdout, &reply.stderr)]);
        }
        let out = super::sections::sections(&reply.stdout, &self.mark);
        let err = super::sections::sections(&reply.stderr, &self.mark);
        let mut reports = Vec::new();
        for (n, action) in actions.iter().enumerate() {
            let number = n.to_string();
            let is = |words: &[&str], tag: &str| {
                words.first() == Some(&tag) && words.get(1) == Some(&number.as_str())
            };
            let Some(begun) = out.iter().find(|s| is(&s.words, "b")) else {
                break;
            };
            let rc = out
                .iter()
                .find(|s| is(&s.words, "e"))
                .and_then(|s| s.words.get(2))
                .and_then(|w| w.parse().ok())
                .ok_or("the host's shell did not finish its answer")?;
            let stderr = err
                .iter()
                .find(|s| is(&s.words, "b"))
                .map_or(&[][..], |s| s.body);
            reports.push(one(action, rc, begun.body, stderr));
        }
        if reports.is_empty() {
            return Err("the host's shell did not begin its work".into());
        }
        Ok(reports)
    }
}
