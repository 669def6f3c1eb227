//! The text of an `ansible.cfg`: sections of `key = value`.

use crate::error::{Source, Span};
use std::sync::Arc;

/// One `key = value` line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setting {
    pub(super) section: String,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) span: Span,
}

/// Reads the settings. Comments begin a line with `#` or `;`, or follow a value after ` ;`; an indented line goes on with
/// the value above. Returns the places of lines that are nothing of the kind, too.
pub(super) fn parse(source: &Arc<Source>) -> (Vec<Setting>, Vec<Span>) {
    let mut settings: Vec<Setting> = Vec::new();
    let mut strange = Vec::new();
    let mut section = String::new();
    let mut open = false;
    for (number, line) in source.text.lines().enumerate() {
        let trimmed = line.trim();
        let span = Span {
            source: source.clone(),
            line: u32::try_from(number + 1).unwrap_or(u32::MAX),
            column: u32::try_from(line.chars().take_while(|c| c.is_whitespace()).count() + 1)
                .unwrap_or(1),
            length: u32::try_from(trimmed.chars().count()).unwrap_or(u32::MAX),
        };
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let value = |text: &str| match text.find(" ;") {
            Some(at) => text[..at].trim().to_owned(),
            None => text.trim().to_owned(),
        };
        if line.starts_with([' ', '\t']) && open {
            if let Some(last) = settings.last_mut() {
                last.value = format!("{}\n{}", last.value, value(trimmed))
                    .trim()
                    .to_owned();
            }
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|t| t.split(']').next()) {
            section = name.trim().to_owned();
            open = false;
            continue;
        }
        match trimmed.split_once(['=', ':']) {
            Some((key, text)) if !section.is_empty() && !key.trim().is_empty() => {
                settings.push(Setting {
                    section: section.clone(),
                    key: key.trim().to_lowercase(),
                    value: value(text),
                    span,
                });
                open = true;
            }
            _ => strange.push(span),
        }
    }
    (settings, strange)
}
