//! `kubernetes.core.k8s_scale`: how many replicas.

use super::answer::{diff, fail, finish};
use super::definition::{DEFINITION, Definition, NAMES, Names};
use super::login::{LOGIN, Login};
use super::waiting::seconds;
use crate::cluster::{
    Change, Client, Failure, Json, Kind, PatchType, Patience, Selectors, Until, compare, object,
};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Rule, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;
use serde_json::json;

/// `kubernetes.core.k8s_scale`.
pub(super) static SPEC: Spec = Spec {
    name: "kubernetes.core.k8s_scale",
    aliases: &["community.kubernetes.k8s_scale"],
    about: "sets the number of replicas of a Deployment, StatefulSet, ReplicaSet … or the parallelism of a Job",
    free_form: None,
    args: &[
        &[
            Arg::int("replicas", "how many").required(),
            Arg::int("current_replicas", "only if there are so many now"),
            Arg::str("resource_version", "only if the object has this version"),
            Arg::list("label_selectors", "all objects with these labels"),
            Arg::bool("continue_on_error", "go on with the other objects").default("false"),
            Arg::bool("wait", "wait until they are ready").default("true"),
            Arg::int("wait_timeout", "seconds to wait at most").default("20"),
            Arg::int("wait_sleep", "seconds between two looks, at most").default("5"),
        ],
        NAMES,
        DEFINITION,
        LOGIN,
    ],
    rules: &[Rule::Exclusive(&["resource_definition", "src"])],
    check: CheckSupport::Full,
    returns: &[
        ("result", "the object"),
        ("results", "one entry each, when there are several objects"),
        ("duration", "seconds waited"),
    ],
    example: "- kubernetes.core.k8s_scale:\n    api_version: apps/v1\n    kind: Deployment\n    name: web\n    namespace: shop\n    replicas: 3\n    wait_timeout: 120\n",
    run: Run::Bind(bind),
};

struct K8sScale {
    definition: Definition,
    names: Names,
    login: Login,
    replicas: i64,
    current: Option<i64>,
    version: Option<String>,
    labels: Vec<String>,
    go_on: bool,
    patience: Option<Patience>,
    diff: bool,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    Ok(Bound::Converse(Box::new(K8sScale {
        definition: Definition::of(args, ctx)?,
        names: Names::of(args),
        login: Login::of(args, ctx)?,
        replicas: args.int("replicas").unwrap_or_default(),
        current: args.int("current_replicas"),
        version: args.opt_str("resource_version").map(str::to_owned),
        labels: args.list("label_selectors"),
        go_on: args.bool("continue_on_error"),
        patience: args.bool("wait").then(|| Patience {
            timeout: seconds(args, "wait_timeout"),
            sleep: seconds(args, "wait_sleep"),
        }),
        diff: ctx.diff,
    })))
}

/// One object scaled.
#[derive(Default)]
struct Scaled {
    change: Option<Change>,
    object: Json,
    duration: u64,
    warning: Option<String>,
}

impl Converse for K8sScale {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let items = self.definition.items(host, &self.names).await?;
            let Some(item) = items.into_iter().next() else {
                return Err(Fail::new("there is no object to scale"));
            };
            let like = item.object;
            let client = self.login.client(host).await?;
            let kind = client
                .kind(object::api_version(&like), object::kind(&like))
                .await
                .map_err(fail)?;
            let objects = self.objects(&client, &kind, &like).await?;
            let many = objects.len() > 1;
            let mut outcome = Outcome::default();
            let (mut results, mut errors) = (Vec::new(), Vec::new());
            for before in objects {
                let title = object::title(&before);
                let scaled = match self.scale(&client, &kind, before).await {
                    Ok(scaled) => scaled,
                    Err(text) if many && self.go_on => {
                        errors.push(Value::map([
                            ("error", Value::from(format!("{title}: {text}"))),
                            ("failed", true.into()),
                        ]));
                        continue;
                    }
                    Err(text) if text.contains(&title) => return Err(Fail::new(text)),
                    Err(text) => return Err(Fail::new(format!("{title}: {text}"))),
                };
                outcome.warnings.extend(scaled.warning);
                let changed = scaled.change.as_ref().is_some_and(|c| c.changed);
                outcome.changed |= changed;
                if let (Some(change), true) = (&scaled.change, self.diff) {
                    outcome.diff.extend(diff(change));
                }
                let mut result = Map::from_iter([
                    ("changed".to_owned(), Value::Bool(changed)),
                    ("result".to_owned(), Value::from(scaled.object)),
                ]);
                if self.patience.is_some() {
                    result.insert("duration".into(), scaled.duration.into());
                }
                results.push(result);
            }
            outcome.result = match (many, results.pop()) {
                (false, Some(mut one)) => {
                    one.shift_remove("changed");
                    one
                }
                (_, last) => {
                    results.extend(last);
                    let results = results.into_iter().map(Value::from);
                    Map::from_iter([("results".to_owned(), Value::list(results))])
                }
            };
            if !errors.is_empty() {
                outcome.result.insert("errors".into(), Value::list(errors));
            }
            finish(host, &client, outcome).await
        })
    }
}

