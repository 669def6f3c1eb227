//! The clusters that tasks talk to: one client for each login as seen from each place, kept for the run.

use crate::cluster::{Access, Client, Dial, Failure};
use crate::transport::{Links, Stream, Target};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

type Slot = Arc<OnceCell<Client>>;

/// All clients of a run.
#[derive(Default)]
pub(super) struct Clusters(Mutex<HashMap<(Target, Access), Slot>>);

impl Clusters {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Target, Access), Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client for a login as seen from `target`, which is called `name`.
    ///
    /// # Errors
    /// What is wrong with the login.
    pub(super) async fn get(
        &self,
        links: &Links,
        target: &Target,
        name: &str,
        access: Access,
    ) -> Result<Client, Failure> {
        let key = (target.clone(), access.clone());
        let slot = self.lock().entry(key).or_default().clone();
        let dial = Through {
            links: links.clone(),
            target: target.clone(),
            name: name.to_owned(),
        };
        slot.get_or_try_init(|| Client::new(&access, Arc::new(dial)))
            .await
            .cloned()
    }

    /// Drops all clients and with them their streams.
    pub(super) fn close(&self) {
        self.lock().clear();
    }
}

/// The way to the API server: from this machine, or through a host's ssh connection.
struct Through {
    links: Links,
    target: Target,
    name: String,
}

impl Dial for Through {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, io::Result<Stream>> {
        async move {
            self.links
                .stream(&self.target, host, port)
                .await
                .map_err(io::Error::other)
        }
        .boxed()
    }

    fn from(&self) -> String {
        if self.target == Target::Local {
            "this machine".to_owned()
        } else {
            format!("`{}`", self.name)
        }
    }

    fn refusal(&self) -> BoxFuture<'_, Option<String>> {
        self.links.refusal(&self.target).boxed()
    }
}
