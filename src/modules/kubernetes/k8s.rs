//! `kubernetes.core.k8s`: objects as they are wanted.

use super::answer::{diff, fail, finish, without};
use super::definition::{DEFINITION, Definition, NAMES, Names};
use super::k8s_options::{delete_options, validation, way};
use super::label_filter;
use super::login::{LOGIN, Login};
use super::waiting::{WAIT, Waiting};
use crate::cluster::{
    Change, Client, DeleteOptions, Failure, Json, Selectors, Until, Way, append_hash,
    manifest::Item, object,
};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Kind, Outcome, Remote, Rule, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

/// `kubernetes.core.k8s`.
pub(super) static SPEC: Spec = Spec {
    name: "kubernetes.core.k8s",
    aliases: &["community.kubernetes.k8s"],
    about: "makes objects of a Kubernetes cluster as they are wanted, or removes them",
    free_form: None,
    args: &[
        &[
            Arg::str(
                "state",
                "whether they are to be there; `patched`: changed if they are there",
            )
            .choices(&["absent", "patched", "present"])
            .default("present"),
            Arg::bool("apply", "server-side apply, as field manager `hoist`").default("false"),
            Arg::dict(
                "server_side_apply",
                "with `apply`: `field_manager` and `force_conflicts`",
            ),
            Arg::list("merge_type", "the types of patch to try, in order")
                .choices(&["merge", "strategic-merge"]),
            Arg::bool("force", "replace objects as a whole").default("false"),
            Arg::of(
                "template",
                Kind::Raw,
                "templates with the objects, looked for in `templates`: a path, a mapping with `path` and options of the template, or a list",
            ),
            Arg::dict(
                "validate",
                "how fields that the server does not know are taken: `fail_on_error`, `strict`",
            ),
            Arg::bool(
                "append_hash",
                "put a hash of its content behind the name of a ConfigMap or Secret",
            )
            .default("false"),
            Arg::dict(
                "delete_options",
                "for `absent`: `propagationPolicy`, `gracePeriodSeconds`, `preconditions`",
            ),
            Arg::bool(
                "delete_all",
                "with `absent`: all objects of `kind` in `namespace`",
            )
            .alias(&["all"])
            .default("false"),
            Arg::list("label_selectors", "only objects with these labels"),
            Arg::bool("continue_on_error", "go on with the other objects").default("false"),
            Arg::str(
                "generate_name",
                "the beginning of a name that the server completes",
            ),
            Arg::list("hidden_fields", "fields to leave out of the result"),
        ],
        NAMES,
        DEFINITION,
        WAIT,
        LOGIN,
    ],
    rules: &[
        Rule::Exclusive(&["resource_definition", "src", "template"]),
        Rule::Exclusive(&["merge_type", "apply"]),
        Rule::Exclusive(&["name", "generate_name"]),
    ],
    check: CheckSupport::Full,
    returns: &[
        (
            "result",
            "the object; `results` with one entry each when there are several",
        ),
        ("method", "create, update, apply, replace or delete"),
        ("duration", "seconds waited"),
        ("error", "with `continue_on_error`: what went wrong"),
    ],
    example: "- kubernetes.core.k8s:\n    apply: true\n    template: web.yml.j2\n    namespace: shop\n    wait: true\n",
    run: Run::Bind(bind),
};

struct K8s {
    definition: Definition,
    names: Names,
    login: Login,
    waiting: Option<Waiting>,
    state: State,
    go_on: bool,
    append_hash: bool,
    selectors: Vec<String>,
    hidden: Vec<String>,
    validation: Option<&'static str>,
    diff: bool,
}

enum State {
    Present(Way),
    Absent(DeleteOptions, bool),
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let state = match args.str("state") {
        "absent" => {
            let whole = ["resource_definition", "src", "template", "name"]
                .iter()
                .all(|a| args.raw(a).is_none_or(|v| *v == Value::Null));
            State::Absent(delete_options(args)?, args.bool("delete_all") && whole)
        }
        state => State::Present(way(args, state == "patched")?),
    };
    if matches!(&state, State::Absent(_, true)) && args.str("kind").is_empty() {
        return Err(Fail::new("`delete_all` needs `kind`"));
    }
    Ok(Bound::Converse(Box::new(K8s {
        definition: Definition::of(args, ctx)?,
        names: Names::of(args),
        login: Login::of(args, ctx)?,
        waiting: Waiting::of(args)?,
        state,
        go_on: args.bool("continue_on_error"),
        append_hash: args.bool("append_hash"),
        selectors: args.list("label_selectors"),
        hidden: args.list("hidden_fields"),
        validation: validation(args)?,
        diff: ctx.diff,
    })))
}

/// What is known of one object in the end.
struct Told {
    result: Map,
    changed: bool,
    warnings: Vec<String>,
    failed: Option<String>,
}

