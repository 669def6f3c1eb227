//! `ansible.builtin.lineinfile`: one line of a text file.

use super::attrs::FILE_ARGS;
use super::edit::{EDIT_ARGS, Editor, lines, message, same_form, to_bytes};
use super::pattern::Pattern;
use super::setting::Setting;
use crate::host::Known;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::Map;

/// See Ansible's page of `lineinfile`.
pub static LINEINFILE: Spec = Spec {
    name: "ansible.builtin.lineinfile",
    aliases: &[],
    about: "makes sure that a line is in a text file, or is not",
    free_form: None,
    args: &[
        &[
            Arg::path("path", "the file")
                .alias(&["dest", "destfile", "name"])
                .required(),
            Arg::str("state", "whether the line shall be there")
                .default("present")
                .choices(&["absent", "present"]),
            Arg::str(
                "regexp",
                "the line to replace or remove; the last that matches",
            )
            .alias(&["regex"]),
            Arg::str(
                "search_string",
                "plain text in the line to replace or remove",
            ),
            Arg::str("line", "the line").alias(&["value"]),
            Arg::bool(
                "backrefs",
                "fill `\\1` in `line` from `regexp`; nothing is added when it does not match",
            )
            .default("false"),
            Arg::str(
                "insertafter",
                "where a new line goes: after the last match of this, or `EOF`",
            ),
            Arg::str(
                "insertbefore",
                "where a new line goes: before the last match of this, or `BOF`",
            ),
            Arg::bool("firstmatch", "take first matches instead of last ones").default("false"),
            Arg::bool("create", "make the file when it is missing").default("false"),
        ],
        EDIT_ARGS,
        FILE_ARGS,
    ],
    rules: &[
        Rule::Exclusive(&["insertbefore", "insertafter"]),
        Rule::Exclusive(&["regexp", "search_string"]),
        Rule::Exclusive(&["backrefs", "search_string"]),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("msg", "what was done"),
        ("found", "how many lines were removed"),
        ("backup", "where the old file was kept"),
    ],
    example: "- lineinfile:\n    path: /etc/ssh/sshd_config\n    regexp: '^#?PermitRootLogin'\n    line: PermitRootLogin no\n    validate: sshd -t -f %s\n",
    run: Run::Bind(bind),
};

/// How the line is looked for.
enum Needle {
    Pattern(String),
    Text(String),
    None,
}

struct LineInFile {
    needle: Needle,
    line: Option<String>,
    backrefs: bool,
    after: Option<String>,
    before: Option<String>,
    first: bool,
    create: bool,
    absent: bool,
    warnings: Vec<String>,
    editor: Editor,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| args.opt_str(name).map(str::to_owned);
    let absent = args.str("state") == "absent";
    let needle = match (own("regexp"), own("search_string")) {
        (Some(r), _) => Needle::Pattern(r),
        (None, Some(s)) => Needle::Text(s),
        (None, None) => Needle::None,
    };
    let line = own("line");
    let backrefs = args.bool("backrefs");
    if absent {
        if matches!(needle, Needle::None) && line.is_none() {
            return Err(Fail::new(
                "one of line, search_string, or regexp is required with state=absent",
            ));
        }
    } else {
        if backrefs && !matches!(needle, Needle::Pattern(_)) {
            return Err(Fail::new("regexp is required with backrefs=true"));
        }
        if line.is_none() {
            return Err(Fail::new("line is required with state=present"));
        }
    }
    let mut warnings = Vec::new();
    let empty = match &needle {
        Needle::Pattern(p) if p.is_empty() => Some("regular expression"),
        Needle::Text(t) if t.is_empty() => Some("search string"),
        _ => None,
    };
    if let Some(what) = empty {
        warnings.push(format!(
            "the {what} is empty, so it is in every line of the file"
        ));
    }
    for pattern in [
        own("regexp"),
        own("insertafter").filter(|p| p != "EOF" && p != "BOF"),
        own("insertbefore").filter(|p| p != "BOF"),
    ] {
        pattern.map(|p| Pattern::new(&p, false)).transpose()?;
    }
    let (mut after, before) = (own("insertafter"), own("insertbefore"));
    if after.is_none() && before.is_none() {
        after = Some("EOF".into());
    }
    Ok(Bound::Decide(Box::new(LineInFile {
        needle,
        line,
        backrefs,
        after,
        before,
        first: args.bool("firstmatch"),
        create: args.bool("create"),
        absent,
        warnings,
        editor: Editor::of(args, "path", Setting::of(ctx))?,
    })))
}

