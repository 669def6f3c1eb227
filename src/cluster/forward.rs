//! A port of this machine that leads to the API server, and the kubeconfig that goes with it: for programs such as Helm.

use super::{Access, Client, Failure};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A port on loopback; closed when this is dropped. What is sent there is TLS from end to end, so that whoever else finds
/// the port has to log in as everywhere.
pub struct Forward {
    port: u16,
    task: JoinHandle<()>,
}

impl Forward {
    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// Opens a port that leads to the API server by the way that this client takes.
    ///
    /// # Errors
    /// No port can be opened.
    pub async fn forward(&self) -> Result<Forward, Failure> {
        let failed = |e: std::io::Error| Failure::Other(format!("no port can be opened: {e}"));
        let Some(dial) = self.inner.dial.clone() else {
            return Err(Failure::Other("this client has no way of its own".into()));
        };
        let address: http::Uri =
            self.inner.address.parse().map_err(|e| {
                Failure::Other(format!("`{}` is no address: {e}", self.inner.address))
            })?;
        let host = address
            .host()
            .unwrap_or_default()
            .trim_matches(['[', ']'])
            .to_owned();
        let port = address.port_u16().unwrap_or(443);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let own = listener.local_addr().map_err(failed)?.port();
        let task = tokio::spawn(async move {
            // those that are open end with us
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let (dial, host) = (dial.clone(), host.clone());
                open.spawn(async move {
                    // a way that cannot be had shows at the other end as a connection that ends
                    if let Ok(mut far) = dial.dial(&host, port).await {
                        tokio::io::copy_bidirectional(&mut near, &mut far)
                            .await
                            .ok();
                    }
                });
                while open.try_join_next().is_some() {}
            }
        });
        Ok(Forward { port: own, task })
    }
}

impl Access {
    /// A kubeconfig for the API server behind a [`Forward`], JSON (which is YAML). It holds the login: keep it private.
    ///
    /// # Errors
    /// What is wrong with the login.
    pub async fn kubeconfig_at(&self, port: u16) -> Result<String, Failure> {
        let config = self.config().await?;
        let host = config.cluster_url.host().unwrap_or_default();
        let name = config
            .tls_server_name
            .clone()
            .unwrap_or_else(|| host.trim_matches(['[', ']']).to_owned());
        let scheme = config.cluster_url.scheme_str().unwrap_or("https");
        let mut cluster = json!({
            "server": format!("{scheme}://127.0.0.1:{port}"),
            "tls-server-name": name,
        });
        if config.accept_invalid_certs {
            cluster["insecure-skip-tls-verify"] = true.into();
        } else if let Some(certs) = &config.root_cert {
            let pem: String = certs.iter().map(|der| pem(der)).collect();
            cluster["certificate-authority-data"] = BASE64_STANDARD.encode(pem).into();
        }
        let user = serde_json::to_value(&config.auth_info)
            .map_err(|_| Failure::Other("the login cannot be written down".into()))?;
        let all = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "c", "context": {
                "cluster": "c", "user": "u", "namespace": config.default_namespace,
            }}],
            "current-context": "c",
        });
        Ok(all.to_string())
    }
}

fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let mut out = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        out.push_str(&String::from_utf8_lossy(line));
        out.push('\n');
    }
    out + "-----END CERTIFICATE-----\n"
}
