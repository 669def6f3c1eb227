//! `kubernetes.core.helm`: a release, installed, upgraded, gone.

use super::chart::Chart;
use super::forward::Way;
use super::program::{Ended, Helm, PROGRAM_ARGS, binary, private};
use super::release::Release;
use super::set_values::{merge, set_values};
use super::unread::unread;
use crate::cluster::{Client, Selectors};
use crate::modules::kubernetes::{LOGIN, Login, fail, finish};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Diff, Fail, Outcome, Remote, Rule, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempPath;

const PLUGIN: &str = "it is a plugin of Helm's; change the chart or its values instead";

/// Where a chart comes from; shared with `helm_template`.
pub(super) static CHART_ARGS: &[Arg] = &[
    Arg::str(
        "chart_ref",
        "the chart: a folder or archive of the control machine (searched in `files`), `repository/name`, an address, `oci://…`, or a name with `chart_repo_url`",
    ),
    Arg::str("chart_repo_url", "the repository of the chart").alias(&["url", "repo_url"]),
    Arg::str(
        "chart_version",
        "the chart's version; the newest when it is not given",
    ),
    Arg::refused(
        "chart_repo_username",
        "add the repository with `helm_repository`, which takes a login, and name the chart `repository/name`",
    ),
    Arg::refused(
        "chart_repo_password",
        "add the repository with `helm_repository`, which takes a login, and name the chart `repository/name`",
    ),
    Arg::bool(
        "insecure_skip_tls_verify",
        "do not check the certificate of the chart's server",
    )
    .default("false"),
    Arg::bool("plain_http", "the chart's server speaks HTTP without TLS").default("false"),
    Arg::bool(
        "dependency_update",
        "first fetch what the chart (a folder) leans on",
    )
    .default("false"),
];

/// Values; shared with `helm_template`.
pub(super) static VALUES_ARGS: &[Arg] = &[
    Arg::dict(
        "release_values",
        "values, over those of the chart and of `values_files`",
    )
    .alias(&["values"]),
    Arg::list(
        "values_files",
        "files with values on the control machine, searched in `files`; they may be encrypted",
    ),
    Arg::of(
        "set_values",
        crate::modules::Kind::ListAny,
        "values by path, over all others: mappings with `value: path=value` and `value_type`: raw, string, json or file",
    ),
    Arg::bool("disable_hook", "leave the chart's hooks out").default("false"),
    Arg::bool("skip_crds", "leave the chart's CRDs out").default("false"),
    Arg::bool(
        "skip_schema_validation",
        "do not hold the values against the chart's schema",
    )
    .default("false"),
];

/// See the page of `kubernetes.core.helm`.
pub(super) static HELM: Spec = Spec {
    name: "kubernetes.core.helm",
    aliases: &["community.kubernetes.helm"],
    about: "installs, upgrades or removes a release of a Helm chart",
    free_form: None,
    args: &[
        &[
            Arg::str("release_name", "the release").alias(&["name"]).required(),
            Arg::str("release_namespace", "its namespace").alias(&["namespace"]).required(),
            Arg::str("release_state", "whether it shall be there")
                .alias(&["state"])
                .default("present")
                .choices(&["present", "absent"]),
            Arg::bool("create_namespace", "make the namespace when it is missing").default("false"),
            Arg::bool("wait", "wait until all its objects are ready, or gone").default("false"),
            Arg::str("timeout", "how long that may take, as in `5m0s`").alias(&["wait_timeout"]),
            Arg::bool("atomic", "roll back when it fails; waits as `wait` does").default("false"),
            Arg::bool("force", "replace objects that cannot be changed").default("false"),
            Arg::bool("reset_values", "forget values of earlier revisions").default("true"),
            Arg::bool("reuse_values", "keep values of the last revision, and put these over them").default("false"),
            Arg::bool("reset_then_reuse_values", "take the chart's new values, those of the last revision over them, and these over both").default("false"),
            Arg::bool("take_ownership", "adopt objects that are there without Helm").default("false"),
            Arg::int("history_max", "how many revisions are kept"),
            Arg::bool("update_repo_cache", "first fetch what the repositories have now").default("false"),
            Arg::bool("purge", "with `absent`: keep nothing of its history").default("true"),
            Arg::refused("replace", "releases are installed and upgraded in one way here, which also takes up a name that was used before"),
            Arg::refused("post_renderer", PLUGIN),
        ],
        CHART_ARGS,
        VALUES_ARGS,
        PROGRAM_ARGS,
        LOGIN,
    ],
    rules: &[
        Rule::If("release_state", "present", &["chart_ref"], false),
        Rule::Exclusive(&["reuse_values", "reset_then_reuse_values"]),
    ],
    check: CheckSupport::Full,
    returns: &[
        ("status", "the release: `name`, `namespace`, `revision`, `status`, `chart`, `app_version`, `updated`, `values`"),
        ("command", "what Helm was run with"),
        ("stdout", "what it said"),
        ("stderr", "what it complained of"),
        ("unread_values", "values that no template of the chart reads"),
    ],
    example: "- kubernetes.core.helm:\n    name: grafana\n    namespace: monitoring\n    create_namespace: true\n    chart_ref: charts/grafana-9.2.2.tgz\n    values:\n      replicas: 2\n    wait: true\n",
    run: Run::Bind(bind),
};

