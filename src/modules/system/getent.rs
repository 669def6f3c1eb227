//! `getent`: entries of the host's databases, as facts.

use super::tools::{Site, failed, map};
use crate::host::{Known, Report, quote};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use crate::value::{Map, Value};

/// `ansible.builtin.getent`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.getent",
    aliases: &[],
    about: "reads entries of passwd, group, hosts and the like into facts",
    free_form: None,
    args: &[&[
        Arg::str("database", "which").required(),
        Arg::str("key", "the entry; all when left out"),
        Arg::str("service", "the service to ask, for databases with several"),
        Arg::str("split", "what fields are split at; found out when left out"),
        Arg::bool("fail_key", "fail when the entry is not there").default("true"),
    ]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[(
        "ansible_facts",
        "`getent_DATABASE`: each key with its fields",
    )],
    example: "- ansible.builtin.getent:\n    database: passwd\n    key: root\n",
    run: Run::Bind(bind),
};

struct Getent {
    database: String,
    key: Option<String>,
    service: Option<String>,
    split: Option<String>,
    fail: bool,
    site: Site,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| args.opt_str(name).map(str::to_owned);
    Ok(Bound::Decide(Box::new(Getent {
        database: args.str("database").to_owned(),
        key: own("key"),
        service: own("service"),
        split: own("split"),
        fail: args.bool("fail_key"),
        site: Site::of(ctx),
    })))
}

impl Decide for Getent {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        let database = &self.database;
        let mut words = vec!["getent", database];
        words.extend(self.key.as_deref());
        words.extend(self.service.as_deref().into_iter().flat_map(|s| ["-s", s]));
        let without = match &self.key {
            Some(key) if self.service.is_none() => format!(
                "while IFS= read -r l; do case $l in {}:*) printf '%s\\n' \"$l\"; exit 0;; esac; done < \"$f\"; exit 2",
                quote::word(key)
            ),
            _ => "cat \"$f\"".into(),
        };
        let query = self.site.read(format!(
            "if command -v getent >/dev/null 2>&1; then exec {}; fi\n\
             f=/etc/{}; [ -f \"$f\" ] || {{ echo 'getent was not found' >&2; exit 1; }}\n{without}",
            quote::words(&words),
            quote::word(database)
        ));
        let (rc, stdout, stderr) = known.output(query)?;
        let colon = matches!(database.as_str(), "passwd" | "shadow" | "group" | "gshadow");
        let split = self.split.as_deref().or(colon.then_some(":"));
        let fact = format!("getent_{database}");
        let wrap = |entries: Map| {
            map([(
                "ansible_facts",
                Value::map([(fact.clone(), Value::from(entries))]),
            )])
        };
        if rc == 0 {
            let mut entries = Map::new();
            for line in stdout.lines() {
                let fields: Vec<&str> = match split {
                    Some(s) => line.split(s).collect(),
                    None => line.split_whitespace().collect(),
                };
                if let Some((key, rest)) = fields.split_first() {
                    let rest = Value::list(rest.iter().map(|f| Value::from(*f)));
                    entries
                        .entry((*key).to_owned())
                        .and_modify(|old: &mut Value| {
                            let more = old.as_list().unwrap_or_default().iter().cloned();
                            *old = Value::list(
                                more.chain(rest.as_list().unwrap_or_default().iter().cloned()),
                            );
                        })
                        .or_insert(rest.clone());
                }
            }
            return Ok(Decision::same(wrap(entries)));
        }
        let msg = match rc {
            1 => format!("Missing arguments, or database unknown: {}", stderr.trim()),
            2 => "One or more supplied key could not be found in the database.".to_owned(),
            3 => "Enumeration not supported on this database.".to_owned(),
            _ => "Unexpected failure!".to_owned(),
        };
        if let (2, false, Some(key)) = (rc, self.fail, &self.key) {
            let entries = Map::from_iter([(key.clone(), Value::Null)]);
            let mut result = wrap(entries);
            result.insert("msg".into(), msg.into());
            return Ok(Decision::same(result));
        }
        let report = Report {
            rc,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
            ..Report::default()
        };
        Err(failed(msg, &report).into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, case};
    use super::*;
    use serde_json::json;

    fn with(args: serde_json::Value, rc: i32, said: &str) -> Case {
        let c = case(args);
        let crate::host::Query::Read { script, .. } = c.needs(&SPEC)[0].clone() else {
            panic!()
        };
        c.reads(&script, rc, said)
    }

    #[test]
    fn entries_become_facts() {
        let (_, outcome) = with(
            json!({"database": "passwd", "key": "root"}),
            0,
            "root:x:0:0:root:/root:/bin/sh\n",
        )
        .done(&SPEC);
        assert_eq!(
            Value::from(outcome.result).to_json(),
            json!({"ansible_facts": {"getent_passwd": {"root": ["x", "0", "0", "root", "/root", "/bin/sh"]}}})
        );
        let (_, outcome) = with(
            json!({"database": "hosts"}),
            0,
            "127.0.0.1  localhost lo\n::1 localhost\n",
        )
        .done(&SPEC);
        assert_eq!(
            outcome.result["ansible_facts"].to_json()["getent_hosts"],
            json!({"127.0.0.1": ["localhost", "lo"], "::1": ["localhost"]})
        );
    }

    #[test]
    fn a_key_that_is_not_there() {
        let args = json!({"database": "passwd", "key": "nope"});
        let fail = with(args, 2, "").tried_with(&SPEC, vec![]).1.unwrap_err();
        assert_eq!(
            fail.msg,
            "One or more supplied key could not be found in the database."
        );
        let (_, outcome) = with(
            json!({"database": "passwd", "key": "nope", "fail_key": false}),
            2,
            "",
        )
        .done(&SPEC);
        assert_eq!(
            outcome.result["ansible_facts"].to_json(),
            json!({"getent_passwd": {"nope": null}})
        );
    }
}
