//! `kubernetes.core.helm_template`: a chart's objects, without a cluster.

use super::install::{CHART_ARGS, Rendering, VALUES_ARGS};
use super::program::{Helm, PROGRAM_ARGS, binary};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Rule, Run, Spec,
};
use crate::value::Map;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

/// See the page of `kubernetes.core.helm_template`.
pub(super) static HELM_TEMPLATE: Spec = Spec {
    name: "kubernetes.core.helm_template",
    aliases: &["community.kubernetes.helm_template"],
    about: "renders a Helm chart, on the control machine and without a cluster",
    free_form: None,
    args: &[
        &[
            Arg::str("release_name", "the release that the templates see")
                .alias(&["name"])
                .default("release-name"),
            Arg::str("release_namespace", "the namespace that the templates see")
                .alias(&["namespace"]),
            Arg::bool("include_crds", "the chart's CRDs too").default("false"),
            Arg::list("show_only", "only what these templates of the chart make"),
            Arg::bool(
                "update_repo_cache",
                "first fetch what the repositories have now",
            )
            .default("false"),
            Arg::refused(
                "output_dir",
                "register the result and write `stdout` with `copy`, which sees what changes",
            ),
        ],
        CHART_ARGS,
        VALUES_ARGS,
        PROGRAM_ARGS,
    ],
    rules: &[Rule::OneOf(&["chart_ref"])],
    check: CheckSupport::Full,
    returns: &[
        ("stdout", "the objects, YAML"),
        ("stderr", "what Helm complained of"),
        ("command", "what Helm was run with"),
    ],
    example: "- kubernetes.core.helm_template:\n    chart_ref: charts/grafana-9.2.2.tgz\n    release_namespace: monitoring\n    values:\n      replicas: 2\n  register: rendered\n",
    run: Run::Bind(bind),
};

struct Template {
    name: String,
    more: Vec<String>,
    update_cache: bool,
    rendering: Rendering,
    binary: Option<String>,
    environment: BTreeMap<String, String>,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let mut more = Vec::new();
    if let Some(namespace) = args.opt_str("release_namespace") {
        more.push(format!("--namespace={namespace}"));
    }
    if args.bool("include_crds") {
        more.push("--include-crds".to_owned());
    }
    more.extend(
        args.list("show_only")
            .into_iter()
            .map(|t| format!("--show-only={t}")),
    );
    Ok(Bound::Converse(Box::new(Template {
        name: args.str("release_name").to_owned(),
        more,
        update_cache: args.bool("update_repo_cache"),
        rendering: Rendering::of(args, ctx)?,
        binary: binary(args, ctx),
        environment: ctx.environment.clone(),
    })))
}

impl Converse for Template {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let helm = Helm::find(self.binary.as_deref(), &self.environment).await?;
            if self.update_cache && !host.check() {
                helm.run(&["repo", "update"], None).await?.must()?;
            }
            let (chart, _fetched) = self.rendering.fetch(&helm).await?;
            let (_values, flags) = self.rendering.flags(host.check())?;
            let chart = chart.display().to_string();
            let mut args = vec!["template", self.name.as_str(), chart.as_str()];
            args.extend(self.more.iter().chain(&flags).map(String::as_str));
            let ended = helm.run(&args, None).await?.must()?;
            let mut result = Map::new();
            result.insert("stdout".into(), ended.stdout.into());
            result.insert("stderr".into(), ended.stderr.into());
            result.insert("command".into(), ended.command.into());
            // rendering changes nothing
            Ok(Outcome {
                result,
                ..Outcome::default()
            })
        })
    }
}