impl Converse for K8s {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let mut client = self.login.client(host).await?;
            if let Some(validation) = self.validation {
                client = client.validating(validation);
            }
            let mut outcome = Outcome::default();
            let items = self.wanted(host, &client).await?;
            let mut told = Vec::new();
            let mut going: Vec<Item> = Vec::new();
            for item in items {
                match self.filtered(&item)? {
                    Some(told_already) => told.push((usize::MAX, told_already)),
                    None => going.push(item),
                }
            }
            let objects: Vec<Json> = going.iter().map(|i| i.object.clone()).collect();
            let changes = match &self.state {
                State::Present(way) => client.bring_all(&objects, way, self.go_on).await,
                State::Absent(options, _) => client.remove_all(&objects, options, self.go_on).await,
            };
            let waits = going.iter().zip(&changes).map(|(item, change)| {
                let client = &client;
                async move {
                    match change {
                        Some(Ok(change)) => Some(self.wait(client, item, change).await),
                        _ => None,
                    }
                }
            });
            let waits = futures_util::future::join_all(waits).await;
            for (n, (change, waited)) in changes.into_iter().zip(waits).enumerate() {
                if let Some(Ok(change)) = &change
                    && self.diff
                {
                    outcome.diff.extend(diff(change));
                }
                told.push((n, self.tell(&going[n], change, waited)));
            }
            // those that a selector left out stand where they were not
            told.sort_by_key(|(n, _)| *n);
            self.sum_up(
                host,
                &client,
                outcome,
                told.into_iter().map(|(_, t)| t).collect(),
            )
            .await
        })
    }
}

impl K8s {
    /// The objects that the task is about.
    async fn wanted(&self, host: &mut dyn Remote, client: &Client) -> Result<Vec<Item>, Fail> {
        let by_selector =
            |item: &Item| object::name(&item.object).is_empty() && !self.selectors.is_empty();
        let items = self.definition.items(host, &self.names).await?;
        let State::Absent(_, all) = &self.state else {
            return Ok(items.into_iter().map(|i| self.hashed(i)).collect());
        };
        let mut out = Vec::new();
        for item in items {
            if !all && !by_selector(&item) {
                out.push(self.hashed(item));
                continue;
            }
            let found = self.select(client, &item.object).await.map_err(fail)?;
            out.extend(found.into_iter().map(|object| Item { object, at: None }));
        }
        Ok(out)
    }

    /// All objects of a kind in a namespace that the selectors mean.
    async fn select(&self, client: &Client, like: &Json) -> Result<Vec<Json>, Failure> {
        let found = client
            .find_kind(object::api_version(like), object::kind(like))
            .await?;
        let Some(kind) = found else {
            return Ok(Vec::new());
        };
        let selectors = Selectors {
            labels: self.selectors.clone(),
            ..Selectors::default()
        };
        let place = client.place_of(&kind, like);
        Ok(client.list(&kind, place, &selectors, false).await?.items)
    }

    fn hashed(&self, mut item: Item) -> Item {
        if self.append_hash
            && let Some(suffix) = append_hash::suffix(&item.object)
        {
            for key in ["name", "generateName"] {
                let own = object::text(&item.object, &format!("/metadata/{key}")).to_owned();
                if !own.is_empty() {
                    item.object["metadata"][key] = format!("{own}-{suffix}").into();
                    break;
                }
            }
        }
        item
    }

    /// The answer for an object that the selectors leave out.
    fn filtered(&self, item: &Item) -> Result<Option<Told>, Fail> {
        if matches!(self.state, State::Absent(..)) || self.selectors.is_empty() {
            return Ok(None);
        }
        if label_filter::matches(&item.object, &self.selectors).map_err(Fail::new)? {
            return Ok(None);
        }
        let o = &item.object;
        let text = format!(
            "resource 'kind={},name={},namespace={}' filtered by label_selectors.",
            object::kind(o),
            object::name(o),
            object::namespace(o).unwrap_or("None")
        );
        Ok(Some(Told {
            result: Map::from_iter([
                ("changed".to_owned(), Value::Bool(false)),
                ("result".to_owned(), Value::from(Map::new())),
                ("msg".to_owned(), text.into()),
            ]),
            changed: false,
            warnings: Vec::new(),
            failed: None,
        }))
    }

