//! The way of another program to the cluster of a task.

use crate::cluster::{Access, Client};
use crate::modules::Fail;
use std::path::Path;

/// A kubeconfig for Helm, and the port that it names; both gone when this is dropped.
pub(super) struct Way {
    kubeconfig: tempfile::TempPath,
    _forward: crate::cluster::Forward,
}

impl Way {
    /// To the cluster of `client`, logged in as `access` says.
    ///
    /// # Errors
    /// No port can be opened; the login cannot be written down.
    pub(super) async fn open(client: &Client, access: &Access) -> Result<Self, Fail> {
        let told = |e: crate::cluster::Failure| Fail::new(e.to_string());
        let forward = client.forward().await.map_err(told)?;
        let text = access.kubeconfig_at(forward.port()).await.map_err(told)?;
        Ok(Self {
            kubeconfig: super::program::private(".kubeconfig", text.as_bytes())?,
            _forward: forward,
        })
    }

    /// The kubeconfig.
    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}
