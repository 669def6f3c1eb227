//! `mount`: lines of fstab, and what is mounted.

use super::tools::{Plan, Site, failed, last_words, map, text_diff, write_as};
use crate::host::{Action, Attrs, Cmd, Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use crate::value::Map;

/// `ansible.posix.mount`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.posix.mount",
    aliases: &["ansible.builtin.mount"],
    about: "mounts and unmounts file systems, now and at boot",
    free_form: None,
    args: &[&[
        Arg::path("path", "where it is mounted")
            .alias(&["name"])
            .required(),
        Arg::str("state", "what is to be true of it")
            .required()
            .choices(&[
                "absent",
                "absent_from_fstab",
                "mounted",
                "present",
                "unmounted",
                "remounted",
                "ephemeral",
            ]),
        Arg::path("src", "the device, `UUID=…`, or whatever is mounted"),
        Arg::str("fstype", "the kind of file system"),
        Arg::str("opts", "options, with commas"),
        Arg::str("dump", "fstab's fifth field").default("0"),
        Arg::str("passno", "fstab's sixth field").default("0"),
        Arg::bool("boot", "mount it at boot").default("true"),
        Arg::str("fstab", "another fstab"),
        Arg::bool("backup", "keep a copy of the old fstab").default("false"),
        Arg::bool("opts_no_log", "keep the options out of the result").default("false"),
    ]],
    rules: &[
        Rule::If("state", "mounted", &["src", "fstype"], false),
        Rule::If("state", "present", &["src", "fstype"], false),
        Rule::If("state", "ephemeral", &["src", "fstype"], false),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("name", "where"),
        ("src", "what"),
        ("fstype", "its kind"),
        ("opts", "its options"),
        ("fstab", "the file"),
    ],
    example: "- ansible.posix.mount:\n    path: /srv/data\n    src: UUID=b3e48f45-f933-4c8e-a700-22a159ec9077\n    fstype: ext4\n    state: mounted\n",
    run: Run::Bind(bind),
};

struct Mount {
    path: String,
    state: String,
    src: Option<String>,
    fstype: Option<String>,
    opts: String,
    dump: String,
    passno: String,
    fstab: String,
    backup: bool,
    hide: bool,
    warnings: Vec<String>,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| args.opt_str(name).map(str::to_owned);
    let mut opts = own("opts").unwrap_or_else(|| "defaults".into());
    let noauto = opts.split(',').any(|o| o == "noauto");
    let mut warnings = Vec::new();
    if args.bool("boot") && noauto {
        warnings.push("Ignore the 'boot' due to 'opts' contains 'noauto'.".to_owned());
    } else if !args.bool("boot") {
        opts.push_str(",noauto");
    }
    Ok(Bound::Decide(Box::new(Mount {
        path: args.str("path").to_owned(),
        state: args.str("state").to_owned(),
        src: own("src"),
        fstype: own("fstype"),
        opts,
        dump: args.str("dump").to_owned(),
        passno: args.str("passno").to_owned(),
        fstab: own("fstab").unwrap_or_else(|| "/etc/fstab".into()),
        backup: args.bool("backup"),
        hide: args.bool("opts_no_log"),
        warnings,
        site: Site::of(ctx),
    })))
}

/// A field as fstab writes it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\134")
        .replace(' ', "\\040")
        .replace('&', "\\046")
}

/// What the kernel writes for white space in a path.
fn unescaped(text: &str) -> String {
    [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ]
    .iter()
    .fold(text.to_owned(), |t, (from, to)| t.replace(from, to))
}

impl Mount {
    fn src(&self) -> String {
        escaped(self.src.as_deref().unwrap_or_default())
    }

    /// Whether a line of fstab is this mount's.
    fn is_mine(&self, fields: &[&str]) -> bool {
        let swap = fields[1] == "none" && fields.get(2) == Some(&"swap");
        fields[1] == escaped(&self.path) && !(swap && self.src.is_some() && fields[0] != self.src())
    }

