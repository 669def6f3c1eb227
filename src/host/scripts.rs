//! The script of each action.

use super::asking::{exports, is_name};
use super::place::{above, base, join, parent};
use super::{Action, Attrs, Cmd, Content, Program, quote};
use crate::transport::Input;
use std::fmt::Write;
use std::sync::Arc;

/// Texts up to this size are written by the shell itself; larger ones and bytes that are no text are streamed.
const INLINE: usize = 48 << 10;

/// The script of one action and what it reads.
pub(super) fn script(action: &Action, mark: &str) -> Result<(String, Input), String> {
    let nothing = |script: String| Ok((script, Input::Nothing));
    if let Some(bad) = texts(action).into_iter().find(|t| t.contains('\0')) {
        return Err(format!(
            "a NUL character cannot be passed on: `{}`",
            bad.replace('\0', "\\0")
        ));
    }
    match action {
        Action::Write {
            path,
            content,
            attrs,
            backup,
            validate,
            in_place,
        } => {
            let mut s = begin(path, attrs, mark);
            let input = fill(&mut s, content);
            finish(&mut s, path, *backup, validate.as_deref(), *in_place, mark)?;
            Ok((s, input))
        }
        Action::Copy {
            from,
            to,
            attrs,
            backup,
            validate,
        } => {
            let mut s = begin(to, attrs, mark);
            let _ = writeln!(
                s,
                "set -C; : >\"$hoist_t\" || exit 1; set +C\ncp -- {} \"$hoist_t\" || exit 1",
                quote::path(from)
            );
            finish(&mut s, to, *backup, validate.as_deref(), false, mark)?;
            nothing(s)
        }
        Action::SetAttrs {
            path,
            attrs,
            follow,
            recurse,
        } => nothing(set_attrs(path, attrs, *follow, *recurse)),
        Action::MakeDir { path, attrs } => nothing(make_dir(path, attrs)),
        Action::Remove { path } => {
            let p = quote::path(path);
            // Nothing there is nothing to do; `rm -f` agrees, but starting it costs.
            nothing(format!(
                "if [ -e {p} ] || [ -h {p} ]; then rm -rf -- {p}; fi\n"
            ))
        }
        Action::Link { target, path, hard } => nothing(link(target, path, *hard, mark)),
        Action::Run(cmd) => run(cmd, mark),
    }
}

/// Every text of an action that becomes shell text.
fn texts(action: &Action) -> Vec<&str> {
    match action {
        Action::Write { path, validate, .. } => {
            let mut all = vec![path.as_str()];
            all.extend(validate.as_deref());
            all
        }
        Action::Copy { from, to, .. } => vec![from, to],
        Action::SetAttrs { path, .. } | Action::MakeDir { path, .. } | Action::Remove { path } => {
            vec![path]
        }
        Action::Link { target, path, .. } => vec![target, path],
        Action::Run(cmd) => {
            let mut all: Vec<&str> = cmd.env.values().map(String::as_str).collect();
            all.extend(cmd.chdir.as_deref());
            match &cmd.program {
                Program::Argv(argv) => all.extend(argv.iter().map(String::as_str)),
                Program::Script { text, executable } => all.extend([text.as_str(), executable]),
            }
            all
        }
    }
}

/// `.{name}.hoist-` beside the target; process, its start and a random text follow, so that a later run can tell the
/// temporary files of the dead from those of the living.
fn temporary(path: &str) -> String {
    let mut name = base(path);
    // A name may have 255 bytes.
    let mut cut = name.len().min(200);
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    name = &name[..cut];
    join(directory(path), &format!(".{name}.hoist-"))
}

fn directory(path: &str) -> &str {
    match parent(path) {
        "" => ".",
        directory => directory,
    }
}

fn random(mark: &str) -> &str {
    mark.get(..8).unwrap_or(mark)
}

fn mode(attrs: &Attrs) -> String {
    attrs.mode.map(|m| format!("{m:o}")).unwrap_or_default()
}