/// A chart and values, as `helm` and `helm_template` take them.
pub(super) struct Rendering {
    chart: String,
    local: Option<PathBuf>,
    /// Flags that say how the chart is fetched.
    fetch: Vec<String>,
    /// Values, the weakest first.
    values: Vec<Vec<u8>>,
    /// Flags that say how it is rendered.
    flags: Vec<&'static str>,
    dependencies: bool,
}

struct HelmTask {
    name: String,
    namespace: String,
    purge: bool,
    wait: bool,
    atomic: bool,
    force: bool,
    reuse: Option<&'static str>,
    update_cache: bool,
    timeout: Option<String>,
    /// Flags of `helm upgrade` that need no thought.
    more: Vec<String>,
    rendering: Option<Rendering>,
    no_hooks: bool,
    login: Login,
    binary: Option<String>,
    environment: BTreeMap<String, String>,
    diff: bool,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let present = args.str("release_state") == "present";
    let mut more = Vec::new();
    for (name, flag) in [
        ("create_namespace", "--create-namespace"),
        ("take_ownership", "--take-ownership"),
    ] {
        if args.bool(name) {
            more.push(flag.to_owned());
        }
    }
    if let Some(max) = args.int("history_max") {
        more.push(format!("--history-max={max}"));
    }
    let reuse = if args.bool("reset_then_reuse_values") {
        Some("--reset-then-reuse-values")
    } else {
        args.bool("reuse_values").then_some("--reuse-values")
    };
    Ok(Bound::Converse(Box::new(HelmTask {
        name: args.str("release_name").to_owned(),
        namespace: args.str("release_namespace").to_owned(),
        purge: args.bool("purge"),
        wait: args.bool("wait"),
        atomic: args.bool("atomic"),
        force: args.bool("force"),
        reuse,
        update_cache: args.bool("update_repo_cache"),
        timeout: args.opt_str("timeout").map(str::to_owned),
        more,
        rendering: if present {
            Some(Rendering::of(args, ctx)?)
        } else {
            None
        },
        no_hooks: args.bool("disable_hook"),
        login: Login::of(args, ctx)?,
        binary: binary(args, ctx),
        environment: ctx.environment.clone(),
        diff: ctx.diff,
    })))
}

