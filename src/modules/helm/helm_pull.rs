//! `kubernetes.core.helm_pull`: a chart, fetched to the control machine.

use super::program::{Helm, PROGRAM_ARGS, binary};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::Map;
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::path::PathBuf;

const LOGIN: &str = "add the repository with `helm_repository`, which takes a login, and name the chart `repository/name`";

/// See the page of `kubernetes.core.helm_pull`.
pub(super) static HELM_PULL: Spec = Spec {
    name: "kubernetes.core.helm_pull",
    aliases: &["community.kubernetes.helm_pull"],
    about: "fetches a Helm chart to the control machine",
    free_form: None,
    args: &[
        &[
            Arg::str(
                "chart_ref",
                "the chart: `repository/name`, an address, `oci://…`, or a name with `repo_url`",
            )
            .required(),
            Arg::str(
                "chart_version",
                "its version; without it the chart is fetched in every run, for there may be a newer one",
            ),
            Arg::str("repo_url", "the repository of the chart").alias(&["chart_repo_url", "url"]),
            Arg::path(
                "destination",
                "the folder, on the control machine; it must be there",
            )
            .required(),
            Arg::bool("untar_chart", "unpack it there").default("false"),
            Arg::bool("force", "fetch it although it is there").default("false"),
            Arg::bool(
                "insecure_skip_tls_verify",
                "do not check the server's certificate",
            )
            .alias(&["skip_tls_certs_check"])
            .default("false"),
            Arg::bool("plain_http", "the server speaks HTTP without TLS").default("false"),
            Arg::refused("repo_username", LOGIN),
            Arg::refused("repo_password", LOGIN),
            Arg::refused("pass_credentials", LOGIN),
            Arg::refused(
                "verify_chart",
                "lock the chart as an artifact: its digest is checked then",
            ),
            Arg::refused(
                "verify_chart_keyring",
                "lock the chart as an artifact: its digest is checked then",
            ),
            Arg::refused(
                "provenance",
                "lock the chart as an artifact: its digest is checked then",
            ),
            Arg::refused("chart_devel", "name the version in `chart_version`"),
            Arg::refused("chart_ca_cert", "the system's certificates count"),
            Arg::refused("chart_ssl_cert_file", LOGIN),
            Arg::refused("chart_ssl_key_file", LOGIN),
        ],
        PROGRAM_ARGS,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("stdout", "what Helm said"),
        ("stderr", "what it complained of"),
        ("command", "what it was run with"),
    ],
    example: "- kubernetes.core.helm_pull:\n    chart_ref: grafana\n    repo_url: https://charts.example.com\n    chart_version: 9.2.2\n    destination: charts\n",
    run: Run::Bind(bind),
};

struct Pull {
    chart: String,
    version: Option<String>,
    destination: PathBuf,
    untar: bool,
    force: bool,
    flags: Vec<String>,
    binary: Option<String>,
    environment: BTreeMap<String, String>,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let destination = ctx.files.base().join(args.str("destination"));
    if !destination.is_dir() {
        return Err(Fail::new(format!(
            "there is no folder `{}` on the control machine",
            destination.display()
        )));
    }
    let mut flags = Vec::new();
    if let Some(url) = args.opt_str("repo_url") {
        flags.push(format!("--repo={url}"));
    }
    for (name, flag) in [
        ("insecure_skip_tls_verify", "--insecure-skip-tls-verify"),
        ("plain_http", "--plain-http"),
    ] {
        if args.bool(name) {
            flags.push(flag.to_owned());
        }
    }
    Ok(Bound::Converse(Box::new(Pull {
        chart: args.str("chart_ref").to_owned(),
        version: args.opt_str("chart_version").map(str::to_owned),
        destination,
        untar: args.bool("untar_chart"),
        force: args.bool("force"),
        flags,
        binary: binary(args, ctx),
        environment: ctx.environment.clone(),
    })))
}

impl Pull {
    /// Whether this version is there; without a version nobody knows what there should be.
    fn is_there(&self) -> bool {
        let Some(version) = &self.version else {
            return false;
        };
        let name = self.chart.rsplit('/').next().unwrap_or(&self.chart);
        if self.untar {
            let chart = super::chart::Chart::read(&self.destination.join(name));
            return chart.is_ok_and(|c| c.metadata["version"] == **version);
        }
        // an archive that is cut off is not there
        let archive = self.destination.join(format!("{name}-{version}.tgz"));
        super::chart::Chart::read(&archive).is_ok()
    }
}

impl Converse for Pull {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            if !self.force && self.is_there() {
                return Ok(Outcome::default());
            }
            let mut outcome = Outcome {
                changed: true,
                ..Outcome::default()
            };
            if host.check() {
                return Ok(outcome);
            }
            let helm = Helm::find(self.binary.as_deref(), &self.environment).await?;
            // beside its place first: a pull that breaks off leaves nothing
            let dir = tempfile::Builder::new()
                .prefix(".helm-pull-")
                .tempdir_in(&self.destination)
                .map_err(|e| {
                    Fail::new(format!(
                        "`{}` cannot be written: {e}",
                        self.destination.display()
                    ))
                })?;
            let to = format!("--destination={}", dir.path().display());
            let version = self.version.as_ref().map(|v| format!("--version={v}"));
            let mut args = vec!["pull", self.chart.as_str(), to.as_str()];
            args.extend(version.as_deref());
            if self.untar {
                args.push("--untar");
            }
            let untar_dir = format!("--untardir={}", dir.path().display());
            if self.untar {
                args.push(&untar_dir);
            }
            args.extend(self.flags.iter().map(String::as_str));
            let ended = helm.run(&args, None).await?.must()?;
            place(dir.path(), &self.destination, self.untar)?;
            let result: &mut Map = &mut outcome.result;
            result.insert("stdout".into(), ended.stdout.into());
            result.insert("stderr".into(), ended.stderr.into());
            result.insert("command".into(), ended.command.into());
            Ok(outcome)
        })
    }
}

/// Moves what was fetched to its place.
fn place(from: &std::path::Path, to: &std::path::Path, folders: bool) -> Result<(), Fail> {
    let moved = || {
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() != folders {
                continue;
            }
            let target = to.join(entry.file_name());
            if folders && target.exists() {
                std::fs::remove_dir_all(&target)?;
            }
            std::fs::rename(entry.path(), target)?;
        }
        Ok::<_, std::io::Error>(())
    };
    moved().map_err(|e| {
        Fail::new(format!(
            "the chart could not be put into `{}`: {e}",
            to.display()
        ))
    })
}
