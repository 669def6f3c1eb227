//! `kubernetes.core.k8s_log`: what containers wrote.

use super::answer::{fail, finish};
use super::login::{LOGIN, Login};
use crate::cluster::{Client, LogWishes, Selectors, containers, object};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Rule, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

/// `kubernetes.core.k8s_log`.
pub(super) static SPEC: Spec = Spec {
    name: "kubernetes.core.k8s_log",
    aliases: &["community.kubernetes.k8s_log"],
    about: "reads the log of a pod, or of a pod of a workload",
    free_form: None,
    args: &[
        &[
            Arg::str("kind", "the kind: Pod, or what has a selector for pods").default("Pod"),
            Arg::str("api_version", "the version of the kind")
                .alias(&["api", "version"])
                .default("v1"),
            Arg::str("name", "the name of the object"),
            Arg::str(
                "namespace",
                "its namespace; default: that of the kubeconfig",
            ),
            Arg::list("label_selectors", "a pod with these labels"),
            Arg::str("container", "the container, when there are several"),
            Arg::bool("all_containers", "the logs of all containers"),
            Arg::int("since_seconds", "only the last so many seconds"),
            Arg::int("tail_lines", "only the last so many lines"),
            Arg::bool("previous", "the container's life before this one").default("false"),
        ],
        LOGIN,
    ],
    rules: &[
        Rule::Exclusive(&["container", "all_containers"]),
        Rule::Exclusive(&["name", "label_selectors"]),
    ],
    check: CheckSupport::Full,
    returns: &[("log", "the text"), ("log_lines", "its lines")],
    example: "- kubernetes.core.k8s_log:\n    namespace: shop\n    label_selectors: [app=web]\n    tail_lines: 20\n  register: log\n",
    run: Run::Bind(bind),
};

struct K8sLog {
    kind: String,
    api_version: String,
    name: Option<String>,
    namespace: Option<String>,
    labels: Vec<String>,
    wishes: LogWishes,
    all: bool,
    login: Login,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let own = |name: &str| {
        args.opt_str(name)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    let module = K8sLog {
        kind: args.str("kind").to_owned(),
        api_version: args.str("api_version").to_owned(),
        name: own("name"),
        namespace: own("namespace"),
        labels: args.list("label_selectors"),
        wishes: LogWishes {
            container: own("container"),
            previous: args.bool("previous"),
            tail: args.int("tail_lines"),
            since: args.int("since_seconds"),
        },
        all: args.bool("all_containers"),
        login: Login::of(args, ctx)?,
    };
    if module.name.is_none() && module.labels.is_empty() {
        return Err(Fail::new("give `name` or `label_selectors`"));
    }
    Ok(Bound::Converse(Box::new(module)))
}

impl Converse for K8sLog {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            let client = self.login.client(host).await?;
            let namespace = self
                .namespace
                .clone()
                .unwrap_or_else(|| client.namespace().to_owned());
            let pod = self.pod(&client, &namespace).await?;
            let mut from = vec![self.wishes.container.clone()];
            if self.all {
                let kind = client.kind("v1", "Pod").await.map_err(fail)?;
                let found = client.get(&kind, Some(&namespace), &pod).await;
                if let Some(found) = found.map_err(fail)? {
                    from = containers(&found).into_iter().map(Some).collect();
                }
            }
            let mut log = String::new();
            for container in from {
                let wishes = LogWishes {
                    container,
                    ..self.wishes.clone()
                };
                let text = client.log(&namespace, &pod, &wishes).await;
                log.push_str(&text.map_err(|e| {
                    // its node may be what is not found
                    if e.is_not_found() && e.to_string().contains(&pod) {
                        Fail::new(format!("Pod {namespace}/{pod} not found."))
                    } else {
                        Fail::new(format!("Unable to retrieve log from Pod due to: {e}"))
                    }
                })?);
            }
            let lines = log.split('\n').map(Value::from);
            let outcome = Outcome {
                result: Map::from_iter([
                    ("log_lines".to_owned(), Value::list(lines)),
                    ("log".to_owned(), log.into()),
                ]),
                ..Outcome::default()
            };
            finish(host, &client, outcome).await
        })
    }
}

impl K8sLog {
    /// The pod that is meant: the named one, or the first that a selector finds, as kubectl does.
    async fn pod(&self, client: &Client, namespace: &str) -> Result<String, Fail> {
        let mut labels = self.labels.join(",");
        if let Some(name) = &self.name {
            let kind = client
                .kind(&self.api_version, &self.kind)
                .await
                .map_err(fail)?;
            if kind.subresources.iter().any(|s| s == "log") {
                return Ok(name.clone());
            }
            let Some(owner) = client
                .get(&kind, Some(namespace), name)
                .await
                .map_err(fail)?
            else {
                let title = object::called(&kind.kind, name, Some(namespace));
                return Err(Fail::new(format!("{title} is not there")));
            };
            labels = object::selector(&owner["spec"]["selector"]).map_err(Fail::new)?;
            if labels.is_empty() {
                return Err(Fail::new(format!(
                    "{} has no log of its own, and selects no pods",
                    object::title(&owner)
                )));
            }
        }
        let kind = client.kind("v1", "Pod").await.map_err(fail)?;
        let selectors = Selectors {
            labels: vec![labels.clone()],
            ..Selectors::default()
        };
        let found = client
            .list(&kind, Some(namespace), &selectors, false)
            .await
            .map_err(fail)?;
        match found.items.first() {
            Some(pod) => Ok(object::name(pod).to_owned()),
            None => Err(Fail::new(format!(
                "No pods in namespace {namespace} matched selector {labels}"
            ))),
        }
    }
}