    /// Waits for one object, if the task wants that: seconds, the object, and why it did not come true.
    async fn wait(
        &self,
        client: &Client,
        item: &Item,
        change: &Change,
    ) -> Option<Result<(u64, Option<Json>, Option<String>), Failure>> {
        let waiting = self.waiting.as_ref()?;
        let kind = change.kind.as_ref()?;
        if client.is_read_only() || change.predicted || change.method.is_empty() {
            return None;
        }
        let seen = change
            .after
            .as_ref()
            .filter(|a| !object::name(a).is_empty())
            .unwrap_or(&item.object);
        let name = match object::name(seen) {
            "" => object::name(&item.object),
            name => name,
        };
        let place = client.place_of(kind, &item.object);
        let until = match &self.state {
            State::Absent(..) => {
                let uid = change
                    .before
                    .as_ref()
                    .map(|b| object::text(b, "/metadata/uid"));
                change.before.as_ref()?;
                Until::Gone {
                    uid: uid.filter(|u| !u.is_empty()).map(str::to_owned),
                }
            }
            State::Present(_) => waiting.until.clone(),
        };
        let waited = client
            .wait(kind, place, name, &until, waiting.patience)
            .await;
        Some(waited.map(|w| (w.took.as_secs(), w.object, w.failed)))
    }

    #[allow(clippy::type_complexity)]
    fn tell(
        &self,
        item: &Item,
        change: Option<Result<Change, Failure>>,
        waited: Option<Option<Result<(u64, Option<Json>, Option<String>), Failure>>>,
    ) -> Told {
        let mut told = Told {
            result: Map::new(),
            changed: false,
            warnings: Vec::new(),
            failed: None,
        };
        let title = object::title(&item.object);
        let mut set = |key: &str, value: Value| {
            told.result.insert(key.to_owned(), value);
        };
        let change = match change {
            None => {
                set(
                    "msg",
                    "not begun, because something before it failed".into(),
                );
                set("changed", false.into());
                set("result", Map::new().into());
                return told;
            }
            Some(Err(failure)) => {
                let mut error = Map::new();
                let mut text = failure.about(&title);
                let place = item.place();
                if !place.is_empty() {
                    text.push_str(&format!("\n  at {place}"));
                }
                error.insert("msg".into(), text.as_str().into());
                if let Failure::Refused(refusal) = &failure {
                    error.insert("status".into(), i64::from(refusal.code).into());
                    error.insert("reason".into(), refusal.reason.as_str().into());
                }
                set("error", error.into());
                set("changed", false.into());
                set("result", Map::new().into());
                told.failed = Some(text);
                return told;
            }
            Some(Ok(change)) => change,
        };
        let mut object = match (&self.state, &change.after) {
            (State::Absent(..), None) => Json::Object(serde_json::Map::new()),
            (_, after) => after.clone().unwrap_or_default(),
        };
        match waited.flatten() {
            None => {}
            Some(Ok((seconds, seen, failed))) => {
                set("duration", seconds.into());
                if let (State::Present(_), Some(seen)) = (&self.state, seen) {
                    object = seen;
                }
                told.failed = failed;
            }
            Some(Err(failure)) => told.failed = Some(failure.about(&title)),
        }
        let result = match object {
            Json::Null => Json::Object(serde_json::Map::new()),
            object => without(object, &self.hidden),
        };
        let mut set = |key: &str, value: Value| {
            told.result.insert(key.to_owned(), value);
        };
        set("result", Value::from(result));
        set("changed", change.changed.into());
        if !change.method.is_empty() {
            set("method", change.method.into());
        }
        if let (Some(text), true) = (&told.failed, self.go_on) {
            set("error", Value::map([("msg", text.as_str().into())]));
        }
        told.changed = change.changed;
        told.warnings = change.warnings;
        told
    }

    /// One answer for all.
    async fn sum_up(
        &self,
        host: &mut dyn Remote,
        client: &Client,
        mut outcome: Outcome,
        mut told: Vec<Told>,
    ) -> Result<Outcome, Fail> {
        outcome.changed = told.iter().any(|t| t.changed);
        for one in &mut told {
            outcome.warnings.append(&mut one.warnings);
        }
        outcome.warnings.dedup();
        let failures: Vec<String> = told.iter().filter_map(|t| t.failed.clone()).collect();
        let not_begun = told.iter().any(|t| {
            t.result.get("msg").and_then(Value::as_str)
                == Some("not begun, because something before it failed")
        });
        let single = told.len() == 1;
        outcome.result = if single {
            let mut result = told.remove(0).result;
            result.shift_remove("changed");
            result
        } else {
            let results = told.into_iter().map(|t| Value::from(t.result)).collect();
            Map::from_iter([(
                "result".to_owned(),
                Value::map([("results", Value::List(std::sync::Arc::new(results)))]),
            )])
        };
        let outcome = finish(host, client, outcome).await?;
        if failures.is_empty() || self.go_on {
            return Ok(outcome);
        }
        let mut msg = failures.join("\n");
        if not_begun {
            msg.push_str("\nwhat comes after it was not begun; running again goes on from here");
        }
        let mut result = outcome.result;
        if outcome.changed {
            result.insert("changed".into(), true.into());
        }
        Err(Fail { msg, result })
    }
}