fn given(text: Option<&String>) -> String {
    quote::word(text.map_or("", String::as_str))
}

fn begin(path: &str, attrs: &Attrs, mark: &str) -> String {
    format!(
        "hoist_begin {} {} {} {} '{}' {} {}\n",
        quote::path(path),
        quote::path(directory(path)),
        quote::path(&temporary(path)),
        random(mark),
        mode(attrs),
        given(attrs.owner.as_ref()),
        given(attrs.group.as_ref()),
    )
}

/// Puts the content into the temporary file, made anew (`set -C`).
fn fill(s: &mut String, content: &Content) -> Input {
    match content {
        Content::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.len() <= INLINE && !text.contains(['\0', '\r']) => {
                // The builtin does not say why it failed, and what it printed is gone: cat says it.
                let _ = writeln!(
                    s,
                    "set -C; printf %s {0} 2>/dev/null >\"$hoist_t\" || {{ set +C; printf %s {0} | cat >>\"$hoist_t\"; exit 1; }}; set +C",
                    quote::word(text)
                );
                Input::Nothing
            }
            _ => {
                stream(s, &sha256(bytes));
                Input::Bytes(Arc::clone(bytes))
            }
        },
        Content::File {
            path,
            length,
            sha256,
        } => {
            stream(s, sha256);
            Input::File {
                path: path.clone(),
                length: *length,
            }
        }
    }
}

