//! What the modules of `community.crypto` share: a file that the host's own `openssl` makes.

use super::made::Made;
use crate::modules::{Arg, Args, Context, Fail};
use std::collections::BTreeMap;

/// The variable that carries a passphrase to `openssl`: never an argument, never a file.
pub const PASS: &str = "HOIST_PASSPHRASE";

/// The arguments all of them have, with `state` and `backup`.
pub static COMMON_ARGS: &[Arg] = &[
    Arg::path("path", "the file on the host").required(),
    Arg::str("state", "whether it is there")
        .default("present")
        .choices(&["absent", "present"]),
    Arg::bool("force", "make it anew even when it fits").default("false"),
    Arg::bool("backup", "keep a dated copy of the old file").default("false"),
    Arg::refused(
        "select_crypto_backend",
        "the host's own `openssl` does the work, there is nothing to choose",
    ),
];

/// For what is no secret.
pub const RETURN_CONTENT: Arg =
    Arg::bool("return_content", "give the file's text back, too").default("false");

/// The file of a module; `mode` is its mode when the task names none.
///
/// # Errors
/// A mode that is none.
pub fn made(args: &Args, ctx: &Context<'_>, mode: Option<&str>) -> Result<Made, Fail> {
    Ok(Made {
        force: args.bool("force"),
        absent: args.str("state") == "absent",
        backup: args.bool("backup"),
        ..Made::of("openssl", args.str("path"), args, ctx, mode)?
    })
}

/// The lines after each line `==NAME`, by name.
pub fn sections(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut out: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        match line.strip_prefix("==") {
            Some(next) => {
                name = next;
                out.entry(name).or_default();
            }
            None => out.entry(name).or_default().push(line),
        }
    }
    out
}

/// The extensions in what `openssl … -text` printed: name (with `critical`) and its values, sorted.
pub fn extensions(text: &[&str]) -> BTreeMap<String, Vec<String>> {
    let indent = |l: &str| l.len() - l.trim_start().len();
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let Some(at) = text.iter().position(|l| {
        let l = l.trim();
        l == "Requested Extensions:" || l == "X509v3 extensions:"
    }) else {
        return out;
    };
    let outer = indent(text[at]);
    let mut inner = None;
    let mut name = String::new();
    for line in &text[at + 1..] {
        if line.trim().is_empty() {
            continue;
        }
        if indent(line) <= outer {
            break;
        }
        if indent(line) <= *inner.get_or_insert(indent(line)) {
            name = line.trim().to_owned();
            out.entry(name.clone()).or_default();
        } else if let Some(values) = out.get_mut(&name) {
            // Some lines hold two indented parts; how far depends on what is printed.
            let words = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
            values.extend(line.split(", ").map(words));
        }
    }
    out.values_mut().for_each(|v| v.sort());
    out
}