impl Rendering {
    /// Of the arguments that [`CHART_ARGS`] and [`VALUES_ARGS`] describe.
    pub(super) fn of(args: &Args, ctx: &Context<'_>) -> Result<Self, Fail> {
        let chart = args.str("chart_ref").to_owned();
        let remote = args.has("chart_repo_url") || chart.contains("://");
        let local = if remote {
            None
        } else {
            ctx.files.find("files", &chart).ok()
        };
        if !remote && local.is_none() && (chart.starts_with(['.', '/']) || chart.ends_with(".tgz"))
        {
            // its words say where it was looked for
            ctx.files.find("files", &chart)?;
        }
        let mut fetch = Vec::new();
        if let Some(url) = args.opt_str("chart_repo_url") {
            fetch.push(format!("--repo={url}"));
        }
        if let Some(version) = args.opt_str("chart_version") {
            fetch.push(format!("--version={version}"));
        }
        for (name, flag) in [
            ("insecure_skip_tls_verify", "--insecure-skip-tls-verify"),
            ("plain_http", "--plain-http"),
        ] {
            if args.bool(name) {
                fetch.push(flag.to_owned());
            }
        }
        let mut values = Vec::new();
        for file in args.list("values_files") {
            let path = ctx.files.find("files", &file)?;
            values.push(ctx.files.read(&path, true)?.to_vec());
        }
        if let Some(own) = args.dict("release_values") {
            values.push(Value::from(own.clone()).to_json().to_string().into_bytes());
        }
        if let Some(items) = args.raw("set_values").and_then(Value::as_list) {
            values.push(set_values(items, ctx.files)?.to_string().into_bytes());
        }
        let flags = [
            ("disable_hook", "--no-hooks"),
            ("skip_crds", "--skip-crds"),
            ("skip_schema_validation", "--skip-schema-validation"),
        ];
        Ok(Self {
            chart,
            local,
            fetch,
            values,
            flags: flags
                .iter()
                .filter(|(name, _)| args.bool(name))
                .map(|(_, flag)| *flag)
                .collect(),
            dependencies: args.bool("dependency_update"),
        })
    }

    /// The chart on this machine: where it is, or where it was fetched to.
    pub(super) async fn fetch(
        &self,
        helm: &Helm,
    ) -> Result<(PathBuf, Option<tempfile::TempDir>), Fail> {
        if let Some(local) = &self.local {
            return Ok((local.clone(), None));
        }
        let dir = tempfile::Builder::new()
            .prefix("hoist-helm-")
            .tempdir()
            .map_err(|e| Fail::new(format!("a folder for the chart could not be made: {e}")))?;
        let to = format!("--destination={}", dir.path().display());
        let mut args = vec!["pull", &self.chart, &to];
        args.extend(self.fetch.iter().map(String::as_str));
        helm.run(&args, None).await?.must()?;
        let entries = std::fs::read_dir(dir.path())
            .into_iter()
            .flatten()
            .flatten();
        let archive = entries
            .map(|e| e.path())
            .find(|p| p.extension().is_some_and(|e| e == "tgz"));
        match archive {
            Some(path) => Ok((path, Some(dir))),
            None => Err(Fail::new(format!(
                "`helm pull {}` fetched no chart",
                self.chart
            ))),
        }
    }

    /// The values in files, and the flags that name them, with those of the rendering.
    pub(super) fn flags(&self, check: bool) -> Result<(Vec<TempPath>, Vec<String>), Fail> {
        let files: Vec<TempPath> = self
            .values
            .iter()
            .map(|text| private(".yaml", text))
            .collect::<Result<_, _>>()?;
        let mut flags: Vec<String> = files
            .iter()
            .map(|f| format!("--values={}", f.display()))
            .collect();
        flags.extend(self.flags.iter().map(|f| (*f).to_owned()));
        // it writes into the chart's folder
        if self.dependencies && !check {
            flags.push("--dependency-update".to_owned());
        }
        Ok((files, flags))
    }
}

impl Converse for HelmTask {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let access = self.login.access(host).await?;
            let client = host.cluster(access.clone()).await?;
            let helm = Helm::find(self.binary.as_deref(), &self.environment).await?;
            let last = Release::newest(releases(&client, &self.namespace, Some(&self.name)).await?);
            let way = Way::open(&client, &access).await?;
            let outcome = match &self.rendering {
                None => self.remove(host, &helm, &way, last).await?,
                Some(rendering) => {
                    self.install(host, &client, &helm, &way, rendering, last)
                        .await?
                }
            };
            finish(host, &client, outcome).await
        })
    }
}

