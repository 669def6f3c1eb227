//! `kubernetes.core.k8s_rollback`: back to the revision before.

use super::answer::{fail, finish};
use super::login::{LOGIN, Login};
use crate::cluster::{Selectors, object};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

/// `kubernetes.core.k8s_rollback`.
pub(super) static SPEC: Spec = Spec {
    name: "kubernetes.core.k8s_rollback",
    aliases: &["community.kubernetes.k8s_rollback"],
    about: "takes a Deployment, DaemonSet or StatefulSet back to its revision before",
    free_form: None,
    args: &[
        &[
            Arg::str("kind", "Deployment, DaemonSet or StatefulSet").required(),
            Arg::str("api_version", "the version of the kind")
                .alias(&["api", "version"])
                .default("apps/v1"),
            Arg::str("name", "its name"),
            Arg::str(
                "namespace",
                "its namespace; default: that of the kubeconfig",
            ),
            Arg::list("label_selectors", "all with these labels"),
            Arg::list("field_selectors", "all with these fields"),
        ],
        LOGIN,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[(
        "rollback_info",
        "for each object: `changed`, `method`, `body` (the patch) and `resources` (the object)",
    )],
    example: "- kubernetes.core.k8s_rollback:\n    api_version: apps/v1\n    kind: Deployment\n    name: web\n    namespace: shop\n",
    run: Run::Bind(bind),
};

struct K8sRollback {
    kind: String,
    api_version: String,
    name: Option<String>,
    namespace: Option<String>,
    selectors: Selectors,
    login: Login,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| {
        args.opt_str(name)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    let module = K8sRollback {
        kind: args.str("kind").to_owned(),
        api_version: args.str("api_version").to_owned(),
        name: own("name"),
        namespace: own("namespace"),
        selectors: Selectors {
            labels: args.list("label_selectors"),
            fields: args.list("field_selectors"),
        },
        login: Login::of(args, ctx)?,
    };
    if module.name.is_none() && module.selectors == Selectors::default() {
        return Err(Fail::new(
            "give `name`, `label_selectors` or `field_selectors`",
        ));
    }
    Ok(Bound::Converse(Box::new(module)))
}

impl Converse for K8sRollback {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let client = self.login.client(host).await?;
            let kind = client
                .kind(&self.api_version, &self.kind)
                .await
                .map_err(fail)?;
            let namespace = self
                .namespace
                .clone()
                .unwrap_or_else(|| client.namespace().to_owned());
            let mut selectors = self.selectors.clone();
            if let Some(name) = &self.name {
                selectors.fields.push(format!("metadata.name={name}"));
            }
            let found = client
                .list(&kind, Some(&namespace), &selectors, false)
                .await
                .map_err(fail)?;
            let mut outcome = Outcome::default();
            let mut infos = Vec::new();
            for before in found.items {
                let back = client.roll_back(&kind, &before).await.map_err(fail)?;
                let mut info =
                    Map::from_iter([("changed".to_owned(), Value::Bool(back.body.is_some()))]);
                match back.body {
                    None => outcome.warnings.push(format!(
                        "No rollout history found for resource {}/{}",
                        kind.kind,
                        object::name(&before)
                    )),
                    Some(body) => {
                        outcome.changed = true;
                        info.insert("method".into(), "patch".into());
                        info.insert("body".into(), Value::from(body));
                        info.insert("resources".into(), Value::from(back.object));
                    }
                }
                infos.push(Value::from(info));
            }
            outcome.result = Map::from_iter([("rollback_info".to_owned(), Value::list(infos))]);
            finish(host, &client, outcome).await
        })
    }
}
