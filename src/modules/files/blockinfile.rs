//! `ansible.builtin.blockinfile`: lines between two markers in a text file.

use super::attrs::FILE_ARGS;
use super::edit::{EDIT_ARGS, Editor, message, same_form, to_bytes};
use super::pattern::{Pattern, inline_flags};
use super::setting::Setting;
use crate::host::Known;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::Map;

/// See Ansible's page of `blockinfile`.
pub static BLOCKINFILE: Spec = Spec {
    name: "ansible.builtin.blockinfile",
    aliases: &[],
    about: "keeps a block of lines, between two markers, in a text file",
    free_form: None,
    args: &[
        &[
            Arg::path("path", "the file")
                .alias(&["dest", "destfile", "name"])
                .required(),
            Arg::str("state", "whether the block shall be there")
                .default("present")
                .choices(&["absent", "present"]),
            Arg::str("block", "the lines; none removes the block")
                .alias(&["content"])
                .default(""),
            Arg::str(
                "marker",
                "the line before and after the block, with `{mark}` for which of the two",
            )
            .default("# {mark} ANSIBLE MANAGED BLOCK"),
            Arg::str("marker_begin", "`{mark}` before the block").default("BEGIN"),
            Arg::str("marker_end", "`{mark}` after the block").default("END"),
            Arg::str(
                "insertafter",
                "where a new block goes: after the last match of this, or `EOF`",
            ),
            Arg::str(
                "insertbefore",
                "where a new block goes: before the last match of this, or `BOF`",
            ),
            Arg::bool("create", "make the file when it is missing").default("false"),
            Arg::bool("append_newline", "an empty line after the block").default("false"),
            Arg::bool("prepend_newline", "an empty line before the block").default("false"),
        ],
        EDIT_ARGS,
        FILE_ARGS,
    ],
    rules: &[Rule::Exclusive(&["insertbefore", "insertafter"])],
    check: CheckSupport::Full,
    returns: &[
        ("msg", "what was done"),
        ("backup_file", "where the old file was kept"),
    ],
    example: "- blockinfile:\n    path: /etc/hosts\n    block: |\n      10.0.0.1 db\n      10.0.0.2 web\n",
    run: Run::Bind(bind),
};

struct BlockInFile {
    block: Option<String>,
    begin: String,
    end: String,
    after: Option<String>,
    before: Option<String>,
    create: bool,
    absent: bool,
    blank_after: bool,
    blank_before: bool,
    editor: Editor,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| args.opt_str(name).map(str::to_owned);
    let absent = args.str("state") == "absent";
    let mark = |which: &str| args.str("marker").replace("{mark}", args.str(which)) + "\n";
    let (after, before) = (own("insertafter"), own("insertbefore"));
    for word in [
        after.as_ref().filter(|w| *w != "EOF"),
        before.as_ref().filter(|w| *w != "BOF"),
    ] {
        word.map(|w| Pattern::new(w, false)).transpose()?;
    }
    Ok(Bound::Decide(Box::new(BlockInFile {
        block: Some(args.str("block").to_owned()).filter(|b| !absent && !b.is_empty()),
        begin: mark("marker_begin"),
        end: mark("marker_end"),
        after,
        before,
        create: args.bool("create"),
        absent,
        blank_after: args.bool("append_newline") && !absent,
        blank_before: args.bool("prepend_newline") && !absent,
        editor: Editor::of(args, "path", Setting::of(ctx))?,
    })))
}

impl Decide for BlockInFile {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let loaded = self.editor.load(known)?;
        let mut result = Map::new();
        if loaded.stat.is_none() {
            if !self.create {
                return Err(Fail::new(format!("Path {} does not exist !", loaded.path))
                    .with("rc", 257)
                    .into());
            }
            if self.absent {
                result.insert(
                    "msg".into(),
                    format!("File {} not present", loaded.path).into(),
                );
                return Ok(Decision::same(result));
            }
        }
        let (text, bytewise) = loaded.text();
        let new = self.edit(&text, bytewise)?;
        let (changed, msg) = match &loaded.stat {
            None => (true, "File created"),
            Some(_) if new == text => (false, ""),
            Some(_) if self.block.is_none() => (true, "Block removed"),
            Some(_) => (true, "Block inserted"),
        };
        let edited =
            self.editor
                .decide(known, &loaded, changed.then(|| to_bytes(&new, bytewise)))?;
        result.insert("msg".into(), message(msg, &edited).into());
        let diff = self.editor.diffs(&loaded, &edited, &text, &new);
        Ok(edited.finish(result, "backup_file", false, diff))
    }
}

impl BlockInFile {
    fn edit(&self, text: &str, bytewise: bool) -> Result<String, Fail> {
        let form = |t: &str| same_form(t, bytewise);
        let (begin, end) = (form(&self.begin), form(&self.end));
        let mut lines = split_lines(text);
        let first = lines.iter().rposition(|l| *l == begin);
        let last = lines.iter().rposition(|l| *l == end);
        let mut at = match (first, last) {
            (Some(a), Some(b)) => {
                let (from, to) = (a.min(b), a.max(b));
                lines.drain(from..=to);
                from
            }
            _ => self.anchor(text, &lines, bytewise)?,
        };
        if at > 0
            && let Some(before) = lines.get_mut(at - 1)
            && !before.ends_with('\n')
        {
            before.push('\n');
        }
        if self.blank_before && at > 0 && lines.get(at - 1).is_some_and(|l| l != "\n") {
            lines.insert(at, "\n".into());
            at += 1;
        }
        let mut block = Vec::new();
        if let Some(text) = &self.block {
            let mut text = form(text);
            if !text.ends_with('\n') {
                text.push('\n');
            }
            block.push(begin);
            block.extend(split_lines(&text));
            block.push(end);
        }
        let behind = at + block.len();
        lines.splice(at..at, block);
        if self.blank_after && lines.get(behind).is_some_and(|l| l != "\n") {
            lines.insert(behind, "\n".into());
        }
        Ok(lines.concat())
    }