impl K8sScale {
    async fn objects(&self, client: &Client, kind: &Kind, like: &Json) -> Result<Vec<Json>, Fail> {
        let place = client.place_of(kind, like);
        let name = object::name(like);
        if name.is_empty() {
            if self.labels.is_empty() {
                return Err(Fail::new("give `name` or `label_selectors`"));
            }
            let selectors = Selectors {
                labels: self.labels.clone(),
                ..Selectors::default()
            };
            let found = client.list(kind, place, &selectors, false).await;
            return Ok(found.map_err(fail)?.items);
        }
        match client.get(kind, place, name).await.map_err(fail)? {
            Some(found) => Ok(vec![found]),
            None => Err(Fail::new(format!(
                "{} is not there",
                object::called(&kind.kind, name, place)
            ))),
        }
    }

    async fn scale(&self, client: &Client, kind: &Kind, before: Json) -> Result<Scaled, String> {
        let job = kind.kind == "Job";
        let pointer = if job {
            "/spec/parallelism"
        } else {
            "/spec/replicas"
        };
        let Some(now) = before.pointer(pointer).and_then(Json::as_i64) else {
            return Err("it has no number of replicas".into());
        };
        let version = object::text(&before, "/metadata/resourceVersion");
        let as_it_is = |warning: Option<String>| Scaled {
            object: before.clone(),
            warning,
            ..Scaled::default()
        };
        if let Some(wanted) = self.version.as_ref().filter(|v| *v != version) {
            return Ok(as_it_is(Some(format!(
                "{} has the resource version {version}, not {wanted}: not scaled",
                object::title(&before)
            ))));
        }
        if let Some(wanted) = self.current.filter(|c| *c != now) {
            return Ok(as_it_is(Some(format!(
                "{} has {now} replicas, not {wanted}: not scaled",
                object::title(&before)
            ))));
        }
        if now == self.replicas {
            return Ok(as_it_is(None));
        }
        if !job && !kind.subresources.iter().any(|s| s == "scale") {
            return Err(format!(
                "Cannot perform scale on resource of kind {}",
                kind.kind
            ));
        }
        let told = |e: Failure| e.to_string();
        let (place, name) = (object::namespace(&before), object::name(&before));
        let (patch, sub) = if job {
            (json!({"spec": {"parallelism": self.replicas}}), None)
        } else {
            (json!({"spec": {"replicas": self.replicas}}), Some("scale"))
        };
        let patched = client
            .patch(kind, place, name, sub, &patch, PatchType::Merge)
            .await
            .map_err(told)?;
        let mut duration = 0;
        let mut after = if job {
            patched.0
        } else if client.is_read_only() {
            // what was tried is the number alone
            let mut after = before.clone();
            after["spec"]["replicas"] = self.replicas.into();
            after
        } else {
            client
                .get(kind, place, name)
                .await
                .map_err(told)?
                .ok_or("it has gone meanwhile")?
        };
        if let Some(patience) = self.patience.filter(|_| !client.is_read_only() && !job) {
            let waited = client
                .wait(kind, place, name, &Until::Ready, patience)
                .await
                .map_err(told)?;
            duration = waited.took.as_secs();
            if let Some(why) = waited.failed {
                return Err(format!("Resource scaling timed out: {why}"));
            }
            after = waited.object.unwrap_or(after);
        }
        let changed = !compare::same(&before, &after, false);
        let change = Change {
            method: "update",
            before: Some(before.clone()),
            after: Some(after.clone()),
            changed,
            ..Change::default()
        };
        Ok(Scaled {
            change: Some(change),
            object: after,
            duration,
            warning: None,
        })
    }
}
