//! A site that is being made: its hosts, and the files that say so.

use crate::error::Diagnostic;
use std::path::PathBuf;

/// A host as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) name: String,
    pub(super) address: Option<String>,
    pub(super) port: Option<u16>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub(super) struct NewSite {
    pub(super) name: String,
    pub(super) servers: Vec<Machine>,
    pub(super) agents: Vec<Machine>,
    pub(super) user: String,
    pub(super) key: Option<PathBuf>,
    pub(super) api_address: Option<String>,
    pub(super) kube_vip: bool,
}

const CONFIG: &str = "[defaults]\ninventory = inventory/hosts.yml\n# Opens what `hoist vault` encrypts. Keep a copy of it in a safe place, and out of git.\nvault_password_file = .vault-password\n";

impl NewSite {
    /// The files of the site, by their names.
    pub(super) fn files(&self) -> Vec<(&'static str, String)> {
        vec![
            ("inventory/hosts.yml", self.hosts()),
            ("inventory/group_vars/all.yml", self.vars()),
            ("ansible.cfg", CONFIG.to_owned()),
        ]
    }

    fn hosts(&self) -> String {
        let mut text = format!("# The hosts of the site {}.\n", self.name);
        let parts = [
            (
                "k3s_server",
                "These run the API and the data store.",
                &self.servers,
            ),
            ("k3s_agent", "These run only pods.", &self.agents),
        ];
        for (group, what, machines) in parts {
            text.push_str(&format!("{group}: # {what}\n"));
            text.push_str(if machines.is_empty() {
                "  hosts: {}\n"
            } else {
                "  hosts:\n"
            });
            for machine in machines {
                text.push_str(&format!("    {}:\n", quoted(&machine.name)));
                if let Some(address) = &machine.address {
                    text.push_str(&format!("      ansible_host: {}\n", quoted(address)));
                }
                if let Some(port) = machine.port {
                    text.push_str(&format!("      ansible_port: {port}\n"));
                }
            }
        }
        text
    }

    fn vars(&self) -> String {
        let mut text = format!(
            "# How hoist logs in.\nansible_user: {}\n{}ansible_become: true\n\n# The cluster's name in your kubeconfig.\nsite_name: {}\n",
            quoted(&self.user),
            match &self.key {
                Some(key) => format!(
                    "ansible_ssh_private_key_file: {}\n",
                    quoted(&key.display().to_string())
                ),
                None => String::new(),
            },
            quoted(&self.name)
        );
        if let Some(address) = &self.api_address {
            text.push_str(&format!(
                "\n# Stands for all servers.\nk3s_api_address: {}\nk3s_kube_vip: {}\n",
                quoted(address),
                self.kube_vip
            ));
        }
        text.push_str("\n# Everything else that can be set stands, with its default, in roles/k3s/defaults/main.yml and\n# roles/host_prep/defaults/main.yml. Secrets: `hoist vault encrypt_string`, which takes the password in .vault-password.\n");
        text
    }
}

/// Lower-case letters, digits and `-`.
pub(super) fn simple(text: &str) -> String {
    let keep = |c: char| match c {
        c if c.is_ascii_alphanumeric() => Some(c.to_ascii_lowercase()),
        ' ' | '_' | '.' | '-' => Some('-'),
        _ => None,
    };
    let kept: String = text.chars().filter_map(keep).collect();
    kept.trim_matches('-').to_owned()
}

/// A scalar of YAML: as it is where that is safe.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._/~-".contains(c);
    let number = text.parse::<f64>().is_ok();
    let word = matches!(
        text.to_lowercase().as_str(),
        "yes" | "no" | "on" | "off" | "true" | "false" | "null" | "~" | "y" | "n"
    );
    if !text.is_empty()
        && !number
        && !word
        && !text.starts_with(['-', '.'])
        && text.chars().all(plain)
    {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// `NAME=ADDRESS`, `ADDRESS` or `NAME`, each with `:PORT` or not.
pub(super) fn machine(word: &str, number: &mut usize) -> Result<Machine, Diagnostic> {
    *number += 1;
    let wrong = |why: &str| {
        Diagnostic::new(format!("`{word}` is no host: {why}"))
            .with_help("write NAME=ADDRESS, as in one=192.168.1.11, or one=192.168.1.11:2222")
    };
    let (name, address) = match word.split_once('=') {
        Some((name, address)) => (Some(name), address),
        None => (None, word),
    };
    let is_ip = |text: &str| text.parse::<std::net::IpAddr>().is_ok();
    let (address, port) = match address.rsplit_once(':') {
        Some((host, port)) if !is_ip(address) => {
            let port = port.parse().map_err(|_| wrong("the port is no number"))?;
            (host.trim_matches(['[', ']']), Some(port))
        }
        _ => (address.trim_matches(['[', ']']), None),
    };
    if address.is_empty() {
        return Err(wrong("it has no address"));
    }
    let ok = |text: &str| {
        let fine = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        !text.is_empty() && text.chars().all(fine)
    };
    if !is_ip(address) && !ok(address) {
        return Err(wrong("the address is neither an IP address nor a name"));
    }
    let machine = match name {
        Some(name) if !ok(name) => return Err(wrong("the name is no host name")),
        Some(name) => Machine {
            name: name.to_owned(),
            address: Some(address.to_owned()),
            port,
        },
        None if is_ip(address) => Machine {
            name: format!("node-{number}"),
            address: Some(address.to_owned()),
            port,
        },
        None => Machine {
            name: address.to_owned(),
            address: None,
            port,
        },
    };
    Ok(machine)
}
