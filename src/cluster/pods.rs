//! Pods: their logs, commands in them, and sending them away.

use super::ask::Ask;
use super::client::Client;
use super::kinds::segment;
use super::{Failure, Json};
use http::Method;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, AttachParams};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Which part of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogWishes {
    /// Of this container; needed when there are several.
    pub container: Option<String>,
    /// Of its former life.
    pub previous: bool,
    /// Only so many lines from the end.
    pub tail: Option<i64>,
    /// Only those of the last seconds.
    pub since: Option<i64>,
}

/// What a command in a container said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Executed {
    /// Exit status.
    pub rc: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

fn pod_path(namespace: &str, pod: &str) -> String {
    format!(
        "/api/v1/namespaces/{}/pods/{}",
        segment(namespace),
        segment(pod)
    )
}

impl Client {
    /// A container's log.
    ///
    /// # Errors
    /// The server's refusal.
    pub async fn log(
        &self,
        namespace: &str,
        pod: &str,
        wishes: &LogWishes,
    ) -> Result<String, Failure> {
        let mut send = Ask::get(format!("{}/log", pod_path(namespace, pod)));
        send.accept = "*/*";
        if let Some(container) = &wishes.container {
            send = send.with("container", container.as_str());
        }
        if wishes.previous {
            send = send.with("previous", "true");
        }
        if let Some(lines) = wishes.tail {
            send = send.with("tailLines", lines.to_string());
        }
        if let Some(seconds) = wishes.since {
            send = send.with("sinceSeconds", seconds.to_string());
        }
        let (bytes, _) = self.send_raw(send).await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Runs a command in a container, without input.
    ///
    /// # Errors
    /// The server's refusal; in check mode always.
    pub async fn exec(
        &self,
        namespace: &str,
        pod: &str,
        container: Option<&str>,
        command: &[String],
    ) -> Result<Executed, Failure> {
        if self.is_read_only() {
            return Err(Failure::Other(
                "a command in a container is not run in check mode".into(),
            ));
        }
        let api: Api<Pod> = Api::namespaced(self.inner.kube.clone(), namespace);
        let mut params = AttachParams::default()
            .stdin(false)
            .stdout(true)
            .stderr(true)
            .tty(false);
        params.container = container.map(str::to_owned);
        let failed = |e: kube::Error| match e {
            kube::Error::Api(status) => Failure::Other(status.message.clone()),
            other => Failure::Other(other.to_string()),
        };
        let mut process = api
            .exec(pod, command.iter().cloned(), &params)
            .await
            .map_err(failed)?;
        let (stdout, stderr) = (process.stdout(), process.stderr());
        let status = process.take_status();
        let (stdout, stderr) = tokio::join!(drained(stdout), drained(stderr));
        let status = match status {
            Some(status) => status.await,
            None => None,
        };
        let Some(status) = status else {
            return Err(Failure::Other(
                "the connection ended before the command did".into(),
            ));
        };
        let rc = match status.reason.as_deref() {
            Some("NonZeroExitCode") => exit_code(&status),
            _ if status.status.as_deref() == Some("Failure") => {
                return Err(Failure::Other(status.message.unwrap_or_default()));
            }
            _ => 0,
        };
        Ok(Executed { rc, stdout, stderr })
    }

    /// Asks that a pod be sent away, as PodDisruptionBudgets allow. `false`: not now. `None`: it is not there.
    ///
    /// # Errors
    /// The server's refusal, other than that.
    pub(super) async fn evict(
        &self,
        namespace: &str,
        pod: &str,
        grace: Option<i64>,
    ) -> Result<Option<bool>, Failure> {
        let mut body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}});
        if let Some(grace) = grace {
            body["deleteOptions"] = json!({"gracePeriodSeconds": grace});
        }
        if self.is_read_only() {
            body["deleteOptions"]["dryRun"] = json!(["All"]);
        }
        let mut send = Ask::new(
            Method::POST,
            format!("{}/eviction", pod_path(namespace, pod)),
        )
        .body(body);
        if self.is_read_only() {
            send = send.with("dryRun", "All");
        }
        // a pod that is sent away twice is away
        send.again = true;
        match self.send(send).await {
            Ok(_) => Ok(Some(true)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(Failure::Refused(r)) if r.code == 429 && r.is_budget() => Ok(Some(false)),
            Err(e) => Err(e),
        }
    }
}

/// All that comes out of a stream.
async fn drained(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // what came until a break is worth having; the status tells of the break
        stream.read_to_end(&mut bytes).await.ok();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn exit_code(status: &Status) -> i32 {
    let causes = status
        .details
        .iter()
        .flat_map(|d| d.causes.iter().flatten());
    causes
        .filter(|c| c.reason.as_deref() == Some("ExitCode"))
        .find_map(|c| c.message.as_ref()?.parse().ok())
        .unwrap_or(1)
}

/// The names of a pod's containers, without the initial ones.
pub fn containers(pod: &Json) -> Vec<String> {
    pod.pointer("/spec/containers")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .map(|c| super::object::text(c, "/name").to_owned())
        .collect()
}
