//! `alternatives`: which program a common name leads to.

use super::tools::{Plan, Site, map};
use crate::host::{Known, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Kind, Run, Spec, Step,
};
use crate::value::Value;
use std::collections::BTreeSet;

/// `community.general.alternatives`.
pub(super) static SPEC: Spec = Spec {
    name: "community.general.alternatives",
    aliases: &[],
    about: "chooses among programs for the same purpose",
    free_form: None,
    args: &[&[
        Arg::str("name", "the common name").required(),
        Arg::path("path", "the program"),
        Arg::str("family", "the family of programs, on Red Hat's kin"),
        Arg::path("link", "where the common name's link is"),
        Arg::int("priority", "its priority; 50 when left out"),
        Arg::str(
            "state",
            "`selected` by hand, `auto` by priority, or only there",
        )
        .choices(&["present", "selected", "auto", "absent"])
        .default("selected"),
        Arg::of(
            "subcommands",
            Kind::ListAny,
            "links that go along, each with name, path and link",
        )
        .alias(&["slaves"]),
    ]],
    rules: &[crate::modules::Rule::OneOf(&["path", "family"])],
    check: CheckSupport::Full,
    returns: &[("msg", "what was done")],
    example: "- community.general.alternatives:\n    name: iptables\n    path: /usr/sbin/iptables-legacy\n",
    run: Run::Bind(bind),
};

struct Alternatives {
    name: String,
    path: Option<String>,
    family: Option<String>,
    link: Option<String>,
    priority: Option<i64>,
    state: String,
    /// Name, path, link.
    slaves: Option<BTreeSet<(String, String, String)>>,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| args.opt_str(name).map(str::to_owned);
    let slaves = match args.raw("subcommands").and_then(Value::as_list) {
        None => None,
        Some(items) => {
            let field = |item: &Value, key: &str| {
                item.get(key)
                    .map(ToString::to_string)
                    .ok_or_else(|| Fail::new(format!("each of `subcommands` needs `{key}`")))
            };
            let mut all = BTreeSet::new();
            for item in items {
                all.insert((
                    field(item, "name")?,
                    field(item, "path")?,
                    field(item, "link")?,
                ));
            }
            Some(all)
        }
    };
    Ok(Bound::Decide(Box::new(Alternatives {
        name: args.str("name").to_owned(),
        path: own("path"),
        family: own("family"),
        link: own("link"),
        priority: args.int("priority"),
        state: args.str("state").to_owned(),
        slaves,
        site: Site::of(ctx),
    })))
}

/// One way to have the name.
#[derive(Default)]
struct Choice {
    path: String,
    priority: Option<i64>,
    family: Option<String>,
    slaves: BTreeSet<(String, String)>,
}

/// What is set up for the name now.
#[derive(Default)]
struct Now {
    manual: bool,
    current: Option<String>,
    link: Option<String>,
    choices: Vec<Choice>,
}

/// Reads `--query` of Debian's program, or `--display` of Red Hat's.
fn read(said: &str) -> Now {
    let mut now = Now::default();
    for line in said.lines() {
        if let Some((path, rest)) = line.split_once(" - ").filter(|(p, _)| p.starts_with('/')) {
            let family = rest
                .split_once("family ")
                .and_then(|(_, f)| f.split_whitespace().next());
            let priority = rest
                .split_once("priority ")
                .and_then(|(_, p)| p.split_whitespace().next()?.parse().ok());
            now.choices.push(Choice {
                path: path.to_owned(),
                priority,
                family: family.map(str::to_owned),
                ..Choice::default()
            });
            continue;
        }
        let trimmed = line.trim();
        if trimmed.contains("status is manual") || trimmed == "Status: manual" {
            now.manual = true;
        } else if let Some(path) = trimmed
            .strip_prefix("link currently points to ")
            .or(trimmed.strip_prefix("Value: "))
        {
            now.current = Some(path.to_owned()).filter(|p| p != "none");
        } else if let Some(link) = trimmed.strip_prefix("Link: ") {
            now.link = Some(link.to_owned());
        } else if let Some(path) = line.strip_prefix("Alternative: ") {
            now.choices.push(Choice {
                path: path.to_owned(),
                ..Choice::default()
            });
        } else if let Some(choice) = now.choices.last_mut() {
            let slave = trimmed
                .strip_prefix("slave ")
                .or(trimmed.strip_prefix("follower "));
            if let Some(p) = trimmed.strip_prefix("Priority: ") {
                choice.priority = p.parse().ok();
            } else if let Some((name, path)) = slave.and_then(|s| s.split_once(": ")) {
                choice.slaves.insert((name.to_owned(), path.to_owned()));
            } else if let Some((name, path)) =
                line.strip_prefix(' ').and_then(|l| l.split_once(' '))
            {
                choice.slaves.insert((name.to_owned(), path.to_owned()));
            }
        }
    }
    now
}

