//! A lab as an inventory.

use super::host::{LabHost, USER};
use super::state::State;
use std::path::Path;

/// The lab as an INI inventory: a group named after the lab, and all that ssh needs.
pub(super) fn inventory(state: &State, hosts: &[LabHost], dir: &Path) -> String {
    let group = state.name.replace('-', "_");
    let mut text = format!("[{group}]\n");
    for host in hosts {
        text.push_str(&format!("{} ansible_host={}", host.name, host.address));
        if host.relay.is_some() {
            text.push_str(&format!(" {}", common_args(host)));
        }
        text.push('\n');
    }
    text.push_str(&format!("\n[{group}:vars]\nansible_user={}\n", USER));
    let path = |name: &str| dir.join(name).display().to_string();
    text.push_str(&format!("ansible_ssh_private_key_file={}\n", path("key")));
    // The same for all hosts, but for those that say their own above.
    if let Some(host) = hosts.iter().find(|h| h.relay.is_none()) {
        text.push_str(&format!("{}\n", common_args(host)));
    }
    if state.sudo_password {
        // By file, so that showing the inventory does not show the password.
        text.push_str(&format!(
            "ansible_become_password=\"{{{{ lookup('file', '{}') }}}}\"\n",
            path("sudo-password")
        ));
    }
    text
}

/// Single quotes around and double quotes inside mean the same on a host's line, which Ansible splits into shell words,
/// and under `:vars`, where it reads a Python literal. No word of ours holds either.
fn common_args(host: &LabHost) -> String {
    let words: Vec<String> = host
        .options()
        .into_iter()
        .map(|word| match word.contains(' ') {
            true => format!("\"{word}\""),
            false => word,
        })
        .collect();
    format!("ansible_ssh_common_args='{}'", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Kind, LabHost};

    #[test]
    fn ini() {
        let state = State {
            name: "t-1".into(),
            number: 3,
            hosts: 2,
            kind: Kind::Debian,
            sudo_password: true,
            disk: None,
            base: "/b".into(),
        };
        let host = |i: u8| LabHost {
            name: format!("t-1-{i}"),
            address: std::net::Ipv4Addr::new(10, 77, 3, 10 + i),
            key: "/l/key".into(),
            known_hosts: "/l/known_hosts".into(),
            user: "hoist".into(),
            relay: (i == 2).then(|| crate::lab::Relay {
                program: "/b/hoist".into(),
                milliseconds: 50,
            }),
        };
        insta::assert_snapshot!(inventory(&state, &[host(1), host(2)], Path::new("/l")), @r#"
        [t_1]
        t-1-1 ansible_host=10.77.3.11
        t-1-2 ansible_host=10.77.3.12 ansible_ssh_common_args='-oUserKnownHostsFile=/l/known_hosts -oStrictHostKeyChecking=yes -oIdentitiesOnly=yes "-oProxyCommand=/b/hoist lab relay %h %p 50"'

        [t_1:vars]
        ansible_user=hoist
        ansible_ssh_private_key_file=/l/key
        ansible_ssh_common_args='-oUserKnownHostsFile=/l/known_hosts -oStrictHostKeyChecking=yes -oIdentitiesOnly=yes'
        ansible_become_password="{{ lookup('file', '/l/sudo-password') }}"
        "#);
    }
}
