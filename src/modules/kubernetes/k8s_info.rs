//! `kubernetes.core.k8s_info`: objects as they are.

use super::answer::{fail, finish, without};
use super::login::{LOGIN, Login};
use super::waiting::{WAIT, Waiting};
use crate::cluster::{Client, Failure, Json, Kind, Selectors, Until, object};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;
use tokio::time::Instant;

/// `kubernetes.core.k8s_info`.
pub(super) static SPEC: Spec = Spec {
    name: "kubernetes.core.k8s_info",
    aliases: &[
        "community.kubernetes.k8s_info",
        "kubernetes.core.k8s_facts",
        "k8s_facts",
    ],
    about: "tells which objects of a kind a Kubernetes cluster has",
    free_form: None,
    args: &[
        &[
            Arg::str("kind", "the kind").required(),
            Arg::str("api_version", "the version of the kind")
                .alias(&["api", "version"])
                .default("v1"),
            Arg::str("name", "the name of one object"),
            Arg::str("namespace", "only in this namespace"),
            Arg::list("label_selectors", "only with these labels"),
            Arg::list("field_selectors", "only with these fields"),
            Arg::list("hidden_fields", "fields to leave out of the result"),
            Arg::bool("metadata_only", "only the metadata").default("false"),
        ],
        WAIT,
        LOGIN,
    ],
    rules: &[],
    check: CheckSupport::Full,
    returns: &[
        ("resources", "the objects"),
        ("api_found", "whether the cluster has the kind"),
    ],
    example: "- kubernetes.core.k8s_info:\n    kind: Node\n  register: nodes\n- assert:\n    that: nodes.resources | length == 3\n",
    run: Run::Bind(bind),
};

struct K8sInfo {
    kind: String,
    api_version: String,
    name: Option<String>,
    namespace: Option<String>,
    selectors: Selectors,
    hidden: Vec<String>,
    metadata_only: bool,
    waiting: Option<Waiting>,
    login: Login,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| {
        args.opt_str(name)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    Ok(Bound::Converse(Box::new(K8sInfo {
        kind: args.str("kind").to_owned(),
        api_version: args.str("api_version").to_owned(),
        name: own("name"),
        namespace: own("namespace"),
        selectors: Selectors {
            labels: args.list("label_selectors"),
            fields: args.list("field_selectors"),
        },
        hidden: args.list("hidden_fields"),
        metadata_only: args.bool("metadata_only"),
        waiting: Waiting::of(args)?,
        login: Login::of(args, ctx)?,
    })))
}

impl Converse for K8sInfo {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let client = self.login.client(host).await?;
            let mut result = Map::new();
            let found = client
                .find_kind(&self.api_version, &self.kind)
                .await
                .map_err(fail)?;
            match found {
                None => {
                    let text = format!(
                        "Failed to find API for resource with apiVersion \"{}\" and kind \"{}\"",
                        self.api_version, self.kind
                    );
                    result.insert("resources".into(), Value::list([]));
                    result.insert("msg".into(), text.into());
                    result.insert("api_found".into(), false.into());
                }
                Some(kind) => {
                    let objects = self.objects(&client, &kind).await?;
                    let objects = objects
                        .into_iter()
                        .map(|o| Value::from(without(o, &self.hidden)));
                    result.insert("resources".into(), Value::list(objects));
                    result.insert("api_found".into(), true.into());
                }
            }
            let outcome = Outcome {
                result,
                ..Outcome::default()
            };
            finish(host, &client, outcome).await
        })
    }
}

impl K8sInfo {
    async fn objects(&self, client: &Client, kind: &Kind) -> Result<Vec<Json>, Fail> {
        let Some(waiting) = &self.waiting else {
            return self.look(client, kind).await.map_err(fail);
        };
        // first until there are any, then until each is as it should be
        let begun = Instant::now();
        let mut look = 0;
        let objects = loop {
            let objects = self.look(client, kind).await.map_err(fail)?;
            let left = waiting.patience.timeout.saturating_sub(begun.elapsed());
            if !objects.is_empty() {
                break objects;
            }
            if left.is_zero() {
                return Ok(objects);
            }
            client
                .pause(&waiting.patience, look, left)
                .await
                .map_err(fail)?;
            look += 1;
        };
        let mut seen = Vec::new();
        for object in objects {
            let mut patience = waiting.patience;
            patience.timeout = patience.timeout.saturating_sub(begun.elapsed());
            let until: &Until = &waiting.until;
            let waited = client
                .wait(
                    kind,
                    object::namespace(&object),
                    object::name(&object),
                    until,
                    patience,
                )
                .await
                .map_err(fail)?;
            if let Some(why) = waited.failed {
                let text = format!(
                    "Failed to gather information about {}(s) even after waiting for {} seconds: {why}",
                    kind.kind,
                    begun.elapsed().as_secs()
                );
                return Err(Fail::new(text));
            }
            seen.extend(waited.object);
        }
        Ok(seen)
    }

    async fn look(&self, client: &Client, kind: &Kind) -> Result<Vec<Json>, Failure> {
        if let Some(name) = &self.name
            && (self.namespace.is_some() || !kind.namespaced)
            && !self.metadata_only
        {
            let object = client.get(kind, self.namespace.as_deref(), name).await?;
            return Ok(object.into_iter().collect());
        }
        let mut selectors = self.selectors.clone();
        if let Some(name) = &self.name {
            selectors.fields.push(format!("metadata.name={name}"));
        }
        let listing = client
            .list(
                kind,
                self.namespace.as_deref(),
                &selectors,
                self.metadata_only,
            )
            .await?;
        Ok(listing.items)
    }
}
