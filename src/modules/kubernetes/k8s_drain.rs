//! `kubernetes.core.k8s_drain`: a node out of service, and back.

use super::answer::{fail, finish};
use super::login::{LOGIN, Login};
use crate::cluster::{DrainOptions, Patience};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// `kubernetes.core.k8s_drain`.
pub(super) static SPEC: Spec = Spec {
    name: "kubernetes.core.k8s_drain",
    aliases: &["community.kubernetes.k8s_drain"],
    about: "cordons, drains or uncordons a node",
    free_form: None,
    args: &[
        &[
            Arg::str("name", "the node").required(),
            Arg::str("state", "what is done with it")
                .choices(&["cordon", "drain", "uncordon"])
                .default("drain"),
            Arg::list("pod_selectors", "only pods with these labels").alias(&["label_selectors"]),
            Arg::dict(
                "delete_options",
                "for `drain`: `terminate_grace_period`, `force`, `ignore_daemonsets`, `delete_emptydir_data`, `disable_eviction`, `wait_timeout`, `wait_sleep`",
            ),
        ],
        LOGIN,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[("result", "what was done, in words")],
    example: "- kubernetes.core.k8s_drain:\n    name: node-3\n    delete_options:\n      ignore_daemonsets: true\n      delete_emptydir_data: true\n      wait_timeout: 300\n",
    run: Run::Bind(bind),
};

struct K8sDrain {
    name: String,
    state: String,
    options: DrainOptions,
    login: Login,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let mut options = DrainOptions {
        selectors: args.list("pod_selectors"),
        ..DrainOptions::default()
    };
    let (mut timeout, mut pause) = (None, 5);
    for (key, value) in args.dict("delete_options").into_iter().flatten() {
        if matches!(value, Value::Null | Value::Omit) {
            continue;
        }
        let wrong = |what: &str| {
            Fail::new(format!(
                "`delete_options.{key}` must be {what}, not `{value}`"
            ))
        };
        let flag = || value.to_bool().ok_or_else(|| wrong("a boolean"));
        let number = || {
            value
                .as_int()
                .or_else(|| value.as_str()?.parse().ok())
                .filter(|n| *n >= 0)
                .ok_or_else(|| wrong("a number"))
        };
        match key.as_str() {
            "terminate_grace_period" => options.grace = Some(number()?),
            "force" => options.force = flag()?,
            "ignore_daemonsets" => options.ignore_daemonsets = flag()?,
            "delete_emptydir_data" => options.delete_emptydir_data = flag()?,
            "disable_eviction" => options.disable_eviction = flag()?,
            "wait_timeout" => timeout = Some(number()?),
            "wait_sleep" => pause = number()?,
            other => {
                return Err(Fail::new(format!("`delete_options` has no `{other}`")));
            }
        }
    }
    let duration = |n: i64| Duration::from_secs(u64::try_from(n).unwrap_or(0));
    options.wait = timeout.map(|timeout| Patience {
        timeout: duration(timeout),
        sleep: duration(pause),
    });
    Ok(Bound::Converse(Box::new(K8sDrain {
        name: args.str("name").to_owned(),
        state: args.str("state").to_owned(),
        options,
        login: Login::of(args, ctx)?,
    })))
}

impl Converse for K8sDrain {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let client = self.login.client(host).await?;
            let name = &self.name;
            let mut outcome = Outcome::default();
            let text = if self.state == "drain" {
                let drained = client.drain(name, &self.options).await.map_err(fail)?;
                outcome.changed = drained.changed;
                outcome.warnings = drained.warnings;
                drained.result.join(" ")
            } else {
                let cordon = self.state == "cordon";
                let (changed, _) = client.cordon(name, cordon).await.map_err(fail)?;
                outcome.changed = changed;
                let word = if cordon {
                    "unschedulable"
                } else {
                    "schedulable"
                };
                if changed {
                    format!("node {name} marked {word}.")
                } else {
                    format!("node {name} already marked {word}.")
                }
            };
            outcome.result = Map::from_iter([("result".to_owned(), Value::from(text))]);
            finish(host, &client, outcome).await
        })
    }
}
