//! Waiting for objects.

use super::client::Client;
use super::object::{called, kind as kind_of, text};
use super::patience::Patience;
use super::ready::{self, State};
use super::{Failure, Json, Kind, story};
use std::time::Duration;
use tokio::time::Instant;

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Until {
    /// The object is there, and ready as its kind understands that.
    Ready,
    /// A condition of its status.
    Condition {
        /// `Available` …
        wanted: String,
        /// `True`, `False`, `Unknown`.
        status: String,
        /// Only with this reason.
        reason: Option<String>,
    },
    /// It is not there any more; another one of the same name, with another uid, is another one.
    Gone {
        /// The uid of the one that goes.
        uid: Option<String>,
    },
}

/// How a wait ended.
#[derive(Clone, Debug, Default)]
pub struct Waited {
    /// The object as it was seen last.
    pub object: Option<Json>,
    /// How long it took.
    pub took: Duration,
    /// Why it did not come true, with all that is known of it; `None` when it did.
    pub failed: Option<String>,
}

impl Client {
    /// Waits. Not coming true is no error: see [`Waited::failed`].
    ///
    /// # Errors
    /// The server's refusal to be asked, and [`Failure::Stopped`].
    pub async fn wait(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        name: &str,
        until: &Until,
        patience: Patience,
    ) -> Result<Waited, Failure> {
        let begun = Instant::now();
        let title = called(&kind.kind, name, namespace.filter(|_| kind.namespaced));
        let mut look = 0;
        let mut told = String::new();
        loop {
            let object = self.get(kind, namespace, name).await?;
            let state = match self.judge(object.as_ref(), until).await {
                State::Ready => {
                    return Ok(Waited {
                        object,
                        took: begun.elapsed(),
                        failed: None,
                    });
                }
                other => other,
            };
            let (why, hopeless) = match state {
                State::NotYet(why) => (why, false),
                State::Failed(why) => (why, true),
                State::Ready => (String::new(), false),
            };
            let pause = patience.pause(look);
            let left = patience.timeout.saturating_sub(begun.elapsed());
            if hopeless || left.is_zero() {
                let mut failed = if hopeless {
                    format!("{title} failed: {why}")
                } else {
                    format!(
                        "{title} is not {} after {} s: {why}",
                        until.word(),
                        patience.timeout.as_secs()
                    )
                };
                // what holds a deletion up is told already
                if let (Some(object), false) = (&object, matches!(until, Until::Gone { .. })) {
                    let evidence = self.evidence(object).await;
                    for line in story::tell(object, &evidence) {
                        failed.push_str(&format!("\n  {line}"));
                    }
                }
                return Ok(Waited {
                    object,
                    took: begun.elapsed(),
                    failed: Some(failed),
                });
            }
            if why != told {
                self.tell(|| format!("waiting for {title}: {why}"));
                told = why;
            }
            look += 1;
            self.sleep(pause.min(left)).await?;
        }
    }

    /// The pause after a look with this number, `left` at most.
    ///
    /// # Errors
    /// [`Failure::Stopped`].
    pub async fn pause(
        &self,
        patience: &Patience,
        look: u32,
        left: Duration,
    ) -> Result<(), Failure> {
        self.sleep(patience.pause(look).min(left)).await
    }

    async fn judge(&self, object: Option<&Json>, until: &Until) -> State {
        match (until, object) {
            (Until::Gone { .. }, None) => State::Ready,
            (Until::Gone { uid }, Some(object)) => gone(object, uid.as_deref()),
            (_, None) => State::NotYet("it is not there".into()),
            (
                Until::Condition {
                    wanted,
                    status,
                    reason,
                },
                Some(object),
            ) => ready::condition(object, wanted, status, reason.as_deref()),
            (Until::Ready, Some(object)) => match ready::ready(object) {
                State::NotYet(_)
                    if kind_of(object) == "PersistentVolumeClaim"
                        && self.binds_later(object).await =>
                {
                    State::Ready
                }
                state => state,
            },
        }
    }

