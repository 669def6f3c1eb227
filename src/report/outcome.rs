//! One host's result in words.

use super::paint::harmless;
use super::{HostResult, Paint, Status, TaskInfo, Tone};
use crate::value::{Map, Value};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

/// How many of the last lines of a failed command's output are shown.
const TAIL: usize = 20;

/// `[host]`, `[host -> delegate]`.
pub(super) fn who(result: &HostResult) -> String {
    match &result.delegated_to {
        Some(other) if *other != result.host => format!("[{} -> {other}]", result.host),
        _ => format!("[{}]", result.host),
    }
}

/// The first line of a result, without its keys: `changed: [web1] => (item=x)`.
pub(super) fn headline(result: &HostResult, paint: Paint) -> String {
    let who = who(result);
    let item = result.item.as_deref().map(harmless);
    let (tone, word) = match result.status {
        Status::Ok => (Tone::Ok, "ok"),
        Status::Changed => (Tone::Changed, "changed"),
        Status::Skipped => (Tone::Skipped, "skipping"),
        Status::Failed | Status::Ignored | Status::Unreachable => {
            let what = if result.status == Status::Unreachable {
                "UNREACHABLE!"
            } else {
                "FAILED!"
            };
            let line = match item {
                Some(item) => format!("failed: {who} (item={item})"),
                None => format!("fatal: {who}: {what}"),
            };
            return paint.tone(Tone::Bad, &(line + simulated(result)));
        }
    };
    let line = match item {
        Some(item) => format!("{word}: {who} => (item={item})"),
        None => format!("{word}: {who}"),
    };
    paint.tone(tone, &(line + simulated(result)))
}

/// What a line says of a result that rests on a stand-in for the real thing.
pub(super) fn simulated(result: &HostResult) -> &'static str {
    if result.result.get("simulated") == Some(&Value::Bool(true)) {
        " (simulated)"
    } else {
        ""
    }
}

/// What a `debug` shows: a text as it is, anything else as JSON.
pub(super) fn message(result: &HostResult, paint: Paint) -> String {
    let mut out = headline(result, paint);
    for (key, value) in &result.result {
        if matches!(
            key.as_str(),
            "changed" | "failed" | "skipped" | "warnings" | "deprecations"
        ) {
            continue;
        }
        let text = match value {
            Value::Str(text) => text.to_string(),
            other => pretty_json(other),
        };
        let text = harmless(text.trim_end());
        let named = if key == "msg" {
            String::new()
        } else {
            format!("{key}: ")
        };
        out.push_str(&format!(" => {named}{}", text.replace('\n', "\n    ")));
    }
    out.push('\n');
    out
}

/// All that is known of a failure, indented: where, message, status, the end of the output.
pub(super) fn failure(result: &HostResult, task: Option<&TaskInfo>, paint: Paint) -> String {
    let mut out = String::new();
    let mut field = |name: &str, value: &str| {
        let value = harmless(value);
        let mut lines = value.lines();
        let first = lines.next().unwrap_or_default();
        out.push_str(&format!(
            "    {} {first}\n",
            paint.tone(Tone::Faint, &format!("{name}:"))
        ));
        for line in lines {
            out.push_str(&format!("      {line}\n"));
        }
    };
    if let Some(task) = task.filter(|t| !t.at.is_empty()) {
        field("at", &task.at);
    }
    let text = |key: &str| text(&result.result, key);
    if let Some(censored) = text("censored") {
        field("msg", &censored);
        return out;
    }
    if let Some(msg) = text("msg").filter(|m| !m.is_empty()) {
        field("msg", msg.trim_end());
    }
    if let Some(assertion) = text("assertion") {
        field("assertion", &assertion);
    }
    if let Some(command) = result.result.get("cmd") {
        let words = command
            .as_list()
            .map(|words| shell_words::join(words.iter().map(ToString::to_string)));
        field("cmd", &words.unwrap_or_else(|| command.to_string()));
    }
    if let Some(rc) = text("rc") {
        field("rc", &rc);
    }
    for key in ["stdout", "stderr", "module_stdout", "module_stderr"] {
        if let Some(output) = text(key).filter(|o| !o.trim().is_empty()) {
            tail(&mut out, key, output.trim_end(), paint);
        }
    }
    out
}

/// The last lines of an output, each marked.
fn tail(out: &mut String, name: &str, text: &str, paint: Paint) {
    let text = harmless(text);
    let lines: Vec<&str> = text.lines().collect();
    let left_out = lines.len().saturating_sub(TAIL);
    let title = if left_out > 0 {
        format!("{name} (last {TAIL} of {} lines):", lines.len())
    } else {
        format!("{name}:")
    };
    out.push_str(&format!("    {}\n", paint.tone(Tone::Faint, &title)));
    for line in &lines[left_out..] {
        out.push_str(&format!("      {} {line}\n", paint.tone(Tone::Faint, "|")));
    }
}

/// Text under a key; a number as its text.
fn text(result: &Map, key: &str) -> Option<String> {
    match result.get(key)? {
        Value::Null => None,
        value => Some(value.to_string()),
    }
}

/// The result's keys as `-v` shows them: JSON, sorted as by Ansible, on one line or, with `pretty`, many.
pub(super) fn keys(result: &HostResult, pretty: bool) -> String {
    let mut keys = result.result.clone();
    // the headline says so
    if keys.get("failed") == Some(&Value::Bool(false)) {
        keys.shift_remove("failed");
    }
    keys.sort_keys();
    let text = if pretty {
        pretty_json(&keys)
    } else {
        serde_json::to_string(&keys).unwrap_or_default()
    };
    harmless(&text).into_owned()
}

/// JSON over many lines, indented as Ansible indents it.
pub fn pretty_json(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let format = PrettyFormatter::with_indent(b"    ");
    match value.serialize(&mut Serializer::with_formatter(&mut out, format)) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(_) => String::new(),
    }
}
