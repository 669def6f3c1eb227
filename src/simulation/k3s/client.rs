//! How the parts of the simulated K3s speak to servers: HTTPS with the cluster's own authority.

use super::token::Token;
use crate::simulation::authority::Signed;
use reqwest::{Certificate, Client, Identity};
use std::time::Duration;

/// What went wrong.
#[derive(Debug)]
pub struct Trouble {
    /// What went wrong.
    pub message: String,
}

impl Trouble {
    /// From an error.
    pub fn passing(error: impl std::fmt::Display) -> Trouble {
        Trouble {
            message: error.to_string(),
        }
    }
}

fn builder() -> reqwest::ClientBuilder {
    // the process' own default is what reqwest looks for
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(20))
}

/// A message with the reasons that stand behind it.
pub fn reasons(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        let reason_text = reason.to_string();
        if !told.contains(&reason_text) {
            told.push_str(": ");
            told.push_str(&reason_text);
        }
        source = reason.source();
    }
    told
}

/// The authority's certificate of the cluster behind `server`, checked against the token.
pub async fn authority(server: &str, token: &Token) -> Result<String, Trouble> {
    let client = builder()
        .danger_accept_invalid_certs(true)
        .build()
        .map_err(Trouble::passing)?;
    let failed = |error: reqwest::Error| {
        Trouble::passing(format!(
            "failed to get CA certs: Get \"{server}/cacerts\": {}",
            reasons(&error)
        ))
    };
    let response = client
        .get(format!("{server}/cacerts"))
        .send()
        .await
        .map_err(failed)?;
    let text = response
        .error_for_status()
        .map_err(failed)?
        .text()
        .await
        .map_err(failed)?;
    token.check(&text).map_err(Trouble::passing)?;
    Ok(text)
}

/// A client that trusts the authority, and shows a certificate when it has one.
pub fn client(authority: &str, own: Option<&Signed>) -> Result<Client, Trouble> {
    let roots = Certificate::from_pem_bundle(authority.as_bytes()).map_err(Trouble::passing)?;
    let mut builder = builder().tls_certs_only(roots);
    if let Some(own) = own {
        let pem = format!("{}{}", own.certificate, own.key);
        builder = builder.identity(Identity::from_pem(pem.as_bytes()).map_err(Trouble::passing)?);
    }
    builder.build().map_err(Trouble::passing)
}

/// The text of an answer, or why there is none.
pub async fn text(what: &str, request: reqwest::RequestBuilder) -> Result<String, Trouble> {
    let response = request
        .send()
        .await
        .map_err(|error| Trouble::passing(format!("{what}: {}", reasons(&error))))?;
    let status = response.status();
    let text = response
        .text()
        .await
        .map_err(|error| Trouble::passing(format!("{what}: {}", reasons(&error))))?;
    if status.is_success() {
        return Ok(text);
    }
    let told = serde_json::from_str::<serde_json::Value>(&text).ok();
    let told = told
        .and_then(|it| it["message"].as_str().map(str::to_owned))
        .unwrap_or(text);
    Err(Trouble {
        message: format!("{what}: {status}: {}", told.trim()),
    })
}
