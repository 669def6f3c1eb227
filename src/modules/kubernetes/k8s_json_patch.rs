//! `kubernetes.core.k8s_json_patch`: operations on an object.

use super::answer::{diff, fail, finish, without};
use super::login::{LOGIN, Login};
use super::waiting::{WAIT, Waiting};
use crate::cluster::{Change, Json, PatchType, compare, object};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Kind, Outcome, Remote, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

/// `kubernetes.core.k8s_json_patch`.
pub(super) static SPEC: Spec = Spec {
    name: "kubernetes.core.k8s_json_patch",
    aliases: &["community.kubernetes.k8s_json_patch"],
    about: "changes an object by JSON patch operations (RFC 6902)",
    free_form: None,
    args: &[
        &[
            Arg::str("kind", "its kind").required(),
            Arg::str("api_version", "the version of its kind")
                .alias(&["api", "version"])
                .default("v1"),
            Arg::str("name", "its name").required(),
            Arg::str(
                "namespace",
                "its namespace; default: that of the kubeconfig",
            ),
            Arg::of("patch", Kind::ListAny, "the operations").required(),
            Arg::list("hidden_fields", "fields to leave out of the result"),
        ],
        WAIT,
        LOGIN,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[("result", "the object"), ("duration", "seconds waited")],
    example: "- kubernetes.core.k8s_json_patch:\n    kind: Namespace\n    name: shop\n    patch:\n      - {op: add, path: /metadata/labels/tier, value: front}\n",
    run: Run::Bind(bind),
};

struct K8sJsonPatch {
    kind: String,
    api_version: String,
    name: String,
    namespace: Option<String>,
    patch: Json,
    hidden: Vec<String>,
    waiting: Option<Waiting>,
    login: Login,
    diff: bool,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let patch = args.raw("patch").map(Value::to_json).unwrap_or_default();
    serde_json::from_value::<json_patch::Patch>(patch.clone())
        .map_err(|e| Fail::new(format!("`patch` is no JSON patch: {e}")))?;
    Ok(Bound::Converse(Box::new(K8sJsonPatch {
        kind: args.str("kind").to_owned(),
        api_version: args.str("api_version").to_owned(),
        name: args.str("name").to_owned(),
        namespace: args.opt_str("namespace").map(str::to_owned),
        patch,
        hidden: args.list("hidden_fields"),
        waiting: Waiting::of(args)?,
        login: Login::of(args, ctx)?,
        diff: ctx.diff,
    })))
}

impl Converse for K8sJsonPatch {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let client = self.login.client(host).await?;
            let kind = client
                .kind(&self.api_version, &self.kind)
                .await
                .map_err(fail)?;
            let namespace = kind.namespaced.then(|| {
                self.namespace
                    .as_deref()
                    .unwrap_or(client.namespace())
                    .to_owned()
            });
            let place = namespace.as_deref();
            let title = object::called(&kind.kind, &self.name, place);
            let about = |e: crate::cluster::Failure| {
                let text = e.about(&title);
                let mut fail = fail(e);
                fail.msg = text;
                fail
            };
            let before = client.get(&kind, place, &self.name).await.map_err(about)?;
            let Some(before) = before else {
                return Err(Fail::new(format!("{title} is not there")));
            };
            let (mut after, warnings) = client
                .patch(&kind, place, &self.name, None, &self.patch, PatchType::Json)
                .await
                .map_err(about)?;
            let mut result = Map::new();
            if let Some(waiting) = self.waiting.as_ref().filter(|_| !client.is_read_only()) {
                let waited = client
                    .wait(&kind, place, &self.name, &waiting.until, waiting.patience)
                    .await
                    .map_err(about)?;
                result.insert("duration".into(), waited.took.as_secs().into());
                if let Some(why) = waited.failed {
                    return Err(Fail {
                        msg: format!("Resource update timed out: {why}"),
                        result,
                    });
                }
                after = waited.object.unwrap_or(after);
            }
            let change = Change {
                method: "update",
                changed: !compare::same(&before, &after, false),
                before: Some(before),
                after: Some(after.clone()),
                ..Change::default()
            };
            result.insert("result".into(), Value::from(without(after, &self.hidden)));
            let outcome = Outcome {
                changed: change.changed,
                diff: diff(&change).filter(|_| self.diff).into_iter().collect(),
                result,
                warnings,
                ..Outcome::default()
            };
            finish(host, &client, outcome).await
        })
    }
}
