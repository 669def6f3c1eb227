//! dpkg's own tables: `debconf` answers and `dpkg_selections`.

use super::tools::{Plan, Site, failed, last_words, map};
use crate::host::{Action, Cmd, Known, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Diff, Fail, Kind, Rule, Run, Spec,
    Step,
};
use crate::value::{MASK, Map, Value};

/// `ansible.builtin.debconf`.
pub(super) static DEBCONF: Spec = Spec {
    name: "ansible.builtin.debconf",
    aliases: &[],
    about: "answers the questions that packages ask when they are installed",
    free_form: None,
    args: &[&[
        Arg::str("name", "the package").alias(&["pkg"]).required(),
        Arg::str("question", "the question").alias(&["selection", "setting"]),
        Arg::str("vtype", "the answer's type").choices(&[
            "boolean",
            "error",
            "multiselect",
            "note",
            "password",
            "seen",
            "select",
            "string",
            "text",
            "title",
        ]),
        Arg::of("value", Kind::Raw, "the answer").alias(&["answer"]),
        Arg::bool("unseen", "do not mark the question as seen").default("false"),
    ]],
    rules: &[Rule::Together(&["question", "vtype", "value"])],
    check: CheckSupport::Full,
    returns: &[
        ("current", "the answers now"),
        ("previous", "the answer before"),
    ],
    example: "- ansible.builtin.debconf:\n    name: tzdata\n    question: tzdata/Areas\n    vtype: select\n    value: Europe\n",
    run: Run::Bind(bind_debconf),
};

/// `ansible.builtin.dpkg_selections`.
pub(super) static SELECTIONS: Spec = Spec {
    name: "ansible.builtin.dpkg_selections",
    aliases: &[],
    about: "puts packages on hold and takes them off it",
    free_form: None,
    args: &[&[
        Arg::str("name", "the package").required(),
        Arg::str("selection", "what is wanted of it")
            .required()
            .choices(&["install", "hold", "deinstall", "purge"]),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("before", "the selection before"),
        ("after", "the selection now"),
    ],
    example: "- ansible.builtin.dpkg_selections:\n    name: kubelet\n    selection: hold\n",
    run: Run::Bind(bind_selections),
};

struct Debconf {
    package: String,
    answer: Option<(String, String, String)>,
    unseen: bool,
    site: Site,
}

fn bind_debconf(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let vtype = args.str("vtype").to_owned();
    let answer = args.opt_str("question").map(|question| {
        let value = match args.raw("value") {
            Some(Value::List(items)) => items
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        let value = if vtype == "boolean" {
            value.to_lowercase()
        } else {
            value
        };
        (question.to_owned(), vtype.clone(), value)
    });
    if let Some((question, _, value)) = &answer
        && (question.contains(char::is_whitespace) || value.contains('\n'))
    {
        return Err(Fail::new(
            "`question` cannot hold white space, nor `value` line feeds",
        ));
    }
    Ok(Bound::Decide(Box::new(Debconf {
        package: args.str("name").to_owned(),
        answer,
        unseen: args.bool("unseen"),
        site: Site::of(ctx),
    })))
}

impl Decide for Debconf {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let show = self
            .site
            .read(format!("debconf-show {}", quote::word(&self.package)));
        // debconf-show hides passwords, so those are asked of the database itself.
        let secret = self
            .answer
            .as_ref()
            .filter(|(_, t, _)| t == "password")
            .map(|(q, ..)| {
                self.site.read(format!(
                    "printf 'GET %s\\n' {} | debconf-communicate {} 2>/dev/null",
                    quote::word(q),
                    quote::word(&self.package)
                ))
            });
        known.all(std::iter::once(show.clone()).chain(secret.clone()))?;
        let (rc, said, stderr) = known.output(show)?;
        if rc != 0 {
            return Err(Fail::new(format!("debconf-show failed: {}", stderr.trim())).into());
        }
        let mut now = Map::new();
        for line in said.lines() {
            if let Some((key, value)) = line.trim_start_matches(['*', ' ']).split_once(':') {
                now.insert(key.trim().to_owned(), value.trim().into());
            }
        }
        let Some((question, vtype, value)) = &self.answer else {
            return Ok(Decision::same(map([
                ("msg", "".into()),
                ("current", now.into()),
            ])));
        };
        let mut old = now.get(question).map(ToString::to_string);
        if let Some(query) = secret {
            let said = known.output(query)?.1.trim();
            old = said
                .strip_prefix("0 ")
                .or((said == "0").then_some(""))
                .map(str::to_owned);
        }
        let sorted = |t: &str| {
            let mut parts: Vec<String> = t.split(',').map(|p| p.trim().to_owned()).collect();
            parts.sort();
            parts
        };
        let same = old.as_deref().is_some_and(|o| match vtype.as_str() {
            "boolean" => o.to_lowercase() == *value,
            "multiselect" => sorted(o) == sorted(value),
            _ => o == value,
        });
        if same {
            return Ok(Decision::same(map([
                ("msg", "".into()),
                ("current", now.into()),
            ])));
        }
        let hide = |t: &str| {
            if vtype == "password" {
                MASK.to_owned()
            } else {
                t.to_owned()
            }
        };
        let (before, after) = (hide(old.as_deref().unwrap_or_default()), hide(value));
        let one = |v: &str| Value::map([(question.clone(), Value::from(v))]);
        let mut plan = Plan::new(map([
            ("msg", "".into()),
            ("current", one(&after)),
            ("previous", one(&before)),
        ]));
        if self.site.diff {
            plan.diff.push(Diff {
                before_header: self.package.clone(),
                after_header: self.package.clone(),
                before: format!("{question}: {before}\n"),
                after: format!("{question}: {after}\n"),
            });
        }
        let line = format!("{} {question} {vtype} {value}\n", self.package);
        let mut argv = vec!["debconf-set-selections"];
        argv.extend(self.unseen.then_some("-u"));
        plan.run(Cmd {
            stdin: Some(line.into_bytes().into()),
            ..self.site.argv(argv)
        });
        Ok(plan.decision())
    }
}

struct Selections {
    name: String,
    selection: String,
    site: Site,
}

fn bind_selections(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Decide(Box::new(Selections {
        name: args.str("name").to_owned(),
        selection: args.str("selection").to_owned(),
        site: Site::of(ctx),
    })))
}