    /// fstab with this mount in it.
    fn with(&self, text: &str) -> String {
        let wanted = [
            self.src(),
            escaped(&self.path),
            escaped(self.fstype.as_deref().unwrap_or_default()),
            escaped(&self.opts),
            self.dump.clone(),
            self.passno.clone(),
        ];
        let mut found = false;
        let mut out = String::new();
        for line in text.lines() {
            let code = line.split('#').next().unwrap_or_default();
            let mut fields: Vec<&str> = code.split_whitespace().collect();
            if line.trim_start().starts_with('#')
                || !(4..=6).contains(&fields.len())
                || !self.is_mine(&fields)
            {
                out.push_str(line);
            } else {
                found = true;
                fields.resize(6, "0");
                if fields.iter().eq(wanted.iter()) {
                    out.push_str(line);
                } else {
                    out.push_str(&wanted.join(" "));
                }
            }
            out.push('\n');
        }
        if !found {
            out.push_str(&wanted.join(" "));
            out.push('\n');
        }
        out
    }

    /// fstab without it.
    fn without(&self, text: &str) -> String {
        text.lines()
            .filter(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                line.trim_start().starts_with('#')
                    || !(4..=6).contains(&fields.len())
                    || !self.is_mine(&fields)
            })
            .map(|l| format!("{l}\n"))
            .collect()
    }

    fn mount(&self, old: Option<&str>) -> Cmd {
        let mut words = vec!["mount".to_owned()];
        if self.state == "ephemeral" {
            words.extend(["-t".to_owned(), self.fstype.clone().unwrap_or_default()]);
            if self.opts != "defaults" {
                words.extend(["-o".to_owned(), self.opts.clone()]);
            }
            words.push(self.src.clone().unwrap_or_default());
        } else if self.fstab != "/etc/fstab" {
            words.extend(["-T".to_owned(), self.fstab.clone()]);
        }
        words.push(self.path.clone());
        self.guarded(&quote::words(words), old)
    }

    fn remount(&self, old: Option<&str>) -> Cmd {
        let opts = if self.state == "remounted" && self.opts != "defaults" {
            format!("remount,{}", self.opts)
        } else {
            "remount".into()
        };
        let fstab = if self.fstab == "/etc/fstab" || self.state == "ephemeral" {
            String::new()
        } else {
            format!("-T {} ", quote::word(&self.fstab))
        };
        let path = quote::word(&self.path);
        let again = format!("umount {path} && mount {fstab}{path}");
        self.guarded(
            &format!(
                "mount {fstab}-o {} {path} || {{ {again}; }}",
                quote::word(&opts)
            ),
            old,
        )
    }

    /// A mount whose failure puts the old fstab back, so that the next boot does not stop at it.
    fn guarded(&self, text: &str, old: Option<&str>) -> Cmd {
        match old {
            None => self.site.sh(text),
            Some(old) => {
                let file = quote::word(&self.fstab);
                Cmd {
                    stdin: Some(old.as_bytes().into()),
                    ..self.site.sh(format!(
                        "({text}) </dev/null; r=$?\nif [ $r = 0 ]; then cat >/dev/null; else cat > {file}; fi\nexit $r"
                    ))
                }
            }
        }
    }
}

