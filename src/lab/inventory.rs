//! A lab as an inventory.

use super::host::{LabHost, USER};
use super::state::State;
use std::path::Path;

/// The lab as an INI inventory: a group named after the lab, and all that ssh needs.
pub(super) fn inventory(state: &State, hosts: &[LabHost], dir: &Path) -> String {
    let group = state.name.replace('-', "_");
    let mut text = format!("[{group}]\n");
    for host in hosts {
        text.push_str(&format!("{} ansible_host={}\n", host.name, host.address));
    }
    text.push_str(&format!("\n[{group}:vars]\nansible_user={}\n", USER));
    let path = |name: &str| dir.join(name).display().to_string();
    text.push_str(&format!("ansible_ssh_private_key_file={}\n", path("key")));
    text.push_str(&format!(
        "ansible_ssh_common_args='-o UserKnownHostsFile={} -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes'\n",
        path("known_hosts")
    ));
    if state.sudo_password {
        // By file, so that showing the inventory does not show the password.
        text.push_str(&format!(
            "ansible_become_password=\"{{{{ lookup('file', '{}') }}}}\"\n",
            path("sudo-password")
        ));
    }
    text
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
            slow: Default::default(),
            base: "/b".into(),
        };
        let host = |i: u8| LabHost {
            name: format!("t-1-{i}"),
            address: std::net::Ipv4Addr::new(10, 77, 3, 10 + i),
            key: "/l/key".into(),
            known_hosts: "/l/known_hosts".into(),
            user: "hoist".into(),
        };
        insta::assert_snapshot!(inventory(&state, &[host(1), host(2)], Path::new("/l")), @r#"
        [t_1]
        t-1-1 ansible_host=10.77.3.11
        t-1-2 ansible_host=10.77.3.12

        [t_1:vars]
        ansible_user=hoist
        ansible_ssh_private_key_file=/l/key
        ansible_ssh_common_args='-o UserKnownHostsFile=/l/known_hosts -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes'
        ansible_become_password="{{ lookup('file', '/l/sudo-password') }}"
        "#);
    }
}