impl Decide for Selections {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let (name, wanted) = (&self.name, &self.selection);
        let query = self
            .site
            .read(format!("dpkg --get-selections {}", quote::word(name)));
        let (rc, stdout, stderr) = known.output(query)?;
        if stderr.contains("no packages found matching") {
            return Err(Fail::new(format!(
                "Failed to find package '{name}' to perform selection '{wanted}'."
            ))
            .into());
        }
        if rc != 0 {
            let report = Report {
                rc,
                stdout: stdout.to_owned(),
                stderr: stderr.to_owned(),
                ..Report::default()
            };
            return Err(failed(last_words(&report), &report).into());
        }
        let now = stdout.split_whitespace().nth(1).unwrap_or("not present");
        let mut plan = Plan::new(map([
            ("before", now.into()),
            ("after", wanted.as_str().into()),
        ]));
        if now != wanted {
            plan.act(
                Action::Run(Cmd {
                    stdin: Some(format!("{name} {wanted}\n").into_bytes().into()),
                    ..self.site.argv(["dpkg", "--set-selections"])
                }),
                |r| failed(last_words(r), r),
            );
        }
        Ok(plan.decision())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::case;
    use super::*;
    use serde_json::json;

    #[test]
    fn answers() {
        let c = |value: serde_json::Value, vtype: &str| {
            case(json!({"name": "p", "question": "p/q", "vtype": vtype, "value": value})).reads(
                "debconf-show p",
                0,
                "* p/q: true\n  p/o: b, a\n",
            )
        };
        assert!(c(json!(true), "boolean").done(&DEBCONF).0.is_empty());
        let (shown, outcome) = c(json!("no"), "string").done(&DEBCONF);
        assert_eq!(shown, ["debconf-set-selections <<< \"p p/q string no\\n\""]);
        assert_eq!(outcome.result["previous"].to_json(), json!({"p/q": "true"}));
        let c = c(json!("geheim"), "password");
        let c = c.reads(
            "printf 'GET %s\\n' p/q | debconf-communicate p 2>/dev/null",
            0,
            "0 alt\n",
        );
        let (_, outcome) = c.done(&DEBCONF);
        let text = format!("{:?}{:?}", outcome.result, outcome.diff);
        assert!(!text.contains("geheim") && !text.contains("alt\""));
    }

    #[test]
    fn selections() {
        let c = |now: &str| {
            case(json!({"name": "k", "selection": "hold"})).reads("dpkg --get-selections k", 0, now)
        };
        assert!(c("k\t\thold\n").done(&SELECTIONS).0.is_empty());
        assert_eq!(
            c("k\t\tinstall\n").done(&SELECTIONS).0,
            ["dpkg --set-selections <<< \"k hold\\n\""]
        );
    }
}
