//! `pip`: Python packages, where the host has Python.

use super::tools::{Plan, Site, failed, last_words, map, put_output, texts};
use super::words::shell_split;
use crate::host::{Action, Cmd, Known, Query, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Rule, Run, Spec, Step,
};
use std::collections::BTreeMap;

/// `ansible.builtin.pip`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.pip",
    aliases: &[],
    about: "installs and removes Python packages with the host's own pip",
    free_form: None,
    args: &[&[
        Arg::list("name", "packages, with a version if need be: `flask==3.0`"),
        Arg::str("version", "version of the only package"),
        Arg::str("requirements", "a file on the host that lists packages"),
        Arg::str("state", "what they are to be")
            .choices(&["absent", "forcereinstall", "latest", "present"])
            .default("present"),
        Arg::path(
            "virtualenv",
            "a virtual environment to use, made when it is not there",
        ),
        Arg::path("virtualenv_command", "what makes it").default("virtualenv"),
        Arg::str("virtualenv_python", "its Python"),
        Arg::bool("virtualenv_site_packages", "let it see the host's packages").default("false"),
        Arg::path("executable", "the pip to use"),
        Arg::str("extra_args", "more words for pip"),
        Arg::bool("editable", "install in place").default("false"),
        Arg::path("chdir", "directory to run in"),
        Arg::str("umask", "umask to run under"),
        Arg::bool(
            "break_system_packages",
            "write where the host's package manager does",
        )
        .default("false"),
    ]],
    rules: &[
        Rule::OneOf(&["name", "requirements"]),
        Rule::Exclusive(&["name", "requirements"]),
        Rule::Exclusive(&["executable", "virtualenv"]),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("cmd", "pip's words"),
        ("name", "the packages"),
        ("version", "the version"),
        ("virtualenv", "the environment"),
    ],
    example: "- ansible.builtin.pip:\n    name: [jupyterlab]\n    virtualenv: /opt/jupyter\n    virtualenv_command: python3 -m venv\n",
    run: Run::Bind(bind),
};

struct Pip {
    args: Args,
    names: Vec<String>,
    /// Shell text for the pip to use.
    pip: String,
    /// Shell text that makes the environment.
    make: Option<String>,
    extra: Vec<String>,
    umask: Option<String>,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let state = args.str("state");
    let mut names: Vec<String> = args
        .list("name")
        .into_iter()
        .filter(|n| !n.is_empty())
        .collect();
    if let Some(version) = args.opt_str("version") {
        if state == "latest" {
            return Err(Fail::new("version is incompatible with state=latest"));
        }
        let [only] = &mut names[..] else {
            return Err(Fail::new(
                "'version' argument is ambiguous when installing multiple package distributions. \
                 Please specify version restrictions next to each package in 'name' argument.",
            ));
        };
        if only.contains(['=', '<', '>', '~', '!']) {
            return Err(Fail::new(
                "The 'version' argument conflicts with any version specifier provided along with a package name.",
            ));
        }
        let glue = if version.starts_with(['=', '<', '>', '~', '!']) {
            ""
        } else {
            "=="
        };
        only.push_str(&format!("{glue}{version}"));
    }
    let mut extra = shell_split(args.str("extra_args"))
        .map_err(|e| Fail::new(format!("cannot split `extra_args`: {e}")))?;
    if args.bool("editable") && !extra.iter().any(|e| e == "-e") {
        extra.push("-e".into());
    }
    let umask = args.opt_str("umask").map(str::to_owned);
    if umask
        .as_deref()
        .is_some_and(|u| u32::from_str_radix(u, 8).is_err())
    {
        return Err(Fail::new("umask must be an octal integer"));
    }
    let env = args
        .opt_str("virtualenv")
        .map(|v| match args.opt_str("chdir") {
            Some(dir) if !v.starts_with(['/', '~']) => format!("{}/{v}", dir.trim_end_matches('/')),
            _ => v.to_owned(),
        });
    let (pip, make) = match &env {
        Some(env) => {
            let word = super::expand::word(env);
            let command = args.str("virtualenv_command");
            let is_venv = command.contains(" -m venv") || command.contains("pyvenv");
            if is_venv && args.has("virtualenv_python") {
                return Err(Fail::new(
                    "virtualenv_python should not be used when using the venv module or pyvenv as virtualenv_command",
                ));
            }
            let site = if args.bool("virtualenv_site_packages") {
                " --system-site-packages"
            } else {
                ""
            };
            let python = args
                .opt_str("virtualenv_python")
                .map(|p| format!(" -p {}", quote::word(p)))
                .unwrap_or_default();
            (
                format!("{word}/bin/python -m pip"),
                Some(format!(
                    "if [ ! -e {word}/bin/activate ]; then {command}{site}{python} {word} || exit 1; fi"
                )),
            )
        }
        None => match args.opt_str("executable") {
            Some(pip) => (super::expand::word(pip), None),
            None => ("python3 -m pip".into(), None),
        },
    };
    Ok(Bound::Decide(Box::new(Pip {
        args: args.clone(),
        names,
        pip,
        make,
        extra,
        umask,
        site: Site::of(ctx),
    })))
}

