//! How to log in at a cluster: a kubeconfig, and what a task adds to it.

use super::{Failure, Json};
use crate::error::Problems;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::collections::BTreeMap;
use std::path::Path;

/// A kubeconfig as it was read.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ConfigFile {
    /// Where from, for messages; relative paths in it begin in its directory.
    pub path: String,
    /// Its text, YAML.
    pub text: String,
}

/// Everything a [`super::Client`] is made of. Equal ones share a client.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// The kubeconfigs; what an earlier one says counts.
    pub configs: Vec<ConfigFile>,
    /// Which context; the current one otherwise.
    pub context: Option<String>,
    /// The API server's address, in place of the kubeconfig's.
    pub host: Option<String>,
    /// A bearer token.
    pub api_key: Option<String>,
    /// For HTTP basic authentication.
    pub username: Option<String>,
    /// For HTTP basic authentication.
    pub password: Option<String>,
    /// The certificate authority, PEM.
    pub ca_cert: Option<String>,
    /// The client's certificate, PEM.
    pub client_cert: Option<String>,
    /// The client's key, PEM.
    pub client_key: Option<String>,
    /// Whether the server's certificate is checked; the kubeconfig says otherwise.
    pub validate_certs: Option<bool>,
    /// Act as this user.
    pub impersonate_user: Option<String>,
    /// Act as these groups.
    pub impersonate_groups: Vec<String>,
    /// Files that the kubeconfigs name, by absolute path; see [`Access::files`].
    pub files: BTreeMap<String, Vec<u8>>,
    /// Whether the kubeconfig is this machine's own, so that its login programs may run here.
    pub own: bool,
}

/// A field of the kubeconfig that names a file, and the one that holds the same in base64 (or as text).
const FILES: [(&str, &str); 4] = [
    ("certificate-authority", "certificate-authority-data"),
    ("client-certificate", "client-certificate-data"),
    ("client-key", "client-key-data"),
    ("tokenFile", "token"),
];

impl Access {
    /// The files that the kubeconfigs name in what they say of the chosen context, absolute.
    ///
    /// # Errors
    /// A kubeconfig that is none.
    pub fn files(&self) -> Result<Vec<String>, Failure> {
        let mut files = Vec::new();
        for config in &self.configs {
            let mut json = config.json()?;
            each_file(&mut json, &config.path, &mut |_, path, _| {
                if !files.contains(&path) {
                    files.push(path);
                }
            });
        }
        Ok(files)
    }

    /// What went wrong in making the client, with where the kubeconfig came from. Nothing of its text.
    pub(super) fn wrong(&self, error: &dyn std::error::Error) -> Failure {
        Failure::Other(format!("{}: {error}", self.origin()))
    }

    fn origin(&self) -> String {
        let paths: Vec<&str> = self.configs.iter().map(|c| c.path.as_str()).collect();
        if paths.is_empty() {
            "the task's own login".to_owned()
        } else {
            format!("the kubeconfig `{}`", paths.join(":"))
        }
    }

