//! `Config`: K3s's settings, from its command line, `config.yaml` and `config.yaml.d`.

use crate::simulation::manifest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the settings stand when nothing else is said.
pub const PLACE: &str = "/etc/rancher/k3s/config.yaml";

/// Keys that the simulation acts on.
const USED: &[&str] = &[
    "advertise-address",
    "agent-token",
    "agent-token-file",
    "bind-address",
    "cluster-cidr",
    "cluster-domain",
    "cluster-init",
    "cluster-reset",
    "cluster-reset-restore-path",
    "config",
    "data-dir",
    "disable",
    "disable-controller-manager",
    "etcd-snapshot-dir",
    "etcd-snapshot-name",
    "etcd-snapshot-retention",
    "https-listen-port",
    "node-external-ip",
    "node-ip",
    "node-label",
    "node-name",
    "node-taint",
    "rootless",
    "server",
    "service-cidr",
    "tls-san",
    "token",
    "token-file",
    "write-kubeconfig",
    "write-kubeconfig-mode",
];

/// Keys of K3s that mean nothing where there are no containers and no network; they are taken and have no effect.
const WITHOUT_EFFECT: &[&str] = &[
    "airgap-extra-registry",
    "alsologtostderr",
    "cluster-dns",
    "container-runtime-endpoint",
    "datastore-cafile",
    "datastore-certfile",
    "datastore-endpoint",
    "datastore-keyfile",
    "debug",
    "default-local-storage-path",
    "default-runtime",
    "disable-agent",
    "disable-apiserver",
    "disable-apiserver-lb",
    "disable-cloud-controller",
    "disable-default-registry-endpoint",
    "disable-etcd",
    "disable-helm-controller",
    "disable-kube-proxy",
    "disable-network-policy",
    "disable-scheduler",
    "docker",
    "egress-selector-mode",
    "embedded-registry",
    "enable-pprof",
    "etcd-arg",
    "etcd-disable-snapshots",
    "etcd-expose-metrics",
    "etcd-s3",
    "etcd-s3-access-key",
    "etcd-s3-bucket",
    "etcd-s3-config-secret",
    "etcd-s3-endpoint",
    "etcd-s3-endpoint-ca",
    "etcd-s3-folder",
    "etcd-s3-insecure",
    "etcd-s3-region",
    "etcd-s3-secret-key",
    "etcd-s3-skip-ssl-verify",
    "etcd-s3-timeout",
    "etcd-snapshot-compress",
    "etcd-snapshot-schedule-cron",
    "flannel-backend",
    "flannel-conf",
    "flannel-cni-conf",
    "flannel-external-ip",
    "flannel-iface",
    "flannel-ipv6-masq",
    "helm-controller-arg",
    "helm-job-image",
    "image-credential-provider-bin-dir",
    "image-credential-provider-config",
    "image-service-endpoint",
    "kube-apiserver-arg",
    "kube-cloud-controller-manager-arg",
    "kube-controller-manager-arg",
    "kube-proxy-arg",
    "kube-scheduler-arg",
    "kubelet-arg",
    "kubelet-config",
    "lb-server-port",
    "log",
    "node-external-dns",
    "node-internal-dns",
    "nonroot-devices",
    "pause-image",
    "prefer-bundled-bin",
    "private-registry",
    "protect-kernel-defaults",
    "resolv-conf",
    "secrets-encryption",
    "secrets-encryption-provider",
    "selinux",
    "service-node-port-range",
    "servicelb-namespace",
    "snapshotter",
    "supervisor-metrics",
    "system-default-registry",
    "tls-san-security",
    "v",
    "vmodule",
    "vpn-auth",
    "vpn-auth-file",
    "with-node-id",
    "write-kubeconfig-group",
    "write-kubeconfig-name",
];

/// Keys that only servers have.
const SERVER_ONLY: &[&str] = &[
    "agent-token",
    "agent-token-file",
    "cluster-cidr",
    "cluster-domain",
    "cluster-init",
    "cluster-reset",
    "cluster-reset-restore-path",
    "disable",
    "https-listen-port",
    "service-cidr",
    "tls-san",
    "write-kubeconfig",
    "write-kubeconfig-mode",
];

