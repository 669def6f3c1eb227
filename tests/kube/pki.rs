//! The certificates of one API server, and the kubeconfig that goes with them.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Certificate and key in PEM.
struct Pair {
    cert: String,
    key: String,
}

/// An authority, what it signed, and the key of service-account tokens.
pub struct Pki {
    ca: String,
    server: Pair,
    client: Pair,
    accounts: KeyPair,
}

impl Pki {
    /// New keys.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        params
            .distinguished_name
            .push(DnType::CommonName, "hoist test authority");
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);

        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"].map(str::to_owned);
        let mut server = CertificateParams::new(names).unwrap();
        server
            .distinguished_name
            .push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];

        let mut client = CertificateParams::new(Vec::new()).unwrap();
        client
            .distinguished_name
            .push(DnType::OrganizationName, "system:masters");
        client
            .distinguished_name
            .push(DnType::CommonName, "hoist-test");
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];

        Self {
            ca,
            server: signed(&server, &issuer),
            client: signed(&client, &issuer),
            accounts: KeyPair::generate().unwrap(),
        }
    }

    /// Writes the files that the server reads, and `kubeconfig`.
    pub fn write(&self, dir: &Path, port: u16) {
        private(&dir.join("ca.crt"), &self.ca);
        private(&dir.join("server.crt"), &self.server.cert);
        private(&dir.join("server.key"), &self.server.key);
        private(&dir.join("accounts.key"), &self.accounts.serialize_pem());
        private(&dir.join("accounts.pub"), &self.accounts.public_key_pem());
        private(&dir.join("kubeconfig"), &self.kubeconfig(port));
    }

    fn kubeconfig(&self, port: u16) -> String {
        let data = |pem: &str| BASE64_STANDARD.encode(pem);
        format!(
            "apiVersion: v1\n\
             kind: Config\n\
             clusters:\n\
             - name: test\n\
            \x20 cluster:\n\
            \x20   server: https://127.0.0.1:{port}\n\
            \x20   certificate-authority-data: {ca}\n\
             users:\n\
             - name: admin\n\
            \x20 user:\n\
            \x20   client-certificate-data: {cert}\n\
            \x20   client-key-data: {key}\n\
             contexts:\n\
             - name: test\n\
            \x20 context:\n\
            \x20   cluster: test\n\
            \x20   user: admin\n\
             current-context: test\n",
            ca = data(&self.ca),
            cert = data(&self.client.cert),
            key = data(&self.client.key),
        )
    }
}

fn signed(params: &CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Pair {
    let key = KeyPair::generate().unwrap();
    Pair {
        cert: params.signed_by(&key, issuer).unwrap().pem(),
        key: key.serialize_pem(),
    }
}

fn private(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
