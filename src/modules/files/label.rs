//! SELinux labels: what a task asks for, what is there, what sets it. Where the host has no SELinux nothing is asked of it,
//! as with Ansible.

use crate::host::{Action, Cmd, Known, Query, Touches, quote};
use crate::modules::{Arg, Args, Step};

/// Stands for what the host's policy says of the path.
const DEFAULT: &str = "_default";
/// Whether SELinux is on.
const ON: &str = "[ -e /sys/fs/selinux/enforce ]";

/// The arguments, for every module that writes files.
pub static LABEL_ARGS: &[Arg] = &[
    Arg::str(
        "seuser",
        "user of the SELinux label; `_default`: the policy's",
    ),
    Arg::str(
        "serole",
        "role of the SELinux label; `_default`: the policy's",
    ),
    Arg::str(
        "setype",
        "type of the SELinux label; `_default`: the policy's",
    ),
    Arg::str(
        "selevel",
        "level of the SELinux label; `_default`: the policy's",
    ),
];

/// The parts of a label that a task asks for: user, role, type, level.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Label([Option<String>; 4]);

/// What [`Label::differs`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Relabel {
    /// Arguments of chcon(1).
    words: Vec<String>,
    /// The label that is there, and the one that will be.
    pub before: String,
    /// The label that will be.
    pub after: String,
}

fn parts(label: &str) -> [Option<String>; 4] {
    let mut fields = label.trim().splitn(4, ':').map(str::to_owned);
    std::array::from_fn(|_| fields.next().filter(|f| !f.is_empty()))
}

impl Label {
    /// From a module's arguments.
    pub fn of(args: &Args) -> Self {
        let names = ["seuser", "serole", "setype", "selevel"];
        Self(names.map(|name| {
            args.opt_str(name)
                .filter(|v| !v.is_empty())
                .map(str::to_owned)
        }))
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// The question behind [`Label::differs`], if one has to be asked.
    pub fn query(&self, path: &str) -> Option<Query> {
        if self.is_empty() {
            return None;
        }
        let at = quote::path(path);
        let policy = if self.0.iter().flatten().any(|v| v == DEFAULT) {
            format!("matchpathcon -n {at} || exit 1")
        } else {
            String::new()
        };
        Some(Query::read(format!(
            "{ON} || exit 3\nstat -c %C {at} 2>/dev/null || echo\n{policy}"
        )))
    }

    /// What has to be set at a path, which need not be there yet.
    ///
    /// # Errors
    /// Needs an answer; the host cannot say what its policy is.
    pub fn differs(&self, known: &Known, path: &str) -> Result<Option<Relabel>, Step> {
        let Some(query) = self.query(path) else {
            return Ok(None);
        };
        let (rc, out, err) = known.output(query)?;
        match rc {
            0 => {}
            3 => return Ok(None),
            _ => {
                let why = err.trim();
                return Err(crate::modules::Fail::new(format!(
                    "the SELinux policy's label of {path} is not known: {why}"
                ))
                .into());
            }
        }
        let mut lines = out.lines();
        let now = parts(lines.next().unwrap_or_default());
        let policy = parts(lines.next().unwrap_or_default());
        let mut words = Vec::new();
        let mut after = now.clone();
        for (i, wanted) in self.0.iter().enumerate() {
            let wanted = match wanted {
                Some(word) if word == DEFAULT => policy[i].clone(),
                other => other.clone(),
            };
            if wanted.is_some() && wanted != now[i] {
                words.push(["-u", "-r", "-t", "-l"][i].to_owned());
                words.extend(wanted.clone());
                after[i] = wanted;
            }
        }
        let shown = |label: &[Option<String>]| {
            label
                .iter()
                .flatten()
                .cloned()
                .collect::<Vec<_>>()
                .join(":")
        };
        Ok((!words.is_empty()).then(|| Relabel {
            words,
            before: shown(&now),
            after: shown(&after),
        }))
    }

    /// Shell text that sets it on `at`, a word of the shell, which will be `path`.
    pub fn script(&self, at: &str, path: &str) -> String {
        let words: String = self
            .0
            .iter()
            .enumerate()
            .filter_map(|(i, wanted)| wanted.as_ref().map(|w| (i, w)))
            .map(|(i, wanted)| {
                let flag = ["-u", "-r", "-t", "-l"][i];
                if wanted == DEFAULT {
                    let field = ["1", "2", "3", "4-"][i];
                    format!(" {flag} \"$(matchpathcon -n {path} | cut -d: -f{field})\"")
                } else {
                    format!(" {flag} {}", quote::word(wanted))
                }
            })
            .collect();
        if words.is_empty() {
            return words;
        }
        format!("! {ON} || chcon{words} {at} || exit 92\n")
    }
}

impl Relabel {
    /// What sets it.
    pub fn action(&self, path: &str) -> Action {
        let words = ["chcon".to_owned(), "-h".to_owned()].into_iter();
        let words = words.chain(self.words.iter().cloned());
        let mut cmd = Cmd::argv(words.chain([path.to_owned()]));
        cmd.touches = Touches::Path(path.to_owned());
        Action::Run(cmd)
    }
}

#[cfg(test)]
mod tests {
    use super::super::copy::COPY;
    use super::super::file::FILE;
    use crate::modules::testing::Host;
    use serde_json::json;

