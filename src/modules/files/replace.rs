//! `ansible.builtin.replace`: every place in a text that a pattern matches.

use super::attrs::FILE_ARGS;
use super::edit::{EDIT_ARGS, Editor, message, same_form, to_bytes};
use super::pattern::Pattern;
use super::setting::Setting;
use crate::host::Known;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Diff, Fail, Run, Spec, Step,
};
use crate::value::Map;

/// See Ansible's page of `replace`.
pub static REPLACE: Spec = Spec {
    name: "ansible.builtin.replace",
    aliases: &[],
    about: "replaces every match of a pattern in a text file",
    free_form: None,
    args: &[
        &[
            Arg::path("path", "the file")
                .alias(&["dest", "destfile", "name"])
                .required(),
            Arg::str("regexp", "the pattern; `^` and `$` match at every line").required(),
            Arg::str(
                "replace",
                "what takes its place, with `\\1` for groups; nothing removes the match",
            )
            .default(""),
            Arg::str("after", "a pattern: only what follows it is changed"),
            Arg::str("before", "a pattern: only what precedes it is changed"),
            Arg::str("encoding", "how the file is encoded").default("utf-8"),
        ],
        EDIT_ARGS,
        FILE_ARGS,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("msg", "what was done"),
        ("rc", "0"),
        ("backup_file", "where the old file was kept"),
    ],
    example: "- replace:\n    path: /etc/hosts\n    regexp: '(\\s)old\\.example(\\s)'\n    replace: '\\1new.example\\2'\n",
    run: Run::Bind(bind),
};

struct Replace {
    regexp: String,
    replace: String,
    section: Option<String>,
    latin: bool,
    editor: Editor,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let given = |name| args.opt_str(name).filter(|s: &&str| !s.is_empty());
    let section = match (given("after"), given("before")) {
        (Some(after), Some(before)) => Some(format!("{after}(?P<subsection>.*?){before}")),
        (Some(after), None) => Some(format!("{after}(?P<subsection>.*)")),
        (None, Some(before)) => Some(format!("(?P<subsection>.*){before}")),
        (None, None) => None,
    };
    let regexp = args.str("regexp").to_owned();
    Pattern::new(&regexp, true)?;
    section
        .as_ref()
        .map(|s| Pattern::new(&format!("(?s){s}"), false))
        .transpose()?;
    let encoding = args.str("encoding").to_ascii_lowercase().replace('_', "-");
    let latin = match encoding.as_str() {
        "utf-8" | "utf8" | "ascii" | "us-ascii" => false,
        "latin-1" | "latin1" | "iso-8859-1" => true,
        _ => {
            return Err(Fail::new(format!(
                "encoding `{encoding}` is not supported: utf-8, ascii and latin-1 are"
            )));
        }
    };
    let editor = Editor::of(args, "path", Setting::of(ctx))?;
    Ok(Bound::Decide(Box::new(Replace {
        regexp,
        replace: args.str("replace").to_owned(),
        section,
        latin,
        editor,
    })))
}

impl Decide for Replace {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let loaded = self.editor.load(known)?;
        let Some(bytes) = &loaded.bytes else {
            return Err(Fail::new(format!("Path {} does not exist !", loaded.path))
                .with("rc", 257)
                .into());
        };
        let (text, bytewise) = if self.latin {
            (bytes.iter().map(|b| char::from(*b)).collect(), true)
        } else {
            loaded.text()
        };
        // In latin-1 the arguments' characters are the file's; in broken UTF-8 their bytes are.
        let form = |text: &str| {
            if self.latin {
                text.to_owned()
            } else {
                same_form(text, bytewise)
            }
        };
        let mut result = Map::new();
        result.insert("rc".into(), 0.into());
        let mut part = 0..text.len();
        if let Some(section) = &self.section {
            let found = Pattern::new(&format!("(?s){}", form(section)), false)?;
            match found
                .find(&text)
                .and_then(|f| f.name("subsection").map(|m| m.start()..m.end()))
            {
                Some(range) => part = range,
                None => {
                    let msg = format!(
                        "Pattern for before/after params did not match the given file: {section}"
                    );
                    result.insert("msg".into(), msg.into());
                    return Ok(Decision::same(result));
                }
            }
        }
        let (new, count) = Pattern::new(&form(&self.regexp), true)?
            .replace_all(&text[part.clone()], &form(&self.replace))?;
        let changed = count > 0 && new != text[part.clone()];
        let new = format!("{}{new}{}", &text[..part.start], &text[part.end..]);
        let edited =
            self.editor
                .decide(known, &loaded, changed.then(|| to_bytes(&new, bytewise)))?;
        let msg = if changed {
            format!("{count} replacements made")
        } else {
            String::new()
        };
        result.insert("msg".into(), message(&msg, &edited).into());
        let diff = (self.editor.setting.diff && changed).then(|| Diff {
            before_header: loaded.path.clone(),
            after_header: loaded.path.clone(),
            before: text,
            after: new,
        });
        Ok(edited.finish(result, "backup_file", false, diff.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::{Value as Json, json};

    #[test]
    fn every_match_is_replaced() {
        for (before, args, after, msg) in [
            (
                "a b\na c\n",
                json!({"regexp": "^a", "replace": "x"}),
                "x b\nx c\n",
                "2 replacements made",
            ),
            (
                "k: 1\n",
                json!({"regexp": "^(\\w+): (\\d)$", "replace": "\\2=\\1"}),
                "1=k\n",
                "1 replacements made",
            ),
            (
                "a\nb\n",
                json!({"regexp": "^a\n"}),
                "b\n",
                "1 replacements made",
            ),
            ("a\n", json!({"regexp": "z", "replace": "y"}), "a\n", ""),
            (
                "a [x] a [y] a",
                json!({"regexp": "a", "replace": "b", "after": "\\[x\\]", "before": "\\[y\\]"}),
                "a [x] b [y] a",
                "1 replacements made",
            ),
            (
                "a X a",
                json!({"regexp": "a", "replace": "b", "after": "X"}),
                "a X b",
                "1 replacements made",
            ),
            (
                "a X a",
                json!({"regexp": "a", "replace": "b", "before": "X"}),
                "b X a",
                "1 replacements made",
            ),
            (
                "a",
                json!({"regexp": "a", "replace": "b", "before": "Q"}),
                "a",
                "Pattern for before/after params did not match the given file: (?P<subsection>.*)Q",
            ),
        ] {
            let mut args: Json = args;
            args["path"] = "/etc/f".into();
            let mut host = Host::new().file("/etc/f", 0o644, before);
            let ran = host.settle(&REPLACE, args.clone());
            assert_eq!(
                (
                    host.text("/etc/f").as_str(),
                    ran.get("msg").to_string().as_str()
                ),
                (after, msg),
                "{args}"
            );
        }
    }

    #[test]
    fn the_diff_shows_the_whole_text() {
        let mut host = Host::new().file("/etc/f", 0o644, "a\nb\n");
        let ran = host.settle(
            &REPLACE,
            json!({"path": "/etc/f", "regexp": "b", "replace": "c", "backup": true}),
        );
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'rc': 0, 'msg': '1 replacements made', 'backup_file': '/etc/f.1.2026-01-02@03:04:05~'}
        --- /etc/f
        a
        b
        +++ /etc/f
        a
        c
        > write /etc/f "a\nc\n" backup
        "#);
        let ran = host.apply(&REPLACE, json!({"path": "/etc/none", "regexp": "b"}));
        insta::assert_snapshot!(ran.failed(), @"Path /etc/none does not exist !");
    }
}