fn stream(s: &mut String, sha256: &str) {
    let _ = writeln!(
        s,
        "set -C; cat >\"$hoist_t\" || exit 1; set +C; hoist_written {}",
        quote::word(sha256)
    );
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// Attributes, validation, backup, and the rename.
fn finish(
    s: &mut String,
    path: &str,
    backup: bool,
    validate: Option<&str>,
    in_place: bool,
    mark: &str,
) -> Result<(), String> {
    let p = quote::path(path);
    let _ = writeln!(s, "hoist_attrs {p}");
    if let Some(command) = validate {
        let words = shell_words::split(command)
            .map_err(|e| format!("validate `{command}` is not a command: {e}"))?;
        let words: Vec<String> = words
            .iter()
            .map(|w| {
                w.split("%s")
                    .map(|part| {
                        if part.is_empty() {
                            String::new()
                        } else {
                            quote::word(part)
                        }
                    })
                    .collect::<Vec<_>>()
                    .join("\"$hoist_t\"")
            })
            .map(|w| if w.is_empty() { "''".to_owned() } else { w })
            .collect();
        let _ = writeln!(
            s,
            "{} >&2 || {{ r=$?; printf '=%s failed to validate: %s ended with rc %s' {mark} {} $r; exit 1; }}",
            words.join(" "),
            quote::word(&format!("`{command}`"))
        );
    }
    if backup {
        let _ = writeln!(s, "hoist_backup {p}");
    }
    let _ = writeln!(s, "hoist_land {p}{}", if in_place { " 1" } else { "" });
    Ok(())
}

fn set_attrs(path: &str, attrs: &Attrs, follow: bool, recurse: bool) -> String {
    let p = quote::path(path);
    let mut s = String::new();
    let recurse = if recurse { "-R " } else { "" };
    let owner = match (&attrs.owner, &attrs.group) {
        (Some(o), Some(g)) => Some(format!("{o}:{g}")),
        (Some(o), None) => Some(o.clone()),
        (None, Some(g)) => Some(format!(":{g}")),
        (None, None) => None,
    };
    if let Some(owner) = owner {
        let link = if follow { "" } else { "-h " };
        let _ = writeln!(
            s,
            "chown {recurse}{link}-- {} {p} || exit 1",
            quote::word(&owner)
        );
    }
    if attrs.mode.is_some() {
        // A link has no mode of its own.
        let guard = if follow {
            String::new()
        } else {
            format!("[ -h {p} ] || ")
        };
        let _ = writeln!(s, "{guard}chmod {recurse}-- {} {p} || exit 1", mode(attrs));
    }
    s.push_str(":\n");
    s
}

fn make_dir(path: &str, attrs: &Attrs) -> String {
    let own = [super::place::trim(path)];
    let mut chain: Vec<&str> = own
        .into_iter()
        .chain(above(path))
        .filter(|d| !d.is_empty())
        .collect();
    chain.reverse();
    let rest = format!(
        "'{}' {} {}",
        mode(attrs),
        given(attrs.owner.as_ref()),
        given(attrs.group.as_ref())
    );
    chain.iter().fold(String::new(), |mut s, directory| {
        let _ = writeln!(s, "hoist_mkdir {} {rest}", quote::path(directory));
        s
    })
}

fn link(target: &str, path: &str, hard: bool, mark: &str) -> String {
    let (p, kind) = (quote::path(path), if hard { "" } else { "-s " });
    let target = quote::word(target);
    let shown = quote::word(&format!("`{path}` is a directory"));
    format!(
        "[ ! -d {p} ] || [ -h {p} ] || hoist_fail {shown}\n\
         if [ ! -e {p} ] && [ ! -h {p} ]; then ln {kind}-- {target} {p} || exit 1\n\
         else hoist_temp {} {}\nln {kind}-- {target} \"$hoist_t\" || exit 1\n[ \"$hoist_t\" -ef {p} ] && [ ! -h \"$hoist_t\" ] || hoist_replace \"$hoist_t\" {p} || exit 1\n\
         rm -f -- \"$hoist_t\"; trap - EXIT HUP INT TERM PIPE\nfi\n",
        quote::path(&temporary(path)),
        random(mark)
    )
}

fn run(cmd: &Cmd, mark: &str) -> Result<(String, Input), String> {
    let mut s = String::new();
    let stop = |s: &mut String, test: &str, why: &str| {
        let _ = writeln!(
            s,
            "{test} || {{ printf '=%s %s' {mark} {}; exit 2; }}",
            quote::word(why)
        );
    };
    if let Some(name) = cmd.env.keys().find(|n| !is_name(n)) {
        return Err(format!(
            "`{name}` cannot be the name of an environment variable"
        ));
    }
    if let Some(directory) = &cmd.chdir {
        let why =
            format!("unable to change to the directory `{directory}` before running the command");
        let d = quote::path(directory);
        stop(&mut s, &format!("CDPATH= cd -- {d} 2>/dev/null"), &why);
    }
    s.push_str(&exports(&cmd.env));
    match &cmd.program {
        Program::Argv(argv) => {
            let Some(program) = argv.first().filter(|p| !p.is_empty()) else {
                return Err("there is no command to run".into());
            };
            let why = format!("no such program on the host: `{program}`");
            stop(
                &mut s,
                &format!("command -v {} >/dev/null 2>&1", quote::path(program)),
                &why,
            );
            let _ = write!(s, "exec {}", quote::path(program));
            for argument in &argv[1..] {
                let _ = write!(s, " {}", quote::word(argument));
            }
        }
        Program::Script { text, executable } => {
            let why = format!("no such shell on the host: `{executable}`");
            stop(
                &mut s,
                &format!("command -v {} >/dev/null 2>&1", quote::path(executable)),
                &why,
            );
            let _ = write!(
                s,
                "exec {} -c {}",
                quote::path(executable),
                quote::word(text)
            );
        }
    }
    let input = cmd
        .stdin
        .as_ref()
        .map_or(Input::Nothing, |bytes| Input::Bytes(Arc::clone(bytes)));
    Ok((s, input))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(action: &Action) -> String {
        match script(action, "0123456789abcdef") {
            Ok((script, input)) => format!("{script}{input:?}"),
            Err(error) => error,
        }
    }

    fn write(content: &[u8], attrs: Attrs) -> Action {
        Action::Write {
            path: "/etc/a b".into(),
            content: Content::Bytes(content.into()),
            attrs,
            backup: true,
            validate: Some("visudo -cf %s".into()),
            in_place: true,
        }
    }

    #[test]
    fn scripts_of_actions() {
        let attrs = Attrs {
            owner: Some("app".into()),
            group: None,
            mode: Some(0o640),
        };
        insta::assert_snapshot!(text(&write(b"it's\n", attrs.clone())), @r#"
    hoist_begin '/etc/a b' /etc '/etc/.a b.hoist-' 01234567 '640' app ''
    set -C; printf %s 'it'\''s
    ' 2>/dev/null >"$hoist_t" || { set +C; printf %s 'it'\''s
    ' | cat >>"$hoist_t"; exit 1; }; set +C
    hoist_attrs '/etc/a b'
    visudo -cf "$hoist_t" >&2 || { r=$?; printf '=%s failed to validate: %s ended with rc %s' 0123456789abcdef '`visudo -cf %s`' $r; exit 1; }
    hoist_backup '/etc/a b'
    hoist_land '/etc/a b' 1
    Nothing
"#);
        insta::assert_snapshot!(text(&write(b"\0", Attrs::default())), @r#"
    hoist_begin '/etc/a b' /etc '/etc/.a b.hoist-' 01234567 '' '' ''
    set -C; cat >"$hoist_t" || exit 1; set +C; hoist_written 6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
    hoist_attrs '/etc/a b'
    visudo -cf "$hoist_t" >&2 || { r=$?; printf '=%s failed to validate: %s ended with rc %s' 0123456789abcdef '`visudo -cf %s`' $r; exit 1; }
    hoist_backup '/etc/a b'
    hoist_land '/etc/a b' 1
    Bytes([0])
"#);
        insta::assert_snapshot!(text(&Action::SetAttrs { path: "-p".into(), attrs: attrs.clone(), follow: false, recurse: true }), @r"
    chown -R -h -- app ./-p || exit 1
    [ -h ./-p ] || chmod -R -- 640 ./-p || exit 1
    :
    Nothing
");
        insta::assert_snapshot!(text(&Action::MakeDir { path: "/a/b/".into(), attrs }), @r"
    hoist_mkdir /a '640' app ''
    hoist_mkdir /a/b '640' app ''
    Nothing
");
        insta::assert_snapshot!(text(&Action::Run(Cmd::argv(["echo", "a b", "$x"]))), @r"
    command -v echo >/dev/null 2>&1 || { printf '=%s %s' 0123456789abcdef 'no such program on the host: `echo`'; exit 2; }
    exec echo 'a b' '$x'Nothing
");
        insta::assert_snapshot!(text(&Action::Run(Cmd::argv(["echo", "a\0b"]))), @r"a NUL character cannot be passed on: `a\0b`");
        insta::assert_snapshot!(text(&Action::Run(Cmd::argv([""]))), @"there is no command to run");
        let mut cmd = Cmd::script("x");
        cmd.env.insert("A-B".into(), "1".into());
        insta::assert_snapshot!(text(&Action::Run(cmd)), @"`A-B` cannot be the name of an environment variable");
        let mut bad = write(b"", Attrs::default());
        if let Action::Write { validate, .. } = &mut bad {
            *validate = Some("a 'b".into());
        }
        insta::assert_snapshot!(text(&bad), @"validate `a 'b` is not a command: missing closing quote");
    }

    #[test]
    fn temporary_names_fit_into_a_directory_entry() {
        assert_eq!(temporary("/etc/hosts"), "/etc/.hosts.hoist-");
        assert_eq!(temporary("hosts"), "./.hosts.hoist-");
        assert_eq!(temporary("/x"), "/.x.hoist-");
        let long = temporary(&format!("/d/{}", "ü".repeat(127)));
        assert_eq!(long, format!("/d/.{}.hoist-", "ü".repeat(100)));
    }
}
