//! How these modules log in: the arguments that they all have, the task's environment, and the kubeconfig of the host.

use crate::cluster::{Access, Client, ConfigFile};
use crate::host::{Answer, Query};
use crate::modules::system::expand;
use crate::modules::{Arg, Args, Context, Fail, Kind, Remote};
use crate::value::Value;
use std::collections::BTreeMap;

/// The arguments for logging in; `kubernetes.core` documents them.
pub(in crate::modules) static LOGIN: &[Arg] = &[
    Arg::of(
        "kubeconfig",
        Kind::Raw,
        "a kubeconfig on the host (several, separated by `:`), or its content as a mapping; default: that of the task's environment, ~/.kube/config, /etc/rancher/k3s/k3s.yaml",
    ),
    Arg::str("context", "the context to use"),
    Arg::str("host", "the API server's address"),
    Arg::str("api_key", "a token").secret(),
    Arg::str("username", "for HTTP basic authentication"),
    Arg::str("password", "for HTTP basic authentication").secret(),
    Arg::bool("validate_certs", "check the server's certificate").alias(&["verify_ssl"]),
    Arg::path("ca_cert", "the certificate authority, a file on the host").alias(&["ssl_ca_cert"]),
    Arg::path("client_cert", "a client certificate, a file on the host").alias(&["cert_file"]),
    Arg::path("client_key", "its key, a file on the host").alias(&["key_file"]),
    Arg::str("impersonate_user", "act as this user"),
    Arg::list("impersonate_groups", "act as these groups"),
    Arg::refused(
        "proxy",
        "the API server is reached from the host of the task, through its SSH connection; use a host that reaches it without one",
    ),
    Arg::refused("no_proxy", "no proxy is used"),
    Arg::refused("proxy_headers", "no proxy is used"),
    Arg::refused(
        "persist_config",
        "kubeconfigs are only read; use one with a certificate, a token or a login program",
    ),
];

/// What a task says of logging in.
#[derive(Clone)]
pub(in crate::modules) struct Login {
    /// Paths, in order; empty for the usual places.
    paths: Vec<String>,
    access: Access,
    ca_cert: Option<String>,
    client_cert: Option<String>,
    client_key: Option<String>,
    env: BTreeMap<String, String>,
}

/// Prints the path of the first kubeconfig of the usual places, and then the file itself.
const FIND: &str = r#"for f in "$K8S_AUTH_KUBECONFIG" "$KUBECONFIG" ~/.kube/config /etc/rancher/k3s/k3s.yaml; do
  case $f in '') continue ;; *:*) printf '%s\n' "$f"; exit 0 ;; esac
  [ -e "$f" ] || continue
  printf '%s\n' "$f"; cat -- "$f"; exit
done
exit 44"#;