    /// As kube wants it.
    pub(super) async fn config(&self) -> Result<kube::Config, Failure> {
        let mut whole: Option<Kubeconfig> = None;
        for file in &self.configs {
            let mut json = file.json()?;
            let mut missing = None;
            each_file(
                &mut json,
                &file.path,
                &mut |map, path, data| match self.files.get(&path) {
                    Some(bytes) if data == "token" => {
                        let token = String::from_utf8_lossy(bytes).trim().to_owned();
                        map.insert(data.to_owned(), token.into());
                    }
                    Some(bytes) => {
                        map.insert(data.to_owned(), BASE64_STANDARD.encode(bytes).into());
                    }
                    None => missing = Some(path),
                },
            );
            if let Some(path) = missing {
                return Err(Failure::Other(format!(
                    "the kubeconfig `{}` names the file `{path}`, which cannot be read",
                    file.path
                )));
            }
            let config: Kubeconfig =
                serde_json::from_value(json).map_err(|_| file.wrong("it is no kubeconfig"))?;
            whole = Some(match whole {
                None => config,
                Some(first) => first.merge(config).map_err(|e| self.wrong(&e))?,
            });
        }
        let (config, from_file) = match whole {
            Some(config) => (config, true),
            None => (Kubeconfig::default(), false),
        };
        let config = if from_file {
            self.refuse(&config)?;
            let options = KubeConfigOptions {
                context: self.context.clone(),
                ..KubeConfigOptions::default()
            };
            let mut config = config;
            if let Some(host) = &self.host {
                // the context's cluster may lack an address of its own then
                for cluster in &mut config.clusters {
                    cluster.cluster.get_or_insert_default().server = Some(host.clone());
                }
            }
            kube::Config::from_custom_kubeconfig(config, &options)
                .await
                .map_err(|e| self.unfit(&e))?
        } else {
            let Some(host) = &self.host else {
                return Err(Failure::Other(
                    "no kubeconfig was found, and no `host` is given".into(),
                ));
            };
            let address = host
                .parse()
                .map_err(|e| Failure::Other(format!("`{host}` is no address: {e}")))?;
            kube::Config::new(address)
        };
        self.adorn(config)
    }

    /// What the task itself says.
    fn adorn(&self, mut config: kube::Config) -> Result<kube::Config, Failure> {
        // the way to the server is ours: a proxy of this machine's environment has no part in it
        config.proxy_url = None;
        config.default_retry = false;
        let encode = |pem: &String| BASE64_STANDARD.encode(pem);
        let info = &mut config.auth_info;
        if let Some(token) = &self.api_key {
            info.token = Some(token.clone().into());
            info.token_file = None;
            info.exec = None;
        }
        if let (Some(user), Some(password)) = (&self.username, &self.password) {
            info.username = Some(user.clone());
            info.password = Some(password.clone().into());
        }
        if let (Some(cert), Some(key)) = (&self.client_cert, &self.client_key) {
            info.client_certificate_data = Some(encode(cert));
            info.client_key_data = Some(encode(key).into());
        }
        if let Some(user) = &self.impersonate_user {
            info.impersonate = Some(user.clone());
        }
        if !self.impersonate_groups.is_empty() {
            info.impersonate_groups = Some(self.impersonate_groups.clone());
        }
        if let Some(pem) = &self.ca_cert {
            let certs = rustls_certs(pem)
                .ok_or_else(|| Failure::Other("`ca_cert` holds no certificate".into()))?;
            config.root_cert = Some(certs);
        }
        if let Some(validate) = self.validate_certs {
            config.accept_invalid_certs = !validate;
        }
        Ok(config)
    }

    /// What a kubeconfig may ask for and does not get.
    fn refuse(&self, config: &Kubeconfig) -> Result<(), Failure> {
        let Some(name) = self.context.as_ref().or(config.current_context.as_ref()) else {
            return Ok(());
        };
        let context = config.contexts.iter().find(|c| c.name == *name);
        let Some(context) = context.and_then(|c| c.context.as_ref()) else {
            return Ok(());
        };
        let cluster = config.clusters.iter().find(|c| c.name == context.cluster);
        let user = config
            .auth_infos
            .iter()
            .find(|u| Some(&u.name) == context.user.as_ref());
        let origin = self.origin();
        let proxy = cluster
            .and_then(|c| c.cluster.as_ref())
            .and_then(|c| c.proxy_url.as_ref());
        if proxy.is_some_and(|p| !p.is_empty()) {
            return Err(Failure::Other(format!(
                "{origin} asks for a proxy (`proxy-url`), which is not supported; run the task on a host that reaches the API server without one"
            )));
        }
        let info = user.and_then(|u| u.auth_info.as_ref());
        if let Some(exec) = info.and_then(|i| i.exec.as_ref())
            && !self.own
            && self.api_key.is_none()
        {
            let command = exec.command.clone().unwrap_or_default();
            return Err(Failure::Other(format!(
                "{origin} logs in with a program (`{command}`) that would have to run on that host; use `connection: local` with a kubeconfig of this machine, or a kubeconfig with a certificate or a token"
            )));
        }
        if let Some(provider) = info.and_then(|i| i.auth_provider.as_ref()) {
            return Err(Failure::Other(format!(
                "{origin} logs in with the auth provider `{}`, which Kubernetes itself has given up; use `exec`, a certificate or a token",
                provider.name
            )));
        }
        Ok(())
    }

