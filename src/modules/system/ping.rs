//! `ping`: the host answers.

use crate::host::Known;
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Decide, Decision, Fail, Run, Spec, Step,
};
use crate::value::Map;

/// `ansible.builtin.ping`.
pub(super) static SPEC: Spec = Spec {
    name: "ansible.builtin.ping",
    aliases: &[],
    about: "answers `pong` when the host can be used",
    free_form: None,
    args: &[&[Arg::str("data", "what to answer; `crash` makes the task fail").default("pong")]],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[("ping", "the answer")],
    example: "- ansible.builtin.ping:\n",
    run: Run::Bind(bind),
};

struct Ping(String);

fn bind(args: &Args, _: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Decide(Box::new(Ping(args.str("data").to_owned()))))
}

impl Decide for Ping {
    fn decide(&self, known: &Known) -> Result<Decision, Step> {
        if self.0 == "crash" {
            return Err(Fail::new("boom").into());
        }
        // A question, so that a host out of reach is noticed.
        known.output(crate::host::Query::read(":"))?;
        Ok(Decision::same(Map::from_iter([(
            "ping".to_owned(),
            self.0.as_str().into(),
        )])))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::case;
    use super::*;
    use crate::host::{Answer, Query};
    use serde_json::json;

    #[test]
    fn it_asks_the_host_and_answers() {
        assert_eq!(case(json!({})).needs(&SPEC), [Query::read(":")]);
        let answered = case(json!({"data": "x"})).knows(
            Query::read(":"),
            Answer::Output {
                rc: 0,
                stdout: String::new(),
                stderr: String::new(),
            },
        );
        let (_, outcome) = answered.done(&SPEC);
        assert_eq!(outcome.result["ping"].to_string(), "x");
        let fail = case(json!({"data": "crash"}))
            .decide(&SPEC)
            .map(|_| ())
            .unwrap_err();
        assert_eq!(fail.msg, "boom");
    }
}