    /// The line number at which a new block goes.
    fn anchor(&self, text: &str, lines: &[String], bytewise: bool) -> Result<usize, Fail> {
        let (word, after) = match (&self.after, &self.before) {
            (Some(word), _) => (word, true),
            (None, Some(word)) => (word, false),
            (None, None) => return Ok(lines.len()),
        };
        match word.as_str() {
            "EOF" if after => return Ok(lines.len()),
            "BOF" if !after => return Ok(0),
            _ => {}
        }
        let pattern = Pattern::new(&same_form(word, bytewise), false)?;
        // With an inline `(?m)` the pattern may span lines, so the whole text is searched.
        let whole = inline_flags(word).contains('m');
        let hit = if whole {
            pattern
                .place(text)
                .map(|(from, to)| text[..if after { to } else { from }].matches('\n').count())
        } else {
            lines.iter().rposition(|l| pattern.is_in(l))
        };
        Ok(hit.map_or(lines.len(), |n| if after { n + 1 } else { n }))
    }
}

/// Lines with their ends, as Python's `bytes.splitlines(True)`: `\n`, `\r` and `\r\n` end one.
fn split_lines(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\r']) {
        let length = if rest[at..].starts_with("\r\n") { 2 } else { 1 };
        let (line, after) = rest.split_at(at + length);
        out.push(line.to_owned());
        rest = after;
    }
    if !rest.is_empty() {
        out.push(rest.to_owned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::Host;
    use serde_json::{Value as Json, json};

    #[test]
    fn blocks_go_where_ansible_puts_them() {
        let (b, e) = (
            "# BEGIN ANSIBLE MANAGED BLOCK\n",
            "# END ANSIBLE MANAGED BLOCK\n",
        );
        for (before, args, after, msg) in [
            (
                "a\n",
                json!({"block": "x\ny"}),
                format!("a\n{b}x\ny\n{e}"),
                "Block inserted",
            ),
            (
                "a",
                json!({"block": "x\n"}),
                format!("a\n{b}x\n{e}"),
                "Block inserted",
            ),
            (
                &*format!("a\n{b}x\n{e}z\n"),
                json!({"block": "n"}),
                format!("a\n{b}n\n{e}z\n"),
                "Block inserted",
            ),
            (
                &*format!("a\n{b}x\n{e}z\n"),
                json!({"block": "x"}),
                format!("a\n{b}x\n{e}z\n"),
                "",
            ),
            (
                &*format!("a\n{b}x\n{e}z\n"),
                json!({"state": "absent"}),
                "a\nz\n".into(),
                "Block removed",
            ),
            (
                &*format!("a\n{b}x\n{e}z\n"),
                json!({"block": ""}),
                "a\nz\n".into(),
                "Block removed",
            ),
            (
                "a\nb\nc\n",
                json!({"block": "x", "insertafter": "^b"}),
                format!("a\nb\n{b}x\n{e}c\n"),
                "Block inserted",
            ),
            (
                "a\nb\nc\n",
                json!({"block": "x", "insertbefore": "^b"}),
                format!("a\n{b}x\n{e}b\nc\n"),
                "Block inserted",
            ),
            (
                "a\n",
                json!({"block": "x", "insertbefore": "BOF"}),
                format!("{b}x\n{e}a\n"),
                "Block inserted",
            ),
            (
                "a\n",
                json!({"block": "x", "insertafter": "none"}),
                format!("a\n{b}x\n{e}"),
                "Block inserted",
            ),
            (
                "a\nb\n",
                json!({"block": "x", "insertafter": "a", "prepend_newline": true, "append_newline": true}),
                format!("a\n\n{b}x\n{e}\nb\n"),
                "Block inserted",
            ),
            (
                "a\n",
                json!({"content": "x", "marker": "<!-- {mark} -->", "marker_begin": "<", "marker_end": ">"}),
                "a\n<!-- < -->\nx\n<!-- > -->\n".into(),
                "Block inserted",
            ),
            (
                "a\nb\nc\n",
                json!({"block": "x", "insertafter": "(?m)a\\nb$"}),
                format!("a\nb\n{b}x\n{e}c\n"),
                "Block inserted",
            ),
        ] {
            let mut args: Json = args;
            args["path"] = "/etc/f".into();
            let mut host = Host::new().file("/etc/f", 0o644, before);
            let ran = host.settle(&BLOCKINFILE, args.clone());
            assert_eq!(
                (host.text("/etc/f"), ran.get("msg").to_string()),
                (after, msg.to_owned()),
                "{before:?} {args}"
            );
        }
    }

    #[test]
    fn files_are_made_on_demand() {
        let mut host = Host::new();
        let ran = host.settle(
            &BLOCKINFILE,
            json!({"path": "/etc/f", "block": "x", "create": true, "mode": "0600"}),
        );
        insta::assert_snapshot!(ran.shown(), @r##"
        changed: true
        result: {'msg': 'File created and ownership, perms or SE linux context changed'}
        --- /etc/f (content)
        +++ /etc/f (content)
        # BEGIN ANSIBLE MANAGED BLOCK
        x
        # END ANSIBLE MANAGED BLOCK
        > write /etc/f "# BEGIN ANSIBLE MANAGED BLOCK\nx\n# END ANSIBLE MANAGED BLOCK\n" mode=0600
        "##);
        insta::assert_snapshot!(host.apply(&BLOCKINFILE, json!({"path": "/etc/none", "block": "x"})).failed(), @"Path /etc/none does not exist !");
    }
}
