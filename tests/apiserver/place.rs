//! `Place`: a server under test, simulated or real.

use crate::kube::Kube;
use base64::Engine as _;
use hoist::simulation::authority::Authority;
use hoist::simulation::cluster::Cluster;
use hoist::simulation::controllers::definitions;
use hoist::simulation::server::Server;
use hoist::simulation::settings::Settings;
use hoist::simulation::store::Store;
use hoist::simulation::writing::How;
use reqwest::blocking::{Client, RequestBuilder};
use reqwest::{Certificate, Identity, Method};
use std::sync::Arc;

/// A server under test.
pub struct Place {
    url: String,
    client: Client,
}

fn client(authority: &str, certificate: &str, key: &str) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .no_proxy()
        .tls_certs_only(Certificate::from_pem_bundle(authority.as_bytes()).unwrap())
        .identity(Identity::from_pem(format!("{certificate}{key}").as_bytes()).unwrap());
    builder.build().unwrap()
}

impl Place {
    /// A simulated server of the test's own, without nodes and with no controller but that of definitions, as the real one's lane.
    pub fn simulated() -> Place {
        let authority = Authority::new().unwrap();
        let admin = authority.client("admin", "system:masters").unwrap();
        let client = client(&authority.certificate, &admin.certificate, &admin.key);
        let mut cluster = Cluster::new(Store::in_memory(), Settings::plain("v1.36.5"));
        let kind = cluster.catalog.kind("", "Namespace").unwrap();
        let namespace = serde_json::json!({"metadata": {"name": "default"}});
        cluster
            .create(&kind, "", namespace, How::by("test"))
            .unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!(
            "https://127.0.0.1:{}",
            listener.local_addr().unwrap().port()
        );
        let server = Arc::new(Server::new(cluster, authority, None));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut changes = server.cluster().store.subscribe();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::spawn(Arc::clone(&server).serve(listener, vec!["127.0.0.1".to_owned()]));
                while changes.changed().await.is_ok() {
                    definitions::run(&mut server.cluster(), jiff::Timestamp::now());
                }
            });
        });
        Place { url, client }
    }

    /// A real server.
    pub fn real(kube: &Kube) -> Place {
        let text = std::fs::read_to_string(kube.kubeconfig()).unwrap();
        let data = |key: &str| {
            let line = text
                .lines()
                .find_map(|it| it.trim().strip_prefix(key))
                .unwrap();
            let bytes = base64::prelude::BASE64_STANDARD
                .decode(line.trim())
                .unwrap();
            String::from_utf8(bytes).unwrap()
        };
        Place {
            url: kube.url(),
            client: client(
                &data("certificate-authority-data:"),
                &data("client-certificate-data:"),
                &data("client-key-data:"),
            ),
        }
    }

    /// A request to a path.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }
}