    fn unfit(&self, error: &kube::config::KubeconfigError) -> Failure {
        use kube::config::KubeconfigError as E;
        let origin = self.origin();
        Failure::Other(match error {
            E::CurrentContextNotSet => {
                format!("{origin} has no `current-context`: give `context`")
            }
            E::LoadContext(name) => format!("{origin} has no context `{name}`"),
            E::LoadClusterOfContext(name) => format!("{origin} has no cluster `{name}`"),
            // its text could hold a part of what it could not read
            E::Parse(_) => format!("{origin} is no kubeconfig"),
            other => format!("{origin}: {other}"),
        })
    }
}

impl ConfigFile {
    fn wrong(&self, why: &str) -> Failure {
        Failure::Other(format!("the kubeconfig `{}`: {why}", self.path))
    }

    /// Read as Ansible reads YAML; messages quote nothing of it, for it holds keys.
    fn json(&self) -> Result<Json, Failure> {
        let document = crate::yaml::parse_hidden(Path::new(&self.path), &self.text);
        let story = |p: Problems| {
            let first = p.0.first().map(|d| match &d.span {
                Some(span) => format!("{} (line {})", d.message, span.line),
                None => d.message.clone(),
            });
            self.wrong(&first.unwrap_or_else(|| "it is no YAML".into()))
        };
        let root = document.map_err(story)?.root;
        let json = root.map(|r| r.to_value().to_json()).unwrap_or_default();
        if json.is_object() {
            Ok(json)
        } else {
            Err(self.wrong("it is no kubeconfig"))
        }
    }
}

/// Gets the mapping, the absolute path, and the field for the content.
type FoundFile<'a> = dyn FnMut(&mut serde_json::Map<String, Json>, String, &'static str) + 'a;

/// Goes over every field that names a file; it is taken out, and `found` is told.
fn each_file(config: &mut Json, origin: &str, found: &mut FoundFile<'_>) {
    let beside = Path::new(origin).parent().unwrap_or(Path::new("/"));
    for (list, inner) in [("clusters", "cluster"), ("users", "user")] {
        let entries = config.get_mut(list).and_then(Json::as_array_mut);
        for entry in entries.into_iter().flatten() {
            let Some(map) = entry.get_mut(inner).and_then(Json::as_object_mut) else {
                continue;
            };
            for (field, data) in FILES {
                let Some(Json::String(path)) = map.shift_remove(field) else {
                    continue;
                };
                let has_data = map
                    .get(data)
                    .and_then(Json::as_str)
                    .is_some_and(|d| !d.is_empty());
                // what is given as data counts, as for kubectl; a token file, however, comes before a token
                if path.is_empty() || (has_data && data != "token") {
                    continue;
                }
                let path = beside.join(path).to_string_lossy().into_owned();
                found(map, path, data);
            }
        }
    }
}