impl Decide for Mount {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let table = self.site.read("cat /proc/self/mountinfo");
        let uses_fstab = !matches!(self.state.as_str(), "ephemeral" | "unmounted" | "remounted");
        let mut queries = vec![table.clone(), Query::stat(&self.path)];
        if uses_fstab {
            queries.push(Query::Content {
                path: self.fstab.clone(),
            });
        }
        known.all(queries)?;
        let at = self.path.trim_end_matches('/');
        let at = if at.is_empty() { "/" } else { at };
        let mounted = known
            .output(table)?
            .1
            .lines()
            .filter_map(|l| {
                let fields: Vec<&str> = l.split(' ').collect();
                let target = unescaped(fields.get(4)?);
                let dash = fields.iter().position(|f| *f == "-")?;
                (target == at).then(|| {
                    (
                        unescaped(fields.get(dash + 2).unwrap_or(&"")),
                        unescaped(fields[3]),
                    )
                })
            })
            .next_back();
        let there = known.stat(&self.path, true)?.is_some();
        let old = if uses_fstab {
            known
                .content(&self.fstab)?
                .map(|b| String::from_utf8_lossy(&b).into_owned())
        } else {
            None
        };
        let before = old.clone().unwrap_or_default();
        let mut plan = Plan::new(self.result());
        plan.warnings.clone_from(&self.warnings);
        let after = match self.state.as_str() {
            "absent" | "absent_from_fstab" => self.without(&before),
            "mounted" | "present" => self.with(&before),
            _ => before.clone(),
        };
        let normal = |t: &str| t.lines().map(str::to_owned).collect::<Vec<_>>();
        let edits = uses_fstab && normal(&before) != normal(&after);
        let blame = |what: &'static str, path: &str| {
            let path = path.to_owned();
            move |r: &crate::host::Report| {
                failed(format!("Error {what} {path}: {}", last_words(r)), r)
            }
        };
        let unmount = self.site.argv(["umount", &self.path]);
        if edits {
            if self.state == "mounted" && !there {
                plan.put(Action::MakeDir {
                    path: self.path.clone(),
                    attrs: Attrs::default(),
                });
            }
            let mode = old.is_none().then_some(0o644);
            plan.diff.extend(text_diff(
                self.site.diff && !self.hide,
                &self.fstab,
                &before,
                &after,
            ));
            plan.put(write_as(
                &self.fstab,
                after,
                Attrs {
                    mode,
                    ..Attrs::default()
                },
                self.backup,
            ));
        }
        let undo = edits.then_some(before.as_str());
        match self.state.as_str() {
            "absent" if edits => {
                if mounted.is_some() {
                    plan.act(Action::Run(unmount), blame("unmounting", &self.path));
                }
                if there {
                    plan.act(
                        Action::Run(self.site.argv(["rmdir", &self.path])),
                        blame("rmdir", &self.path),
                    );
                }
            }
            "unmounted" if mounted.is_some() => {
                plan.act(Action::Run(unmount), blame("unmounting", &self.path));
            }
            "mounted" if mounted.is_some() && edits => {
                plan.act(
                    Action::Run(self.remount(undo)),
                    blame("mounting", &self.path),
                );
            }
            "mounted" | "ephemeral" if mounted.is_none() => {
                if !there && !edits {
                    plan.put(Action::MakeDir {
                        path: self.path.clone(),
                        attrs: Attrs::default(),
                    });
                }
                plan.act(Action::Run(self.mount(undo)), blame("mounting", &self.path));
            }
            "ephemeral" => {
                let src = self.src.as_deref().unwrap_or_default();
                let same = mounted
                    .as_ref()
                    .is_some_and(|(device, root)| device == src || root == src);
                if !same {
                    return Err(Fail::new(
                        "Ephemeral mount point is already mounted with a different source than the specified one. \
                         Failing in order to prevent an unwanted unmount or override operation.",
                    )
                    .into());
                }
                plan.act(
                    Action::Run(self.remount(None)),
                    blame("mounting", &self.path),
                );
            }
            "remounted" => plan.act(
                Action::Run(self.remount(None)),
                blame("remounting", &self.path),
            ),
            _ => {}
        }
        let backup = self.backup && edits;
        Ok(plan
            .enrich(move |result, reports| {
                if let Some(path) = reports
                    .iter()
                    .find_map(|r| r.backup.clone())
                    .filter(|_| backup)
                {
                    result.insert("backup_file".into(), path.into());
                }
                None
            })
            .decision())
    }
}