impl Decide for LineInFile {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let loaded = self.editor.load(known)?;
        let mut result = Map::new();
        if loaded.stat.is_none() {
            if self.absent {
                result.insert("msg".into(), "file not present".into());
                return Ok(Decision::same(result));
            }
            if !self.create {
                return Err(
                    Fail::new(format!("Destination {} does not exist !", loaded.path))
                        .with("rc", 257)
                        .into(),
                );
            }
        }
        let (text, bytewise) = loaded.text();
        let mut all = lines(&text);
        let msg = if self.absent {
            let found = self.remove(&mut all, bytewise)?;
            result.insert("found".into(), found.into());
            if found > 0 {
                format!("{found} line(s) removed")
            } else {
                String::new()
            }
        } else {
            self.put(&mut all, bytewise)?.to_owned()
        };
        let new = all.concat();
        let edited = self.editor.decide(
            known,
            &loaded,
            (new != text).then(|| to_bytes(&new, bytewise)),
        )?;
        result.insert("msg".into(), message(&msg, &edited).into());
        let diff = self.editor.diffs(&loaded, &edited, &text, &new);
        let mut decision = edited.finish(result, "backup", true, diff);
        decision.warnings.extend(self.warnings.clone());
        Ok(decision)
    }
}

impl LineInFile {
    fn remove(&self, all: &mut Vec<String>, bytewise: bool) -> Result<usize, Fail> {
        let before = all.len();
        match &self.needle {
            Needle::Pattern(p) => {
                let p = Pattern::new(&same_form(p, bytewise), false)?;
                all.retain(|l| !p.is_in(l));
            }
            Needle::Text(t) => {
                let t = same_form(t, bytewise);
                all.retain(|l| !l.contains(&t));
            }
            Needle::None => {
                let line = same_form(self.line.as_deref().unwrap_or_default(), bytewise);
                all.retain(|l| bare(l) != line);
            }
        }
        Ok(before - all.len())
    }

    /// Puts the line where it belongs; the message, empty when it was there.
    fn put(&self, all: &mut Vec<String>, bytewise: bool) -> Result<&'static str, Fail> {
        let line = same_form(self.line.as_deref().unwrap_or_default(), bytewise);
        let pattern = match &self.needle {
            Needle::Pattern(p) => Some(Pattern::new(&same_form(p, bytewise), false)?),
            _ => None,
        };
        let text = match &self.needle {
            Needle::Text(t) => Some(same_form(t, bytewise)),
            _ => None,
        };
        let is_in = |l: &str| match (&pattern, &text) {
            (Some(p), _) => p.is_in(l),
            (None, Some(t)) => l.contains(t.as_str()),
            _ => false,
        };
        let hit = if self.first {
            all.iter().position(|l| is_in(l))
        } else {
            all.iter().rposition(|l| is_in(l))
        };
        if let Some(at) = hit {
            let mut new = match (&pattern, self.backrefs) {
                (Some(p), true) => match p.find(&all[at]) {
                    Some(found) => p.expand(&line, &found)?,
                    None => line,
                },
                _ => line,
            };
            if !new.ends_with('\n') {
                new.push('\n');
            }
            if all[at] == new {
                return Ok("");
            }
            all[at] = new;
            return Ok("line replaced");
        }
        let (exact, anchor) = self.scan(all, &line, bytewise)?;
        let ended = format!("{line}\n");
        let after = self.after.as_deref();
        if let Some(at) = exact {
            // The line as such is there; only its end may differ (`\r\n`, or none at the end of the file).
            let new = if line.ends_with('\n') { line } else { ended };
            if all[at] == new {
                return Ok("");
            }
            all[at] = new;
            return Ok("line replaced");
        }
        if self.backrefs {
            return Ok("");
        }
        if self.before.as_deref() == Some("BOF") || after == Some("BOF") {
            all.insert(0, ended);
            return Ok("line added");
        }
        let Some(at) = anchor.filter(|_| after != Some("EOF")) else {
            if all.last().is_some_and(|l| !l.ends_with(['\n', '\r'])) {
                all.push("\n".into());
            }
            all.push(ended);
            return Ok("line added");
        };
        if after.is_some() {
            let there = if at == all.len() {
                &all[at - 1]
            } else {
                &all[at]
            };
            if bare(there) == line {
                return Ok("");
            }
            if at == all.len() && !all[at - 1].ends_with(['\n', '\r']) {
                // Ansible would glue the two together here; nobody can have meant that.
                all[at - 1].push('\n');
            }
        }
        all.insert(at, ended);
        Ok("line added")
    }

    /// Where the very line is, and where `insertafter` or `insertbefore` points.
    fn scan(
        &self,
        all: &[String],
        line: &str,
        bytewise: bool,
    ) -> Result<(Option<usize>, Option<usize>), Fail> {
        let word = self
            .after
            .as_deref()
            .filter(|p| *p != "EOF" && *p != "BOF")
            .or(self.before.as_deref().filter(|p| *p != "BOF"));
        let anchor = word
            .map(|p| Pattern::new(&same_form(p, bytewise), false))
            .transpose()?;
        let (mut exact, mut at) = (None, None);
        for (number, text) in all.iter().enumerate() {
            if bare(text) == line {
                exact = Some(number);
            } else if anchor.as_ref().is_some_and(|p| p.is_in(text)) {
                at = Some(if self.after.is_some() {
                    number + 1
                } else {
                    number
                });
                if self.first {
                    break;
                }
            }
        }
        Ok((exact, at))
    }
}

