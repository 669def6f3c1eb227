//! The kubeconfig that K3s writes: cluster, user and context are all called `default`.

use crate::simulation::authority::Signed;
use base64::Engine as _;

/// The text of a kubeconfig.
pub fn text(server: &str, authority: &str, client: &Signed) -> String {
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    format!(
        "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {}
    server: {server}
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-certificate-data: {}
    client-key-data: {}
",
        encode(authority),
        encode(&client.certificate),
        encode(&client.key),
    )
}