/// Keys that hold a list: giving one again adds to it.
const LISTS: &[&str] = &[
    "disable",
    "node-external-ip",
    "node-ip",
    "node-label",
    "node-taint",
    "tls-san",
];

/// The settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    values: BTreeMap<String, Vec<String>>,
}

impl Config {
    /// The settings of a command (`server`, `agent`, …) from its arguments and the files.
    ///
    /// # Errors
    /// A file that cannot be read, and keys that K3s does not have. (The real K3s warns of those and goes on; a
    /// rehearsal is there to find them.)
    pub fn read(command: &str, arguments: &[String]) -> Result<Config, String> {
        let given = Config::flags(arguments)?;
        let place = given.text("config");
        let named = !place.is_empty();
        let place = PathBuf::from(if named { place } else { PLACE });
        let mut config = Config::default();
        if named || place.exists() {
            config.take(&place)?;
        }
        for path in drop_ins(&place) {
            config.take(&path)?;
        }
        config.take_environment();
        for (key, values) in given.values {
            config.values.insert(key, values);
        }
        config.check(command)?;
        Ok(config)
    }

    fn take_environment(&mut self) {
        for (variable, key) in [
            ("K3S_TOKEN", "token"),
            ("K3S_TOKEN_FILE", "token-file"),
            ("K3S_URL", "server"),
            ("K3S_AGENT_TOKEN", "agent-token"),
            ("K3S_NODE_NAME", "node-name"),
            ("K3S_DATA_DIR", "data-dir"),
        ] {
            if let Ok(value) = std::env::var(variable)
                && !value.is_empty()
            {
                self.values
                    .entry(key.to_owned())
                    .or_insert_with(|| vec![value]);
            }
        }
    }

    /// Reads `--key value`, `--key=value` and `--key`.
    fn flags(arguments: &[String]) -> Result<Config, String> {
        let mut config = Config::default();
        let mut rest = arguments.iter().peekable();
        while let Some(argument) = rest.next() {
            let flag = argument.trim_start_matches('-');
            if flag.len() == argument.len() {
                return Err(format!("an argument that is no flag: {argument:?}"));
            }
            let (key, value) = match flag.split_once('=') {
                Some((key, value)) => (key, value.to_owned()),
                None => {
                    let switch = matches!(
                        flag,
                        "cluster-init"
                            | "cluster-reset"
                            | "debug"
                            | "etcd-s3"
                            | "selinux"
                            | "docker"
                            | "rootless"
                            | "secrets-encryption"
                            | "embedded-registry"
                            | "protect-kernel-defaults"
                            | "prefer-bundled-bin"
                    );
                    match rest.peek() {
                        Some(next) if !switch && !next.starts_with('-') => {
                            let value = (*next).clone();
                            rest.next();
                            (flag, value)
                        }
                        _ => (flag, "true".to_owned()),
                    }
                }
            };
            let key = match key {
                "t" => "token",
                "s" => "server",
                "c" => "config",
                "d" => "data-dir",
                "o" => "write-kubeconfig",
                key => key,
            };
            config.values.entry(key.to_owned()).or_default().push(value);
        }
        Ok(config)
    }