/// A distribution's name as PEP 503 has it.
fn normal(name: &str) -> String {
    let mut out = String::new();
    for c in name.trim().to_lowercase().chars() {
        if "-_.".contains(c) {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether installed packages satisfy a requirement for sure; only names and `==` are told without pip.
fn satisfied(installed: &BTreeMap<String, String>, requirement: &str) -> Option<bool> {
    if requirement.contains("://") || requirement.contains(['/', ';', '@', '<', '>', '~', '!', ','])
    {
        return None;
    }
    let (name, version) = requirement
        .split_once("==")
        .map_or((requirement, None), |(n, v)| (n, Some(v.trim())));
    if version.is_some_and(|v| v.contains('*')) {
        return None;
    }
    let name = name.split('[').next().unwrap_or(name);
    let extras = requirement.contains('[');
    match installed.get(&normal(name)) {
        None => Some(false),
        Some(_) if extras => None,
        Some(now) => Some(version.is_none_or(|v| v == now)),
    }
}

impl Decide for Pip {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let state = self.args.str("state");
        let chdir = self
            .args
            .opt_str("chdir")
            .map(|d| format!("cd {} || exit 1\n", super::expand::word(d)))
            .unwrap_or_default();
        let list: Query = self.site.read(format!(
            "{chdir}{} list --format=freeze --disable-pip-version-check 2>/dev/null || exit 1",
            self.pip
        ));
        let (rc, said, _) = known.output(list)?;
        if rc != 0 && self.make.is_none() {
            return Err(Fail::new(format!(
                "`{}` cannot be used on the host; install python3-pip first, or name a virtualenv",
                self.pip
            ))
            .into());
        }
        let installed: BTreeMap<String, String> = said
            .lines()
            .filter_map(|l| l.split_once("=="))
            .map(|(n, v)| (normal(n), v.trim().to_owned()))
            .collect();
        let there = |n: &String| {
            let bare = n
                .split(['=', '<', '>', '~', '!', '[', ';', ' '])
                .next()
                .unwrap_or(n);
            installed.contains_key(&normal(bare))
        };
        let names: Vec<String> = match state {
            "absent" => self.names.iter().filter(|n| there(n)).cloned().collect(),
            "present" if self.extra.is_empty() => {
                let sure = |n: &&String| satisfied(&installed, n) != Some(true);
                self.names.iter().filter(sure).cloned().collect()
            }
            _ => self.names.clone(),
        };
        let requirements = self.args.opt_str("requirements");
        let mut words: Vec<String> = match state {
            "absent" => vec!["uninstall".into(), "-y".into()],
            "latest" => vec!["install".into(), "-U".into()],
            "forcereinstall" => vec!["install".into(), "-U".into(), "--force-reinstall".into()],
            _ => vec!["install".into()],
        };
        words.extend(self.extra.iter().cloned());
        match requirements {
            Some(file) => words.extend(["-r".to_owned(), file.to_owned()]),
            None => words.extend(names.iter().cloned()),
        }
        let env = self.args.opt_str("virtualenv");
        let mut plan = Plan::new(map([
            (
                "cmd",
                texts(
                    self.pip
                        .split(' ')
                        .map(str::to_owned)
                        .chain(words.iter().cloned()),
                ),
            ),
            ("name", texts(&self.names)),
            ("version", self.args.opt_str("version").into()),
            ("state", state.into()),
            ("requirements", requirements.into()),
            ("virtualenv", env.into()),
        ]));
        let umask = self
            .umask
            .as_ref()
            .map(|u| format!("umask {u}\n"))
            .unwrap_or_default();
        let makes = self.make.is_some() && rc != 0;
        if let Some(make) = self.make.as_ref().filter(|_| makes) {
            plan.run_or(
                self.site.sh(format!("{umask}{chdir}{make}")),
                "the virtual environment was not made",
            );
        }
        let nothing = names.is_empty() && requirements.is_none();
        if !nothing {
            let path = env
                .map(|e| format!("PATH={}/bin:$PATH; export PATH\n", super::expand::word(e)))
                .unwrap_or_default();
            let text = format!("{umask}{path}{chdir}{} {}", self.pip, quote::words(&words));
            let mut cmd: Cmd = self.site.sh(text);
            if self.args.bool("break_system_packages") {
                cmd.env
                    .insert("PIP_BREAK_SYSTEM_PACKAGES".into(), "1".into());
            }
            plan.act(Action::Run(cmd), |r| {
                failed(format!("pip failed: {}", last_words(r)), r)
            });
        }
        let absent = state == "absent";
        Ok(plan
            .enrich(move |result, reports| {
                let last = reports.last().filter(|_| !nothing)?;
                put_output(result, &last.stdout, &last.stderr);
                let mark = if absent {
                    "Successfully uninstalled"
                } else {
                    "Successfully installed"
                };
                Some(makes || last.stdout.contains(mark))
            })
            .decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use crate::host::Report;
    use serde_json::json;

    fn with(args: serde_json::Value, rc: i32) -> Case {
        let c = case(args);
        let Query::Read { script, .. } = c.needs(&SPEC)[0].clone() else {
            panic!()
        };
        c.reads(&script, rc, "Flask==3.0\nruamel.yaml==0.18\n")
    }

    #[test]
    fn packages() {
        let cases: Vec<(serde_json::Value, Vec<&str>)> = vec![
            (json!({"name": ["flask", "ruamel_yaml"]}), vec![]),
            (json!({"name": "flask", "version": "3.0"}), vec![]),
            (
                json!({"name": "flask==2.0"}),
                vec!["sh: python3 -m pip install flask==2.0"],
            ),
            (
                json!({"name": ["flask", "x"]}),
                vec!["sh: python3 -m pip install x"],
            ),
            (
                json!({"name": "flask", "state": "latest"}),
                vec!["sh: python3 -m pip install -U flask"],
            ),
            (
                json!({"name": ["flask", "x"], "state": "absent"}),
                vec!["sh: python3 -m pip uninstall -y flask"],
            ),
            (
                json!({"requirements": "/r.txt", "executable": "pip3.11"}),
                vec!["sh: pip3.11 install -r /r.txt"],
            ),
        ];
        for (args, expected) in cases {
            assert_eq!(with(args.clone(), 0).done(&SPEC).0, expected, "{args}");
        }
        let report = Report {
            stdout: "Requirement already satisfied\n".into(),
            ..Report::default()
        };
        let (_, outcome) = with(json!({"requirements": "/r"}), 0).done_with(&SPEC, vec![report]);
        assert!(!outcome.changed);
    }

    #[test]
    fn environments_and_hosts_without_python() {
        let args =
            json!({"name": "x", "virtualenv": "/v", "virtualenv_command": "python3 -m venv"});
        let (shown, outcome) = with(args, 1).done(&SPEC);
        assert_eq!(
            shown[0],
            "sh: if [ ! -e /v/bin/activate ]; then python3 -m venv /v || exit 1; fi"
        );
        assert_eq!(
            shown[1],
            "sh: PATH=/v/bin:$PATH; export PATH\n/v/bin/python -m pip install x"
        );
        assert!(outcome.changed);
        let fail = with(json!({"name": "x"}), 1)
            .tried_with(&SPEC, vec![])
            .1
            .unwrap_err();
        insta::assert_snapshot!(fail.msg, @"`python3 -m pip` cannot be used on the host; install python3-pip first, or name a virtualenv");
    }
}