impl Mount {
    fn result(&self) -> Map {
        let mut result = map([
            ("name", self.path.as_str().into()),
            (
                "opts",
                if self.hide {
                    crate::value::MASK
                } else {
                    self.opts.as_str()
                }
                .into(),
            ),
            ("dump", self.dump.as_str().into()),
            ("passno", self.passno.as_str().into()),
            ("fstab", self.fstab.as_str().into()),
            (
                "boot",
                if self.opts.split(',').any(|o| o == "noauto") {
                    "no"
                } else {
                    "yes"
                }
                .into(),
            ),
            ("backup_file", "".into()),
        ]);
        for (key, value) in [("src", &self.src), ("fstype", &self.fstype)] {
            if let Some(value) = value {
                result.insert(key.into(), value.as_str().into());
            }
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use crate::host::Answer;
    use serde_json::json;

    const ROOT: &str = "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n";
    const BOTH: &str =
        "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n21 20 8:17 / /srv/a\\040b rw - ext4 /dev/sdb1 rw\n";

    fn with(state: &str, table: &str, fstab: &str) -> Case {
        case(json!({"path": "/srv/a b", "src": "/dev/sdb1", "fstype": "ext4", "state": state}))
            .reads("cat /proc/self/mountinfo", 0, table)
            .knows(Query::stat("/srv/a b"), Answer::Stat(None))
            .content("/etc/fstab", Some(fstab))
    }

    const LINE: &str =
        "# x\n/dev/sda1 / ext4 defaults 0 1\n/dev/sdb1 /srv/a\\040b ext4 defaults 0 0\n";
    const NONE: &str = "# x\n/dev/sda1 / ext4 defaults 0 1\n";

    #[test]
    fn decisions() {
        let cases = [
            ("mounted", BOTH, LINE, vec![]),
            (
                "mounted",
                ROOT,
                LINE,
                vec!["MakeDir", "sh: mount '/srv/a b'"],
            ),
            (
                "mounted",
                ROOT,
                NONE,
                vec![
                    "MakeDir",
                    "write /etc/fstab",
                    "sh: (mount '/srv/a b') </dev/null",
                ],
            ),
            (
                "mounted",
                BOTH,
                "/dev/sdb1 /srv/a\\040b ext4 ro 0 0\n",
                vec!["MakeDir", "write", "sh: (mount -o remount '/srv/a b' ||"],
            ),
            ("present", ROOT, NONE, vec!["write"]),
            (
                "present",
                ROOT,
                "/dev/sdb1 /srv/a\\040b ext4 defaults\n",
                vec![],
            ),
            ("absent", BOTH, LINE, vec!["write", "umount '/srv/a b'"]),
            ("absent", BOTH, NONE, vec![]),
            ("absent_from_fstab", BOTH, LINE, vec!["write"]),
            ("unmounted", BOTH, LINE, vec!["umount '/srv/a b'"]),
            ("unmounted", ROOT, LINE, vec![]),
            ("remounted", BOTH, LINE, vec!["sh: mount -o remount"]),
            (
                "ephemeral",
                ROOT,
                "",
                vec!["MakeDir", "sh: mount -t ext4 /dev/sdb1 '/srv/a b'"],
            ),
        ];
        for (state, table, fstab, expected) in cases {
            let (shown, outcome) = with(state, table, fstab).done(&SPEC);
            assert_eq!(shown.len(), expected.len(), "{state}: {shown:?}");
            for (s, e) in shown.iter().zip(&expected) {
                assert!(s.starts_with(e), "{state}: {s}");
            }
            assert_eq!(outcome.changed, !expected.is_empty(), "{state}");
        }
        let (_, outcome) = with("absent", BOTH, LINE).done(&SPEC);
        assert_eq!(outcome.diff[0].after, NONE);
        let (_, outcome) = with("present", ROOT, NONE).done(&SPEC);
        assert_eq!(outcome.diff[0].after, LINE);
    }

    #[test]
    fn boot_is_an_option() {
        let c = case(
            json!({"path": "/x", "src": "y", "fstype": "z", "state": "present", "boot": false}),
        )
        .reads("cat /proc/self/mountinfo", 0, ROOT)
        .knows(Query::stat("/x"), Answer::Stat(None))
        .content("/etc/fstab", None);
        assert_eq!(
            c.done(&SPEC).0,
            ["write /etc/fstab \"y /x z defaults,noauto 0 0\\n\" mode Some(\"644\")"]
        );
    }
}
