//! `Identity`: what all servers of a cluster share: its authority, its passwords, the key of its tokens. Made by the first server, given
//! to those that join.

use super::client::{self, Trouble};
use super::config::Config;
use super::log::say;
use super::node::Node;
use super::supervisor::Passwords;
use super::token::Token;
use crate::simulation::authority::{Authority, write};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// What all servers of a cluster share.
pub struct Identity {
    /// The authority.
    pub authority: Authority,
    /// What lets nodes join.
    pub passwords: Passwords,
    /// The key of its tokens.
    pub signing: Vec<u8>,
}

fn at<T>(path: &Path, result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{}: {error}", path.display()))
}

impl Identity {
    /// The identity that a folder keeps, or a new one.
    ///
    /// # Errors
    /// In K3s's words when the token is another than the cluster's, and files that cannot be read or written.
    pub fn own(config: &Config, folder: &Path) -> Result<Identity, String> {
        let tls = folder.join("tls");
        let given = Token::parse(&config.secret("token")?)?;
        let kept = std::fs::read_to_string(folder.join("token")).unwrap_or_default();
        let kept = Token::parse(kept.trim())?;
        if !given.password.is_empty()
            && !kept.password.is_empty()
            && given.password != kept.password
        {
            let reason = "bootstrap data already found and encrypted with different token";
            return Err(format!("starting kubernetes: preparing server: {reason}"));
        }
        let authority = match at(&tls, Authority::load(&tls))? {
            Some(authority) => authority,
            None => at(&tls, Authority::new())?,
        };
        let password = [given.password, kept.password]
            .into_iter()
            .find(|it| !it.is_empty());
        let server = password.unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
        let agent = Token::parse(&config.secret("agent-token")?)?.password;
        let kept = std::fs::read_to_string(folder.join("cred/agent-password")).unwrap_or_default();
        let agent = [agent, kept, server.clone()]
            .into_iter()
            .find(|it| !it.is_empty());
        let signing = std::fs::read(folder.join("tls/service.key")).unwrap_or_else(|_| {
            let halves = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
            halves
                .map(|it| it.simple().to_string())
                .concat()
                .into_bytes()
        });
        let identity = Identity {
            authority,
            passwords: Passwords {
                agent: agent.unwrap_or_default(),
                server,
            },
            signing,
        };
        identity.save(folder)?;
        Ok(identity)
    }

    fn save(&self, folder: &Path) -> Result<(), String> {
        let tls = folder.join("tls");
        at(&tls, self.authority.save(&tls))?;
        let path = folder.join("token");
        let full = Token::full(&self.authority.certificate, &self.passwords.server);
        at(&path, write(&path, &format!("{full}\n"), 0o600))?;
        let link = folder.join("node-token");
        if std::fs::symlink_metadata(&link).is_err() {
            at(&link, std::os::unix::fs::symlink(&path, &link))?;
        }
        let path = folder.join("cred/agent-password");
        at(&path, write(&path, &self.passwords.agent, 0o600))?;
        let path = folder.join("tls/service.key");
        at(
            &path,
            write(&path, &String::from_utf8_lossy(&self.signing), 0o600),
        )
    }

    /// Joins the cluster behind `server`: waits for its turn, and gets the identity.
    ///
    /// # Errors
    /// What the cluster refuses: the token, other settings, a name that is taken.
    pub async fn join(
        config: &Config,
        folder: &Path,
        node: &Node,
        url: &str,
        critical: &Value,
        password: &str,
    ) -> Result<Identity, String> {
        let server = config.text("server").trim_end_matches('/').to_owned();
        if !server.starts_with("https://") {
            return Err(format!("--server must begin with https://: {server}"));
        }
        let token = Token::parse(&config.secret("token")?)?;
        if token.password.is_empty() {
            return Err("--token is required to join a cluster".to_owned());
        }
        let body =
            json!({"name": node.name, "url": url, "critical": critical, "password": password});
        loop {
            match Identity::ask(&server, &token, &body).await {
                Ok(identity) => {
                    identity.save(folder)?;
                    return Ok(identity);
                }
                Err((trouble, true)) => {
                    let message = trouble.message;
                    return Err(format!(
                        "starting kubernetes: preparing server: failed to bootstrap cluster data: {message}"
                    ));
                }
                Err((trouble, false)) => say(
                    "info",
                    &format!(
                        "Waiting for other members to finish joining etcd cluster, or for the server to answer: {}",
                        trouble.message
                    ),
                ),
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    /// Asks once; the error tells whether it is final.
    async fn ask(server: &str, token: &Token, body: &Value) -> Result<Identity, (Trouble, bool)> {
        let authority = client::authority(server, token).await.map_err(|trouble| {
            let last = trouble.message.starts_with("token CA hash");
            (trouble, last)
        })?;
        let passing = |trouble| (trouble, false);
        let http = client::client(&authority, None).map_err(passing)?;
        let request = http
            .post(format!("{server}/v1-k3s/simulated/join"))
            .basic_auth("server", Some(&token.password))
            .json(body);
        let text = client::text(&format!("{server}/v1-k3s/server-bootstrap"), request)
            .await
            .map_err(|trouble| {
                let last = [": 400", ": 401", ": 403", ": 404"]
                    .iter()
                    .any(|it| trouble.message.contains(it));
                (trouble, last)
            })?;
        let answer: Value =
            serde_json::from_str(&text).map_err(|error| passing(Trouble::passing(error)))?;
        let part = |path: [&str; 2]| crate::simulation::object::text(&answer, &path).to_owned();
        Ok(Identity {
            authority: Authority {
                certificate: part(["authority", "certificate"]),
                key: part(["authority", "key"]),
            },
            passwords: Passwords {
                server: part(["passwords", "server"]),
                agent: part(["passwords", "agent"]),
            },
            signing: hex::decode(answer["signing"].as_str().unwrap_or_default())
                .unwrap_or_default(),
        })
    }
}