/// The certificates of a PEM text, DER.
fn rustls_certs(pem: &str) -> Option<Vec<Vec<u8>>> {
    use rustls::pki_types::pem::PemObject;
    let certs: Result<Vec<_>, _> =
        rustls::pki_types::CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let certs: Vec<Vec<u8>> = certs.ok()?.iter().map(|c| c.to_vec()).collect();
    (!certs.is_empty()).then_some(certs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(text: &str) -> Access {
        Access {
            configs: vec![ConfigFile {
                path: "/home/ann/.kube/config".into(),
                text: text.into(),
            }],
            ..Access::default()
        }
    }

    async fn fails(access: &Access) -> String {
        match access.config().await {
            Ok(_) => panic!("it is fine"),
            Err(e) => e.to_string(),
        }
    }

    const PLAIN: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]\n";

    #[tokio::test]
    async fn files_are_named_and_put_in() {
        let text = format!(
            "{PLAIN}clusters: [{{name: k, cluster: {{server: 'https://10.0.0.1:6443', tls-server-name: api}}}}]\nusers: [{{name: u, user: {{client-certificate: pki/u.crt, client-key: /etc/u.key, tokenFile: ''}}}}]\n"
        );
        let mut access = access(&text);
        assert_eq!(
            access.files().unwrap(),
            ["/home/ann/.kube/pki/u.crt", "/etc/u.key"]
        );
        insta::assert_snapshot!(fails(&access).await, @"the kubeconfig `/home/ann/.kube/config` names the file `/etc/u.key`, which cannot be read");
        for path in access.files().unwrap() {
            access.files.insert(path, b"pem".to_vec());
        }
        access.impersonate_user = Some("bob".into());
        let config = access.config().await.unwrap();
        assert_eq!(config.default_namespace, "shop");
        assert_eq!(config.tls_server_name.as_deref(), Some("api"));
        let info = &config.auth_info;
        assert_eq!(info.client_certificate_data.as_deref(), Some("cGVt"));
        assert_eq!(
            (info.impersonate.as_deref(), info.client_key.is_none()),
            (Some("bob"), true)
        );
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_without_a_secret() {
        let with = |rest: &str| access(&format!("{PLAIN}{rest}"));
        insta::assert_snapshot!(fails(&access("token: \"s3cr3t\n")).await, @"the kubeconfig `/home/ann/.kube/config`: this is not valid YAML: while scanning a quoted scalar, found unexpected end of stream (line 1)");
        insta::assert_snapshot!(fails(&access("- s3cr3t")).await, @"the kubeconfig `/home/ann/.kube/config`: it is no kubeconfig");
        insta::assert_snapshot!(fails(&access("clusters: s3cr3t")).await, @"the kubeconfig `/home/ann/.kube/config`: it is no kubeconfig");
        insta::assert_snapshot!(fails(&access("kind: Config")).await, @"the kubeconfig `/home/ann/.kube/config` has no `current-context`: give `context`");
        insta::assert_snapshot!(fails(&with("")).await, @"the kubeconfig `/home/ann/.kube/config` has no cluster `k`");
        insta::assert_snapshot!(fails(&with("clusters: [{name: k, cluster: {server: 'https://a', proxy-url: 'socks5://b'}}]")).await, @"the kubeconfig `/home/ann/.kube/config` asks for a proxy (`proxy-url`), which is not supported; run the task on a host that reaches the API server without one");
        let cluster = "clusters: [{name: k, cluster: {server: 'https://a'}}]\n";
        let plugin = format!(
            "{cluster}users: [{{name: u, user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: aws}}}}}}]"
        );
        insta::assert_snapshot!(fails(&with(&plugin)).await, @"the kubeconfig `/home/ann/.kube/config` logs in with a program (`aws`) that would have to run on that host; use `connection: local` with a kubeconfig of this machine, or a kubeconfig with a certificate or a token");
        let mut other = with(cluster);
        other.context = Some("nope".into());
        insta::assert_snapshot!(fails(&other).await, @"the kubeconfig `/home/ann/.kube/config` has no context `nope`");
        insta::assert_snapshot!(fails(&Access::default()).await, @"no kubeconfig was found, and no `host` is given");
    }

    #[tokio::test]
    async fn a_login_without_kubeconfig() {
        let access = Access {
            host: Some("https://10.0.0.1:6443".into()),
            api_key: Some("t".into()),
            validate_certs: Some(false),
            ..Access::default()
        };
        let config = access.config().await.unwrap();
        assert!(config.accept_invalid_certs && config.auth_info.token.is_some());
    }
}
