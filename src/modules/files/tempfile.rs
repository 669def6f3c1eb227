//! `ansible.builtin.tempfile`: a file or directory with a name nobody else has.

use super::setting::{Setting, join};
use crate::host::{Action, Cmd, Known, Touches, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use crate::value::Map;

/// See Ansible's page of `tempfile`.
pub static TEMPFILE: Spec = Spec {
    name: "ansible.builtin.tempfile",
    aliases: &[],
    about: "makes a file or directory with a new name, for the account alone",
    free_form: None,
    args: &[&[
        Arg::str("state", "which of the two")
            .default("file")
            .choices(&["directory", "file"]),
        Arg::path(
            "path",
            "where; the host's temporary directory when not given",
        ),
        Arg::str("prefix", "what the name begins with").default("ansible."),
        Arg::str("suffix", "what the name ends with").default(""),
    ]],
    rules: &[],
    check: CheckSupport::Skipped,
    returns: &[
        ("path", "the new file or directory"),
        ("mode", "permissions"),
        ("owner", "owner's name"),
        ("group", "group's name"),
        ("uid", "owner's number"),
        ("gid", "group's number"),
        ("state", "`file` or `directory`"),
        ("size", "0"),
    ],
    example: "- tempfile:\n    state: directory\n    suffix: build\n  register: work\n",
    run: Run::Bind(bind),
};

struct TempFile {
    directory: bool,
    path: Option<String>,
    name: String,
    setting: Setting,
    check: bool,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    for part in ["prefix", "suffix"] {
        let text = args.str(part);
        if text.contains('/') {
            return Err(Fail::new(format!(
                "{part} must be a valid file name component, got '{text}'"
            )));
        }
    }
    let random: String = uuid::Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .take(12)
        .collect();
    Ok(Bound::Decide(Box::new(TempFile {
        directory: args.str("state") == "directory",
        path: args.opt_str("path").map(str::to_owned),
        name: format!("{}{random}{}", args.str("prefix"), args.str("suffix")),
        setting: Setting::of(ctx),
        check: ctx.check,
    })))
}

impl Decide for TempFile {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let dir = match &self.path {
            Some(path) => self.setting.expand(known, path)?,
            None => {
                let (_, out, _) =
                    known.output(self.setting.read("printf %s \"${TMPDIR:-/tmp}\""))?;
                out.to_owned()
            }
        };
        let path = join(&dir, &self.name);
        let at = quote::path(&path);
        // Neither overwrites what is there: `mkdir` fails, and so does a redirection under `set -C`.
        let mut cmd = Cmd::script(if self.directory {
            format!("umask 077; mkdir {at}")
        } else {
            format!("umask 077; set -C; : >{at}")
        });
        cmd.touches = Touches::Path(path.clone());
        let me = self.setting.account(known)?;
        let mut result = Map::new();
        result.insert("path".into(), path.into());
        result.insert("uid".into(), me.user.0.into());
        result.insert("gid".into(), me.group.0.into());
        result.insert("owner".into(), me.user.1.into());
        result.insert("group".into(), me.group.1.into());
        let (mode, state, size) = if self.directory {
            ("0700", "directory", 4096)
        } else {
            ("0600", "file", 0)
        };
        result.insert("mode".into(), mode.into());
        result.insert("state".into(), state.into());
        result.insert("size".into(), size.into());
        if self.check {
            // nothing will be there: a task that asks whether `path` is defined must see that
            result.clear();
        }
        Ok(Decision {
            opaque: true,
            ..Decision::change(result, vec![Action::Run(cmd)])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::testing::{Host, perform};
    use serde_json::json;

    #[test]
    fn new_names_for_the_account_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_string_lossy().into_owned();
        for (state, mode) in [("file", 0o600), ("directory", 0o700)] {
            let decision = Host::real()
                .decide(
                    &TEMPFILE,
                    &json!({"state": state, "path": at, "suffix": ".x", "prefix": "p"}),
                    false,
                )
                .unwrap();
            let Action::Run(cmd) = &decision.actions[0] else {
                panic!()
            };
            assert_eq!(perform(cmd).rc, 0);
            assert_ne!(perform(cmd).rc, 0, "never a second time");
            let path = decision.result["path"].to_string();
            assert!(path.starts_with(&format!("{at}/p")) && path.ends_with(".x"));
            assert_eq!(
                std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
                mode
            );
        }
    }
}
