//! `kubernetes.core.k8s_cluster_info`: the server's version, and all that it serves.

use super::answer::{fail, finish};
use super::login::{LOGIN, Login};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt};

/// `kubernetes.core.k8s_cluster_info`.
pub(super) static SPEC: Spec = Spec {
    name: "kubernetes.core.k8s_cluster_info",
    aliases: &["community.kubernetes.k8s_cluster_info"],
    about: "tells the version of a Kubernetes cluster and the kinds that it has",
    free_form: None,
    args: &[
        &[Arg::bool(
            "invalidate_cache",
            "no effect here: the kinds are always asked anew",
        )
        .default("true")],
        LOGIN,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("version", "`server` (the server's own words) and `client`"),
        ("connection", "`host`, the server's address"),
        (
            "apis",
            "by apiVersion and kind: `name`, `namespaced`, `preferred`, `short_names`, `singular_name`, `categories`",
        ),
    ],
    example: "- kubernetes.core.k8s_cluster_info:\n  register: cluster\n",
    run: Run::Bind(bind),
};

struct K8sClusterInfo(Login);

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Converse(Box::new(K8sClusterInfo(Login::of(
        args, ctx,
    )?))))
}

impl Converse for K8sClusterInfo {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let client = self.0.client(host).await?;
            let version = client.version().await.map_err(fail)?;
            // the collection has the server's words under `server.kubernetes`
            let version = Value::map([
                ("client", Value::from(env!("CARGO_PKG_VERSION"))),
                (
                    "server",
                    Value::map([("kubernetes", Value::from(version.clone()))]),
                ),
            ]);
            let all = client.api_versions().await.map_err(fail)?;
            let client = &client;
            let lists: Vec<_> = futures_util::stream::iter(all)
                .map(|(api_version, preferred)| async move {
                    let kinds = client.kinds_of(&api_version).await?;
                    Ok((api_version, preferred, kinds))
                })
                .buffered(8)
                .try_collect()
                .await
                .map_err(fail)?;
            let mut apis = Map::new();
            for (api_version, preferred, kinds) in lists {
                let mut of_version = Map::new();
                for kind in kinds.iter().flat_map(|k| k.iter()) {
                    let texts =
                        |list: &[String]| Value::list(list.iter().map(|t| Value::from(t.as_str())));
                    let about = Value::map([
                        ("categories", texts(&kind.categories)),
                        ("name", kind.plural.as_str().into()),
                        ("namespaced", kind.namespaced.into()),
                        ("preferred", preferred.into()),
                        ("short_names", texts(&kind.short_names)),
                        ("singular_name", kind.singular.as_str().into()),
                    ]);
                    of_version.insert(kind.kind.clone(), about);
                }
                apis.insert(api_version, of_version.into());
            }
            let outcome = Outcome {
                result: Map::from_iter([
                    ("apis".to_owned(), Value::from(apis)),
                    (
                        "connection".to_owned(),
                        Value::map([("host", Value::from(client.address()))]),
                    ),
                    ("version".to_owned(), version),
                ]),
                ..Outcome::default()
            };
            finish(host, client, outcome).await
        })
    }
}