    /// Whether a claim is bound only when a pod needs it.
    async fn binds_later(&self, claim: &Json) -> bool {
        let class = text(claim, "/spec/storageClassName");
        let Ok(Some(kind)) = self.find_kind("storage.k8s.io/v1", "StorageClass").await else {
            return false;
        };
        let class = match self.get(&kind, None, class).await {
            Ok(Some(class)) => class,
            _ => return false,
        };
        text(&class, "/volumeBindingMode") == "WaitForFirstConsumer"
    }
}

fn gone(object: &Json, uid: Option<&str>) -> State {
    if uid.is_some_and(|uid| text(object, "/metadata/uid") != uid) {
        return State::Ready;
    }
    let holders: Vec<&str> = ["/metadata/finalizers", "/spec/finalizers"]
        .into_iter()
        .filter_map(|p| object.pointer(p)?.as_array())
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    State::NotYet(if text(object, "/metadata/deletionTimestamp").is_empty() {
        "it is still there".into()
    } else if holders.is_empty() {
        "it is being deleted".into()
    } else {
        format!("it is being deleted, and held by {}", holders.join(", "))
    })
}

impl Until {
    fn word(&self) -> String {
        match self {
            Self::Ready => "ready".into(),
            Self::Gone { .. } => "gone".into(),
            Self::Condition {
                wanted,
                status,
                reason,
            } => match reason {
                Some(reason) => format!("{wanted}={status} ({reason})"),
                None => format!("{wanted}={status}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Script, answer};
    use super::*;
    use serde_json::json;

    fn pods() -> Kind {
        Kind {
            version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
            namespaced: true,
            ..Kind::default()
        }
    }

    const POD: &str = "GET /api/v1/namespaces/shop/pods/web";

    fn patience(seconds: u64) -> Patience {
        Patience {
            timeout: Duration::from_secs(seconds),
            sleep: Duration::from_secs(5),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_becomes_ready() {
        let script = Script::new()
            .on(POD, answer(404, json!({"message": "no"})))
            .on(
                POD,
                answer(
                    200,
                    json!({"kind": "Pod", "apiVersion": "v1", "status": {"phase": "Pending"}}),
                ),
            )
            .on(
                POD,
                answer(
                    200,
                    json!({"kind": "Pod", "apiVersion": "v1", "status": {"containerStatuses": [{"ready": true}]}}),
                ),
            );
        let waited = script
            .client()
            .wait(&pods(), Some("shop"), "web", &Until::Ready, patience(60))
            .await
            .unwrap();
        assert!(waited.failed.is_none());
        assert_eq!(waited.took.as_millis(), 750);
        script.finish();
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_is_up() {
        let held = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web", "uid": "1", "deletionTimestamp": "now", "finalizers": ["a.io/b"]}, "status": {"phase": "Running"}});
        let script = Script::new().always(POD, answer(200, held));
        let until = Until::Gone {
            uid: Some("1".into()),
        };
        let waited = script
            .client()
            .wait(&pods(), Some("shop"), "web", &until, patience(3))
            .await
            .unwrap();
        insta::assert_snapshot!(waited.failed.unwrap(), @"Pod `web` in `shop` is not gone after 3 s: it is being deleted, and held by a.io/b");
        let other = Until::Gone {
            uid: Some("2".into()),
        };
        let waited = script
            .client()
            .wait(&pods(), Some("shop"), "web", &other, patience(3))
            .await
            .unwrap();
        assert!(waited.failed.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_user_stops() {
        let script = Script::new().always(POD, answer(404, json!({"message": "no"})));
        let stop: super::super::Stop =
            std::sync::Arc::new(|| Box::pin(tokio::time::sleep(Duration::from_secs(1))));
        let client = script.client().handle(false, None, Some(stop));
        let waited = client
            .wait(&pods(), Some("shop"), "web", &Until::Ready, patience(60))
            .await;
        assert_eq!(waited.unwrap_err(), Failure::Stopped);
    }
}