/// The revisions that Helm keeps in a namespace (in all when it is empty), of one release or of all.
///
/// # Errors
/// The server's refusal; a Secret that holds no release.
pub(super) async fn releases(
    client: &Client,
    namespace: &str,
    name: Option<&str>,
) -> Result<Vec<Release>, Fail> {
    let kind = client.kind("v1", "Secret").await.map_err(fail)?;
    let mut labels = vec!["owner=helm".to_owned()];
    labels.extend(name.map(|name| format!("name={name}")));
    let selectors = Selectors {
        labels,
        fields: vec!["type=helm.sh/release.v1".to_owned()],
    };
    let namespace = (!namespace.is_empty()).then_some(namespace);
    let found = client
        .list(&kind, namespace, &selectors, false)
        .await
        .map_err(fail)?;
    found
        .items
        .iter()
        .map(|s| Release::read(s).map_err(Fail::new))
        .collect()
}

impl HelmTask {
    async fn remove(
        &self,
        host: &mut dyn Remote,
        helm: &Helm,
        way: &Way,
        last: Option<Release>,
    ) -> Result<Outcome, Fail> {
        let Some(last) = last.filter(|r| r.status() != "uninstalled") else {
            return Ok(Outcome::default());
        };
        let mut outcome = Outcome {
            changed: true,
            ..Outcome::default()
        };
        if self.diff {
            outcome.diff.push(Diff {
                before_header: format!("release {}", self.name),
                after_header: String::new(),
                before: last.manifest().to_owned(),
                after: String::new(),
            });
        }
        if host.check() {
            return Ok(outcome);
        }
        let namespace = format!("--namespace={}", self.namespace);
        let mut args = vec!["uninstall", self.name.as_str(), namespace.as_str()];
        if !self.purge {
            args.push("--keep-history");
        }
        if self.wait {
            args.push("--wait");
        }
        if self.no_hooks {
            args.push("--no-hooks");
        }
        let timeout = self.timeout.as_ref().map(|t| format!("--timeout={t}"));
        args.extend(timeout.as_deref());
        host.progress(format!("helm uninstall {}", self.name));
        let ended = helm.run(&args, Some(way.kubeconfig())).await?.must()?;
        tell(&mut outcome.result, &ended);
        Ok(outcome)
    }

    async fn install(
        &self,
        host: &mut dyn Remote,
        client: &Client,
        helm: &Helm,
        way: &Way,
        rendering: &Rendering,
        last: Option<Release>,
    ) -> Result<Outcome, Fail> {
        if let Some(last) = last.as_ref().filter(|r| r.is_pending()) {
            return Err(self.stuck(last));
        }
        if self.update_cache && !host.check() {
            helm.run(&["repo", "update"], None).await?.must()?;
        }
        let (chart, _fetched) = rendering.fetch(helm).await?;
        let (_values, flags) = rendering.flags(host.check())?;
        let wanted = self.dry(helm, way, &chart, &flags, false).await?;
        let last = last.filter(|r| r.status() != "uninstalled");
        let changed = last.as_ref().is_none_or(|last| self.differs(last, &wanted));

        let mut outcome = Outcome {
            changed,
            ..Outcome::default()
        };
        self.warn(&chart, &wanted, &mut outcome);
        if !changed {
            if let Some(last) = &last {
                outcome
                    .result
                    .insert("status".into(), Value::from(last.story()));
            }
            return Ok(outcome);
        }
        if self.diff {
            let after = self.dry(helm, way, &chart, &flags, true).await?;
            outcome.diff.push(Diff {
                before_header: last
                    .as_ref()
                    .map(|_| format!("release {}", self.name))
                    .unwrap_or_default(),
                after_header: format!("release {}", self.name),
                before: last
                    .as_ref()
                    .map(|r| r.manifest().to_owned())
                    .unwrap_or_default(),
                after: after.manifest().to_owned(),
            });
        }
        if host.check() {
            outcome
                .result
                .insert("status".into(), Value::from(wanted.story()));
            return Ok(outcome);
        }
        host.progress(format!("helm upgrade --install {}", self.name));
        let ended = self.upgrade(helm, way, &chart, &flags).await?;
        tell(&mut outcome.result, &ended);
        let now = Release::newest(releases(client, &self.namespace, Some(&self.name)).await?);
        if let Some(now) = now {
            outcome
                .result
                .insert("status".into(), Value::from(now.story()));
        }
        Ok(outcome)
    }

