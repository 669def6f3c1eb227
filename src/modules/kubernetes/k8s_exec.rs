//! `kubernetes.core.k8s_exec`: a command in a container.

use super::answer::{fail, finish};
use super::login::{LOGIN, Login};
use crate::modules::{
    Arg, Args, Bound, CheckSupport, Context, Converse, Fail, Outcome, Remote, Run, Spec,
};
use crate::value::{Map, Value};
use futures_util::future::BoxFuture;

/// `kubernetes.core.k8s_exec`.
pub(super) static SPEC: Spec = Spec {
    name: "kubernetes.core.k8s_exec",
    aliases: &["community.kubernetes.k8s_exec"],
    about: "runs a command in a container of a pod",
    free_form: None,
    args: &[
        &[
            Arg::str("namespace", "the pod's namespace").required(),
            Arg::str("pod", "the pod").required(),
            Arg::str("container", "the container; default: the pod's first"),
            Arg::str("command", "the command, split into words as a shell does").required(),
        ],
        LOGIN,
    ],
    rules: &[],
    check: CheckSupport::Skipped,
    returns: &[
        ("stdout", "standard output"),
        ("stderr", "standard error"),
        ("rc", "exit status"),
        ("return_code", "the same"),
    ],
    example: "- kubernetes.core.k8s_exec:\n    namespace: shop\n    pod: db-0\n    command: pg_isready\n  register: ready\n  changed_when: false\n",
    run: Run::Bind(bind),
};

struct K8sExec {
    namespace: String,
    pod: String,
    container: Option<String>,
    command: Vec<String>,
    login: Login,
}

fn bind(args: &Args, ctx: &Context<'_>) -> Result<Bound, Fail> {
    let command = shell_words::split(args.str("command"))
        .map_err(|e| Fail::new(format!("`command` cannot be split into words: {e}")))?;
    if command.is_empty() {
        return Err(Fail::new("`command` is empty"));
    }
    Ok(Bound::Converse(Box::new(K8sExec {
        namespace: args.str("namespace").to_owned(),
        pod: args.str("pod").to_owned(),
        container: args.opt_str("container").map(str::to_owned),
        command,
        login: Login::of(args, ctx)?,
    })))
}

impl Converse for K8sExec {
    fn converse<'a>(&'a self, host: &'a mut dyn Remote) -> BoxFuture<'a, Result<Outcome, Fail>> {
        Box::pin(async move {
            if host.check() {
                return Ok(Outcome {
                    skipped: true,
                    result: Map::from_iter([(
                        "msg".to_owned(),
                        Value::from("Command would have run if not in check mode"),
                    )]),
                    ..Outcome::default()
                });
            }
            let client = self.login.client(host).await?;
            let mut container = self.container.clone();
            if container.is_none() {
                let kind = client.kind("v1", "Pod").await.map_err(fail)?;
                let pod = client
                    .get(&kind, Some(&self.namespace), &self.pod)
                    .await
                    .map_err(fail)?;
                let Some(pod) = pod else {
                    return Err(Fail::new(format!(
                        "Pod {}/{} not found.",
                        self.namespace, self.pod
                    )));
                };
                container = crate::cluster::containers(&pod).into_iter().next();
            }
            let done = client
                .exec(
                    &self.namespace,
                    &self.pod,
                    container.as_deref(),
                    &self.command,
                )
                .await
                .map_err(|e| {
                    Fail::new(format!("Failed to execute on pod {} due to: {e}", self.pod))
                })?;
            let rc = Value::from(done.rc);
            let outcome = Outcome {
                // nobody knows what a command changes
                changed: true,
                result: Map::from_iter([
                    ("stdout".to_owned(), done.stdout.into()),
                    ("stderr".to_owned(), done.stderr.into()),
                    ("rc".to_owned(), rc.clone()),
                    ("return_code".to_owned(), rc),
                ]),
                ..Outcome::default()
            };
            finish(host, &client, outcome).await
        })
    }
}