impl Decide for Alternatives {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let name = quote::word(&self.name);
        let probe = self.site.read(format!(
            "if command -v update-alternatives >/dev/null 2>&1 && update-alternatives --version 2>/dev/null | grep -q Debian; then\n\
             update-alternatives --query {name} 2>/dev/null\n\
             else p=$(command -v update-alternatives || command -v alternatives) || {{ echo 'update-alternatives was not found' >&2; exit 127; }}\n\
             $p --display {name} 2>/dev/null; fi; :"
        ));
        let (rc, said, stderr) = known.output(probe)?;
        if rc != 0 {
            return Err(Fail::new(stderr.trim().to_owned()).into());
        }
        let now = read(said);
        let mut plan = Plan::new(map([]));
        let mut messages = Vec::new();
        let run = |plan: &mut Plan, words: Vec<String>| {
            let argv = std::iter::once("update-alternatives".to_owned()).chain(words);
            plan.run(self.site.argv(argv));
        };
        let own = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        let mine = self
            .path
            .as_ref()
            .and_then(|p| now.choices.iter().find(|c| c.path == *p));
        if self.state == "absent" {
            if let (Some(path), Some(_)) = (&self.path, mine) {
                run(&mut plan, own(&["--remove", &self.name, path]));
                messages.push(format!("Remove alternative '{path}' from '{}'.", self.name));
            }
        } else {
            if let Some(path) = &self.path {
                let slaves_differ = |c: &Choice| {
                    self.slaves.as_ref().is_some_and(|wanted| {
                        wanted
                            .iter()
                            .map(|(n, p, _)| (n.clone(), p.clone()))
                            .collect::<BTreeSet<_>>()
                            != c.slaves
                    })
                };
                let stale = mine.is_none_or(|c| {
                    self.priority.is_some_and(|p| c.priority != Some(p)) || slaves_differ(c)
                });
                if stale {
                    if known.stat(path, true)?.is_none() {
                        return Err(
                            Fail::new(format!("Specified path {path} does not exist")).into()
                        );
                    }
                    let Some(link) = self.link.as_ref().or(now.link.as_ref()) else {
                        return Err(Fail::new(
                            "Needed to install the alternative, but unable to do so as we are missing the link",
                        )
                        .into());
                    };
                    let priority = self
                        .priority
                        .or(mine.and_then(|c| c.priority))
                        .unwrap_or(50)
                        .to_string();
                    let mut words = own(&["--install", link, &self.name, path, &priority]);
                    if let Some(family) = &self.family {
                        words.extend(["--family".to_owned(), family.clone()]);
                    }
                    for (name, path, link) in self.slaves.iter().flatten() {
                        words.extend(own(&["--slave", link, name, path]));
                    }
                    run(&mut plan, words);
                    messages.push(format!("Install alternative '{path}' for '{}'.", self.name));
                }
            }
            let same_path = self.path.is_some() && now.current == self.path;
            let current = now
                .choices
                .iter()
                .find(|c| Some(&c.path) == now.current.as_ref());
            let same_family =
                self.family.is_some() && current.is_some_and(|c| c.family == self.family);
            let target = self
                .path
                .as_deref()
                .or(self.family.as_deref())
                .unwrap_or_default();
            if self.state == "selected" && !(same_path || same_family) {
                run(&mut plan, own(&["--set", &self.name, target]));
                messages.push(format!("Set alternative '{target}' for '{}'.", self.name));
            }
            if self.state == "auto" && now.manual {
                run(&mut plan, own(&["--auto", &self.name]));
                messages.push(format!("Set alternative to auto for '{}'.", self.name));
            }
        }
        plan.result.insert("msg".into(), messages.join(" ").into());
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use crate::host::{Answer, Query};
    use serde_json::json;

    const QUERY: &str = "Name: editor\nLink: /usr/bin/editor\nSlaves:\n editor.1.gz /usr/share/man/man1/editor.1.gz\nStatus: manual\nBest: /bin/nano\nValue: /bin/nano\n\n\
                         Alternative: /bin/nano\nPriority: 40\nSlaves:\n editor.1.gz /usr/share/nano.1.gz\n\nAlternative: /bin/vim\nPriority: 30\n";

    fn with(args: serde_json::Value) -> Case {
        let c = case(args);
        let Query::Read { script, .. } = c.needs(&SPEC)[0].clone() else {
            panic!()
        };
        c.reads(&script, 0, QUERY)
            .knows(Query::stat("/bin/ed"), Answer::Stat(None))
    }

    #[test]
    fn choices() {
        let cases: Vec<(serde_json::Value, Vec<&str>)> = vec![
            (json!({"name": "editor", "path": "/bin/nano"}), vec![]),
            (
                json!({"name": "editor", "path": "/bin/vim"}),
                vec!["update-alternatives --set editor /bin/vim"],
            ),
            (
                json!({"name": "editor", "path": "/bin/vim", "state": "present"}),
                vec![],
            ),
            (
                json!({"name": "editor", "path": "/bin/vim", "state": "auto"}),
                vec!["update-alternatives --auto editor"],
            ),
            (
                json!({"name": "editor", "path": "/bin/vim", "state": "absent"}),
                vec!["update-alternatives --remove editor /bin/vim"],
            ),
            (
                json!({"name": "editor", "path": "/bin/ed", "state": "absent"}),
                vec![],
            ),
            (
                json!({"name": "editor", "path": "/bin/nano", "subcommands": [{"name": "editor.1.gz", "path": "/usr/share/nano.1.gz", "link": "/l"}]}),
                vec![],
            ),
        ];
        for (args, expected) in cases {
            assert_eq!(with(args.clone()).done(&SPEC).0, expected, "{args}");
        }
        let fail = with(json!({"name": "editor", "path": "/bin/ed"}))
            .tried_with(&SPEC, vec![])
            .1
            .unwrap_err();
        assert_eq!(fail.msg, "Specified path /bin/ed does not exist");
        let display = "java - status is auto.\n link currently points to /opt/a/java\n/opt/a/java - family jdk priority 10\n follower x: /opt/a/x\n";
        let now = read(display);
        assert_eq!(
            (
                now.current.as_deref(),
                now.choices[0].family.as_deref(),
                now.choices[0].priority
            ),
            (Some("/opt/a/java"), Some("jdk"), Some(10))
        );
    }
}