    fn take(&mut self, path: &Path) -> Result<(), String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let name = path.display().to_string();
        let documents = manifest::read_all(&name, &text)?;
        for document in documents {
            let Value::Object(map) = document else {
                return Err(format!(
                    "{name}: the settings must be a mapping of keys to values"
                ));
            };
            for (key, value) in map {
                let (key, adds) = match key.strip_suffix('+') {
                    Some(key) => (key.to_owned(), true),
                    None => (key, false),
                };
                let values = match value {
                    Value::Array(items) => items.iter().map(plain).collect(),
                    Value::Null => continue,
                    other => vec![plain(&other)],
                };
                let entry = self.values.entry(key).or_default();
                if !adds {
                    entry.clear();
                }
                entry.extend(values);
            }
        }
        Ok(())
    }

    fn check(&self, command: &str) -> Result<(), String> {
        for key in self.values.keys().map(String::as_str) {
            let known = USED.contains(&key) || WITHOUT_EFFECT.contains(&key);
            if !known {
                let near = crate::error::nearest(key, USED.iter().chain(WITHOUT_EFFECT).copied());
                let hint = near
                    .map(|it| format!("; did you mean `{it}`?"))
                    .unwrap_or_default();
                return Err(format!(
                    "unknown key `{key}` in the settings of K3s{hint} (the real K3s would say \"Unknown flag --{key} found in config.yaml, skipping\" and go on)"
                ));
            }
            if command == "agent" && SERVER_ONLY.contains(&key) {
                return Err(format!(
                    "the key `{key}` is for servers; an agent does not have it"
                ));
            }
        }
        if !self.text("datastore-endpoint").is_empty() {
            return Err(
                "an external datastore is not simulated (key `datastore-endpoint`)".to_owned(),
            );
        }
        Ok(())
    }

    /// The value of a key, empty when it is not set.
    pub fn text(&self, key: &str) -> &str {
        let values = self.values.get(key);
        values.and_then(|it| it.last()).map_or("", String::as_str)
    }

    /// The values of a key; commas separate them too.
    pub fn list(&self, key: &str) -> Vec<String> {
        let values = self.values.get(key).map_or(&[][..], Vec::as_slice);
        let split = LISTS.contains(&key);
        let parts = values
            .iter()
            .flat_map(|it| it.split(move |c| split && c == ','));
        parts
            .map(|it| it.trim().to_owned())
            .filter(|it| !it.is_empty())
            .collect()
    }

    /// Whether a switch is on.
    pub fn is_on(&self, key: &str) -> bool {
        self.text(key) == "true"
    }

    /// The folder of everything that K3s keeps.
    pub fn data(&self) -> PathBuf {
        match self.text("data-dir") {
            "" => PathBuf::from("/var/lib/rancher/k3s"),
            folder => PathBuf::from(folder),
        }
    }

    /// Where the node keeps its password: by K3s's own rule in `/etc`, or with the data where it runs without root.
    pub fn node_password(&self) -> PathBuf {
        let root = if self.is_on("rootless") {
            self.data().join("agent")
        } else {
            PathBuf::from("/")
        };
        root.join("etc/rancher/node/password")
    }

    /// The port of the API.
    pub fn port(&self) -> Result<u16, String> {
        match self.text("https-listen-port") {
            "" => Ok(6443),
            text => text
                .parse()
                .map_err(|_| format!("https-listen-port: no port: {text:?}")),
        }
    }

    /// A secret that is given itself or in a file.
    pub fn secret(&self, key: &str) -> Result<String, String> {
        let file = self.text(&format!("{key}-file"));
        if file.is_empty() || !self.text(key).is_empty() {
            return Ok(self.text(key).to_owned());
        }
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read {file}: {error}"))?;
        Ok(text.trim().to_owned())
    }
}

fn drop_ins(place: &Path) -> Vec<PathBuf> {
    let mut folder = place.as_os_str().to_owned();
    folder.push(".d");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|it| it.path())
        .filter(|it| it.extension().is_some_and(|it| it == "yaml" || it == "yml"))
        .collect();
    paths.sort();
    paths
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, arguments: &[&str]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("config.yaml");
        std::fs::write(&place, text).unwrap();
        let mut all = vec![format!("--config={}", place.display())];
        all.extend(arguments.iter().map(|it| (*it).to_owned()));
        Config::read("server", &all)
    }

    #[test]
    fn files_and_flags() {
        let text = "cluster-init: true\ntls-san: [a, b]\nnode-label:\n  - x=1\nwrite-kubeconfig-mode: '0600'\n";
        let config = read(text, &["--token", "t", "--node-name=n", "--debug"]).unwrap();
        assert!(config.is_on("cluster-init"));
        assert_eq!(config.list("tls-san"), ["a", "b"]);
        assert_eq!(config.text("token"), "t");
        assert_eq!(config.text("node-name"), "n");
        assert_eq!(config.text("write-kubeconfig-mode"), "0600");
    }

    #[test]
    fn unknown_keys() {
        insta::assert_snapshot!(read("tls-sans: [a]\n", &[]).unwrap_err(), @r#"unknown key `tls-sans` in the settings of K3s; did you mean `tls-san`? (the real K3s would say "Unknown flag --tls-sans found in config.yaml, skipping" and go on)"#);
        insta::assert_snapshot!(read("- a\n", &[]).unwrap_err().lines().next().unwrap().rsplit('/').next().unwrap(), @"config.yaml: the settings must be a mapping of keys to values");
    }
}
