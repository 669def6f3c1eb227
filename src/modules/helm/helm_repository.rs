//! `kubernetes.core.helm_repository`: the repositories that the control machine's Helm knows.

use super::program::{Helm, PROGRAM_ARGS, binary};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Rule, Run, Spec,
};
use crate::value::Map;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

/// See the page of `kubernetes.core.helm_repository`.
pub(super) static HELM_REPOSITORY: Spec = Spec {
    name: "kubernetes.core.helm_repository",
    aliases: &["community.kubernetes.helm_repository"],
    about: "makes the control machine's Helm know a repository of charts, or forget it",
    free_form: None,
    args: &[
        &[
            Arg::str("repo_name", "what it is called here")
                .alias(&["name"])
                .required(),
            Arg::str("repo_url", "where it is").alias(&["url"]),
            Arg::str("repo_state", "whether it shall be known")
                .alias(&["state"])
                .default("present")
                .choices(&["present", "absent"]),
            Arg::str("repo_username", "its login").alias(&["username"]),
            Arg::str(
                "repo_password",
                "its password; Helm keeps it in a file of its own",
            )
            .alias(&["password"])
            .secret(),
            Arg::bool(
                "pass_credentials",
                "send the login to other servers too, where charts lie elsewhere",
            )
            .default("false"),
            Arg::bool(
                "force_update",
                "fetch its index, and change its address, in every run",
            )
            .alias(&["force"])
            .default("false"),
            Arg::bool("insecure_skip_tls_verify", "do not check its certificate").default("false"),
            Arg::path("ca_cert", "a certificate authority, on the control machine")
                .alias(&["ssl_ca_cert"]),
        ],
        PROGRAM_ARGS,
    ],
    rules: &[
        Rule::If("repo_state", "present", &["repo_url"], false),
        Rule::Together(&["repo_username", "repo_password"]),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("stdout", "what Helm said"),
        ("stderr", "what it complained of"),
        ("command", "what it was run with"),
    ],
    example: "- kubernetes.core.helm_repository:\n    name: grafana\n    repo_url: https://charts.example.com\n",
    run: Run::Bind(bind),
};

struct Repository {
    name: String,
    url: String,
    present: bool,
    login: Option<(String, String)>,
    force: bool,
    flags: Vec<String>,
    binary: Option<String>,
    environment: BTreeMap<String, String>,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let text = |name: &str| args.opt_str(name).map(str::to_owned);
    let mut flags = Vec::new();
    for (name, flag) in [
        ("pass_credentials", "--pass-credentials"),
        ("insecure_skip_tls_verify", "--insecure-skip-tls-verify"),
    ] {
        if args.bool(name) {
            flags.push(flag.to_owned());
        }
    }
    if let Some(path) = args.opt_str("ca_cert") {
        flags.push(format!(
            "--ca-file={}",
            ctx.files.base().join(path).display()
        ));
    }
    Ok(Bound::Converse(Box::new(Repository {
        name: args.str("repo_name").to_owned(),
        url: text("repo_url").unwrap_or_default(),
        present: args.str("repo_state") == "present",
        login: text("repo_username").zip(text("repo_password")),
        force: args.bool("force_update"),
        flags,
        binary: binary(args, ctx),
        environment: ctx.environment.clone(),
    })))
}

impl Converse for Repository {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let helm = Helm::find(self.binary.as_deref(), &self.environment).await?;
            let listed = helm.run(&["repo", "list", "--output=json"], None).await?;
            // none is an error for Helm
            let known = if listed.rc == 0 {
                listed.json()?
            } else {
                serde_json::Value::Null
            };
            let known = known
                .as_array()
                .into_iter()
                .flatten()
                .find(|r| r["name"] == *self.name);
            let known = known.map(|r| r["url"].as_str().unwrap_or_default().to_owned());
            let same = known.as_deref().map(|url| url.trim_end_matches('/'))
                == Some(self.url.trim_end_matches('/'));
            let changed = match self.present {
                true => !same || self.force,
                false => known.is_some(),
            };
            let mut outcome = Outcome {
                changed,
                ..Outcome::default()
            };
            if self.present && !changed && self.login.is_some() {
                outcome.warnings.push(format!(
                    "the repository `{}` is known; whether its password is still the same cannot be seen, `force_update: true` sets it anew",
                    self.name
                ));
            }
            if !changed || host.check() {
                return Ok(outcome);
            }
            let mut args = vec!["repo"];
            let mut input = None;
            if self.present {
                // the address may be another one than before
                args.extend(["add", &self.name, &self.url, "--force-update"]);
                if let Some((user, password)) = &self.login {
                    args.extend(["--password-stdin", "--username", user]);
                    input = Some(password.as_str());
                }
                args.extend(self.flags.iter().map(String::as_str));
            } else {
                args.extend(["remove", &self.name]);
            }
            let ended = helm.run_with(&args, None, input).await?.must()?;
            let result: &mut Map = &mut outcome.result;
            result.insert("stdout".into(), ended.stdout.into());
            result.insert("stderr".into(), ended.stderr.into());
            result.insert("command".into(), ended.command.into());
            Ok(outcome)
        })
    }
}
