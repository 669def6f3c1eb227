//! `kubernetes.core.helm_info`: a release, read from what Helm keeps in the cluster. No Helm is run for it.

use super::install::releases;
use super::release::Release;
use crate::modules::kubernetes::{LOGIN, Login, finish};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

/// See the page of `kubernetes.core.helm_info`.
pub(super) static HELM_INFO: Spec = Spec {
    name: "kubernetes.core.helm_info",
    aliases: &["community.kubernetes.helm_info"],
    about: "tells what is known of a release of a Helm chart",
    free_form: None,
    args: &[
        &[
            Arg::str("release_name", "the release")
                .alias(&["name"])
                .required(),
            Arg::str("release_namespace", "its namespace")
                .alias(&["namespace"])
                .required(),
            Arg::list(
                "release_state",
                "only a release in one of these states (`deployed`, `failed`, `pending` …)",
            ),
            Arg::refused(
                "get_all_values",
                "`values` has those that were given; those of the chart are in the chart",
            ),
            Arg::refused("binary_path", "no Helm is run for this"),
        ],
        LOGIN,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[(
        "status",
        "the release, empty when there is none: `name`, `namespace`, `revision`, `status`, `chart`, `app_version`, `updated`, `values`, `notes`, `manifest`, `hooks`",
    )],
    example: "- kubernetes.core.helm_info:\n    name: grafana\n    namespace: monitoring\n  register: grafana\n",
    run: Run::Bind(bind),
};

struct Info {
    name: String,
    namespace: String,
    states: Vec<String>,
    login: Login,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Converse(Box::new(Info {
        name: args.str("release_name").to_owned(),
        namespace: args.str("release_namespace").to_owned(),
        states: args.list("release_state"),
        login: Login::of(args, ctx)?,
    })))
}

impl Converse for Info {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let client = self.login.client(host).await?;
            let mut all = releases(&client, &self.namespace, Some(&self.name)).await?;
            let wanted = |r: &Release| {
                let state = r.status();
                self.states.is_empty()
                    || self
                        .states
                        .iter()
                        .any(|s| s == "all" || s == state || (s == "pending" && r.is_pending()))
            };
            all.retain(wanted);
            let mut result = Map::new();
            let status = match Release::newest(all) {
                None => Value::from(Map::new()),
                Some(release) => {
                    let mut story = release.story();
                    story["notes"] = release.notes().into();
                    story["manifest"] = release.manifest().into();
                    story["hooks"] = release.hooks().clone();
                    story["description"] = release.description().into();
                    Value::from(story)
                }
            };
            result.insert("status".into(), status);
            let outcome = Outcome {
                result,
                ..Outcome::default()
            };
            finish(host, &client, outcome).await
        })
    }
}