    const THERE: &str = "system_u:object_r:etc_t:s0:c1,c2\n";

    #[test]
    fn labels_are_set_where_they_differ() {
        let host = || Host::new().file("/etc/f", 0o644, "x").run("chcon", 0, "");
        for (label, args, runs) in [
            (THERE, json!({"setype": "etc_t", "selevel": "s0:c1,c2"}), ""),
            (
                THERE,
                json!({"setype": "bin_t"}),
                "chcon -h -t bin_t /etc/f",
            ),
            (
                THERE,
                json!({"seuser": "staff_u", "serole": "object_r", "selevel": "s0"}),
                "chcon -h -u staff_u -l s0 /etc/f",
            ),
        ] {
            let mut args = args;
            args["path"] = json!("/etc/f");
            let mut host = host().read("selinux", 0, label);
            let decision = host.decide(&FILE, &args, false).unwrap();
            let shown: Vec<String> = decision
                .actions
                .iter()
                .map(crate::modules::testing::show)
                .collect();
            assert_eq!(shown.join("\n").replace("run ", ""), runs);
        }
        let args = json!({"path": "/etc/f", "setype": "_default", "seuser": "_default"});
        let mut with = host().read(
            "matchpathcon",
            0,
            "system_u:object_r:user_t:s0\nsystem_u:object_r:etc_t:s0\n",
        );
        let decision = with.decide(&FILE, &args, false).unwrap();
        assert_eq!(decision.actions.len(), 1);
        assert!(
            decision.diff[0]
                .after
                .contains("system_u:object_r:etc_t:s0")
        );
        let mut without = host().read("selinux", 3, "");
        assert!(
            without
                .decide(&FILE, &args, false)
                .unwrap()
                .actions
                .is_empty()
        );
        let fail = host()
            .read("matchpathcon", 1, "")
            .decide(&FILE, &args, false);
        insta::assert_snapshot!(fail.map(|_| ()).unwrap_err().msg, @"the SELinux policy's label of /etc/f is not known: ");
    }

    #[test]
    fn new_files_get_theirs_too() {
        let mut host = Host::new().read("selinux", 0, "\n").run("chcon", 0, "");
        let args = json!({"dest": "/etc/n", "content": "x", "setype": "etc_t", "mode": "0600"});
        let ran = host.apply(&COPY, args);
        assert_eq!(ran.actions[1], "run chcon -h -t etc_t /etc/n");
    }
}