fn bare(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::{Value as Json, json};

    fn edit(before: &str, mut args: Json) -> (String, String) {
        let mut host = Host::new().file("/etc/f", 0o644, before);
        args["path"] = "/etc/f".into();
        let ran = host.settle(&LINEINFILE, args);
        (host.text("/etc/f"), ran.get("msg").to_string())
    }

    #[test]
    fn lines_go_where_ansible_puts_them() {
        // The answers are ansible-core 2.19's.
        for (before, args, after, msg) in [
            ("a\nb\n", json!({"line": "c"}), "a\nb\nc\n", "line added"),
            ("a\nb", json!({"line": "c"}), "a\nb\nc\n", "line added"),
            ("a\nb\n", json!({"line": "a"}), "a\nb\n", ""),
            ("", json!({"line": "a"}), "a\n", "line added"),
            (
                "a=1\nb\na=2\n",
                json!({"regexp": "^a=", "line": "a=3"}),
                "a=1\nb\na=3\n",
                "line replaced",
            ),
            (
                "a=1\nb\na=2\n",
                json!({"regexp": "^a=", "line": "a=3", "firstmatch": true}),
                "a=3\nb\na=2\n",
                "line replaced",
            ),
            (
                "a=1\n",
                json!({"regexp": "^a=(.*)$", "line": "b=\\1", "backrefs": true}),
                "b=1\n",
                "line replaced",
            ),
            (
                "x\n",
                json!({"regexp": "^a=(.*)$", "line": "b=\\1", "backrefs": true}),
                "x\n",
                "",
            ),
            (
                "a\nb\nc\n",
                json!({"line": "n", "insertafter": "^a"}),
                "a\nn\nb\nc\n",
                "line added",
            ),
            (
                "a\nb\na\nc\n",
                json!({"line": "n", "insertafter": "^a"}),
                "a\nb\na\nn\nc\n",
                "line added",
            ),
            (
                "a\nb\na\nc\n",
                json!({"line": "n", "insertafter": "^a", "firstmatch": true}),
                "a\nn\nb\na\nc\n",
                "line added",
            ),
            (
                "a\nb\nc\n",
                json!({"line": "n", "insertbefore": "^c"}),
                "a\nb\nn\nc\n",
                "line added",
            ),
            (
                "a\nb\n",
                json!({"line": "n", "insertbefore": "BOF"}),
                "n\na\nb\n",
                "line added",
            ),
            (
                "a\nb\n",
                json!({"line": "n", "insertafter": "nothing"}),
                "a\nb\nn\n",
                "line added",
            ),
            (
                "a\nb\n",
                json!({"line": "n", "insertafter": "^b"}),
                "a\nb\nn\n",
                "line added",
            ),
            (
                "key: old\n",
                json!({"search_string": "key:", "line": "key: new"}),
                "key: new\n",
                "line replaced",
            ),
            (
                "a\nb\na\n",
                json!({"line": "a", "state": "absent"}),
                "b\n",
                "2 line(s) removed",
            ),
            (
                "a1\nb\na2\n",
                json!({"regexp": "^a", "state": "absent"}),
                "b\n",
                "2 line(s) removed",
            ),
            (
                "ab\n",
                json!({"search_string": "x", "state": "absent"}),
                "ab\n",
                "",
            ),
            ("a\r\n", json!({"line": "a"}), "a\n", "line replaced"),
        ] {
            assert_eq!(
                edit(before, args.clone()),
                (after.to_owned(), msg.to_owned()),
                "{before:?} with {args}"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_stay() {
        let mut host = Host::new().file("/etc/f", 0o644, "");
        host.nodes.get_mut("/etc/f").unwrap().content = b"\xff=1\nk=\xe9\n"[..].into();
        host.settle(
            &LINEINFILE,
            json!({"path": "/etc/f", "regexp": "^k=", "line": "k=ü"}),
        );
        assert_eq!(&*host.nodes["/etc/f"].content, b"\xff=1\nk=\xc3\xbc\n");
    }

    #[test]
    fn files_are_made_and_attributes_set() {
        let mut host = Host::new();
        let ran = host.settle(&LINEINFILE, json!({"path": "/srv/a/f", "line": "x", "create": true, "mode": "0600", "owner": "ann"}));
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'msg': 'line added and ownership, perms or SE linux context changed', 'backup': ''}
        --- /srv/a/f (content)
        +++ /srv/a/f (content)
        x
        > mkdir /srv/a
        > write /srv/a/f "x\n" owner=ann mode=0600
        "#);
        let ran = host.settle(
            &LINEINFILE,
            json!({"path": "/srv/a/f", "line": "x", "mode": "0640", "backup": true}),
        );
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'msg': 'ownership, perms or SE linux context changed', 'backup': ''}
        --- /srv/a/f (file attributes)
        {
            "mode": "0600",
            "path": "/srv/a/f"
        }
        +++ /srv/a/f (file attributes)
        {
            "mode": "0640",
            "path": "/srv/a/f"
        }
        > set /srv/a/f mode=0640
        "#);
        let ran = host.settle(
            &LINEINFILE,
            json!({"path": "/srv/a/f", "line": "y", "backup": true, "validate": "check %s"}),
        );
        insta::assert_snapshot!(ran.shown(), @r#"
        changed: true
        result: {'msg': 'line added', 'backup': '/srv/a/f.1.2026-01-02@03:04:05~'}
        --- /srv/a/f (content)
        x
        +++ /srv/a/f (content)
        x
        y
        > write /srv/a/f "x\ny\n" backup validate=check %s
        "#);
    }

    #[test]
    fn mistakes_are_said() {
        let said = |args| {
            Host::new()
                .dir("/etc/d", 0o755)
                .file("/etc/f", 0o644, "x\n")
                .apply(&LINEINFILE, args)
                .failed()
                .to_owned()
        };
        insta::assert_snapshot!(said(json!({"path": "/etc/none", "line": "x"})), @"Destination /etc/none does not exist !");
        insta::assert_snapshot!(said(json!({"path": "/etc/d", "line": "x"})), @"Path /etc/d is a directory !");
        insta::assert_snapshot!(said(json!({"path": "/etc/f"})), @"line is required with state=present");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "regexp": "(", "line": "x"})), @"`(` is not a regular expression: Parsing error at position 1: Opening parenthesis without closing parenthesis");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "regexp": "x", "search_string": "x", "line": "x"})), @"`ansible.builtin.lineinfile`: arguments exclude each other: regexp, search_string");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "line": "x", "owner": "bob"})), @"chown failed: failed to look up user bob");
        insta::assert_snapshot!(said(json!({"path": "/etc/f", "line": "x", "validate": "true"})), @"validate must contain %s: true");
    }
}