impl Login {
    /// Of the arguments and the environment.
    pub(in crate::modules) fn of(args: &Args, ctx: &Context<'_>) -> Result<Self, Fail> {
        let env = |name: &str| ctx.environment.get(&format!("K8S_AUTH_{name}")).cloned();
        let own =
            |arg: &str, name: &str| args.opt_str(arg).map(str::to_owned).or_else(|| env(name));
        let mut access = Access {
            context: own("context", "CONTEXT"),
            host: own("host", "HOST"),
            api_key: own("api_key", "API_KEY"),
            username: own("username", "USERNAME"),
            password: own("password", "PASSWORD"),
            impersonate_user: own("impersonate_user", "IMPERSONATE_USER"),
            ..Access::default()
        };
        access.validate_certs = match args.opt_bool("validate_certs") {
            Some(validate) => Some(validate),
            None => env("VERIFY_SSL").and_then(|v| Value::from(v).to_bool()),
        };
        access.impersonate_groups = match args.list("impersonate_groups") {
            none if none.is_empty() => env("IMPERSONATE_GROUPS")
                .map(|g| g.split(',').map(|g| g.trim().to_owned()).collect())
                .unwrap_or_default(),
            groups => groups,
        };
        let mut paths = Vec::new();
        match args.raw("kubeconfig") {
            None | Some(Value::Null) => {}
            Some(Value::Str(path)) => {
                paths = path
                    .split(':')
                    .filter(|p| !p.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            Some(config @ Value::Map(_)) => access.configs.push(ConfigFile {
                path: "kubeconfig".into(),
                text: config.to_json().to_string(),
            }),
            Some(other) => {
                return Err(Fail::new(format!(
                    "`kubeconfig` must be a path or a mapping, not {}",
                    other.kind()
                )));
            }
        }
        Ok(Self {
            paths,
            access,
            ca_cert: own("ca_cert", "SSL_CA_CERT"),
            client_cert: own("client_cert", "CERT_FILE"),
            client_key: own("client_key", "KEY_FILE"),
            env: ctx.environment.clone(),
        })
    }

    /// The client.
    pub(in crate::modules) async fn client(&self, host: &mut dyn Remote) -> Result<Client, Fail> {
        let access = self.access(host).await?;
        host.cluster(access).await
    }

    /// The login with all that the host's files say.
    pub(in crate::modules) async fn access(&self, host: &mut dyn Remote) -> Result<Access, Fail> {
        let mut access = self.access.clone();
        if access.configs.is_empty() {
            access.configs = self.configs(host).await?;
        }
        for (slot, path) in [
            (&mut access.ca_cert, &self.ca_cert),
            (&mut access.client_cert, &self.client_cert),
            (&mut access.client_key, &self.client_key),
        ] {
            if let Some(path) = path {
                *slot = Some(self.file(host, path).await?);
            }
        }
        let files = access.files().map_err(|e| Fail::new(e.to_string()))?;
        if !files.is_empty() {
            let queries = files
                .iter()
                .map(|path| Query::Content { path: path.clone() });
            let answers = host.ask(queries.collect()).await?;
            for (path, answer) in files.into_iter().zip(answers) {
                if let Answer::Bytes(Some(bytes)) = answer {
                    access.files.insert(path, bytes.to_vec());
                }
            }
        }
        Ok(access)
    }

    /// The kubeconfigs of the host; none when the task says all itself.
    async fn configs(&self, host: &mut dyn Remote) -> Result<Vec<ConfigFile>, Fail> {
        let mut paths = self.paths.clone();
        if paths.is_empty() {
            if self.access.host.is_some() {
                return Ok(Vec::new());
            }
            let (rc, stdout, stderr) = self.read(host, FIND.to_owned()).await?;
            if rc == 44 {
                return Err(Fail::new(
                    "no kubeconfig was found: neither K8S_AUTH_KUBECONFIG nor KUBECONFIG is set for the task, and there is no ~/.kube/config and no /etc/rancher/k3s/k3s.yaml; give `kubeconfig`",
                ));
            }
            let (path, text) = stdout.split_once('\n').unwrap_or((&stdout, ""));
            if rc != 0 {
                return Err(Fail::new(unreadable(path, &stderr)));
            }
            if !path.contains(':') {
                return Ok(vec![ConfigFile {
                    path: path.to_owned(),
                    text: text.to_owned(),
                }]);
            }
            paths = path
                .split(':')
                .filter(|p| !p.is_empty())
                .map(str::to_owned)
                .collect();
        }
        let mut configs = Vec::new();
        for path in paths {
            let text = self.file(host, &path).await?;
            configs.push(ConfigFile { path, text });
        }
        Ok(configs)
    }

    /// A file of the host, as text.
    async fn file(&self, host: &mut dyn Remote, path: &str) -> Result<String, Fail> {
        let script = format!("cat -- {}", expand::word(path));
        let (rc, stdout, stderr) = self.read(host, script).await?;
        if rc != 0 {
            return Err(Fail::new(unreadable(path, &stderr)));
        }
        Ok(stdout)
    }

    async fn read(
        &self,
        host: &mut dyn Remote,
        script: String,
    ) -> Result<(i32, String, String), Fail> {
        let mut env = self.env.clone();
        env.insert("LC_ALL".into(), "C".into());
        let answers = host.ask(vec![Query::Read { script, env }]).await?;
        match answers.into_iter().next() {
            Some(Answer::Output { rc, stdout, stderr }) => Ok((rc, stdout, stderr)),
            _ => Err(Fail::new("the host left a question unanswered")),
        }
    }
}

fn unreadable(path: &str, stderr: &str) -> String {
    let why = stderr.trim().rsplit(": ").next().unwrap_or_default();
    let hint = if why == "Permission denied" {
        "; `become: true` reads it as root"
    } else {
        ""
    };
    format!("the host's `{path}` cannot be read: {why}{hint}")
}