    /// What Helm would keep of the release: its own reading of chart and values. `asked`: with the cluster's answers in the
    /// manifest (`lookup`, what the API server has), for the diff.
    async fn dry(
        &self,
        helm: &Helm,
        way: &Way,
        chart: &Path,
        flags: &[String],
        asked: bool,
    ) -> Result<Release, Fail> {
        let chart = chart.display().to_string();
        let namespace = format!("--namespace={}", self.namespace);
        let how = if asked {
            "--dry-run=server"
        } else {
            "--dry-run=client"
        };
        let mut args = vec![
            "install",
            &self.name,
            &chart,
            &namespace,
            how,
            "--output=json",
        ];
        if asked {
            // an install would complain that the name is in use
            args[0] = "upgrade";
            args.push("--install");
            args.extend(self.reuse);
        }
        args.extend(flags.iter().map(String::as_str));
        let kubeconfig = asked.then(|| way.kubeconfig());
        Ok(Release::printed(
            helm.run(&args, kubeconfig).await?.must()?.json()?,
        ))
    }

    async fn upgrade(
        &self,
        helm: &Helm,
        way: &Way,
        chart: &Path,
        flags: &[String],
    ) -> Result<Ended, Fail> {
        let chart = chart.display().to_string();
        let namespace = format!("--namespace={}", self.namespace);
        let mut args = vec!["upgrade", "--install", &self.name, &chart, &namespace];
        args.push(self.reuse.unwrap_or("--reset-values"));
        if self.wait {
            args.push("--wait");
        }
        if self.atomic {
            args.push(helm.flag("--rollback-on-failure", "--atomic"));
        }
        if self.force {
            args.push(helm.flag("--force-replace", "--force"));
        }
        let timeout = self.timeout.as_ref().map(|t| format!("--timeout={t}"));
        args.extend(timeout.as_deref());
        args.extend(self.more.iter().map(String::as_str));
        args.extend(flags.iter().map(String::as_str));
        helm.run(&args, Some(way.kubeconfig())).await?.must()
    }

    fn differs(&self, last: &Release, wanted: &Release) -> bool {
        let mut values = wanted.values();
        if self.reuse.is_some() {
            let mut both = last.values();
            merge(&mut both, values);
            values = both;
        }
        let reused = self.reuse == Some("--reuse-values");
        last.status() != "deployed"
            || last.chart() != wanted.chart()
            || last.values() != values
            || last.chart_parts(reused) != wanted.chart_parts(reused)
    }

    /// Values that nothing reads are told: a name that was mistyped has no other way to show.
    fn warn(&self, chart: &Path, wanted: &Release, outcome: &mut Outcome) {
        // Helm has read the chart; what we cannot read of it cannot be looked through
        let Ok(chart) = Chart::read(chart) else {
            return;
        };
        let found = unread(&chart, &wanted.values());
        for (path, near) in &found {
            let near = near
                .as_ref()
                .map(|n| format!("; did you mean `{n}`?"))
                .unwrap_or_default();
            outcome.warnings.push(format!(
                "release `{}`: no template of the chart {} reads the value `{path}`{near}",
                self.name,
                chart.name()
            ));
        }
        let paths = found.into_iter().map(|(path, _)| Value::from(path));
        outcome
            .result
            .insert("unread_values".into(), Value::list(paths));
    }

    fn stuck(&self, last: &Release) -> Fail {
        let (name, namespace, revision) = (&self.name, &self.namespace, last.revision());
        let way_out = if last.status() == "pending-install" {
            format!("helm uninstall {name} -n {namespace}")
        } else {
            format!("helm rollback {name} -n {namespace}")
        };
        Fail::new(format!(
            "the release `{name}` is `{status}` since {when}: another Helm is at it, or one was killed at it, and Helm refuses to touch it\n\
             when none is at it, undo revision {revision} with `{way_out}`, or forget it with `kubectl delete secret -n {namespace} sh.helm.release.v1.{name}.v{revision}`, and run again",
            status = last.status(),
            when = last.when(),
        ))
    }
}

fn tell(result: &mut Map, ended: &Ended) {
    for (key, text) in [
        ("command", &ended.command),
        ("stdout", &ended.stdout),
        ("stderr", &ended.stderr),
    ] {
        result.insert(key.to_owned(), Value::from(text.as_str()));
    }
}
