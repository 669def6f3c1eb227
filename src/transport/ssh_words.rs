//! Reading ssh's last words.

use super::LinkError;

/// Turns what ssh wrote on stderr when it could not connect into the error to show.
pub(super) fn classify(stderr: &str, destination: &str) -> LinkError {
    let lines: Vec<&str> = stderr
        .lines()
        .map(str::trim)
        .filter(|l| {
            !l.is_empty() && !l.starts_with("debug") && !l.starts_with("Warning: Permanently added")
        })
        .collect();
    let has = |words: &str| lines.iter().any(|l| l.contains(words));
    let after = |words: &str| {
        lines
            .iter()
            .find_map(|l| l.split_once(words).map(|(_, rest)| rest.trim().to_owned()))
    };
    if has("REMOTE HOST IDENTIFICATION HAS CHANGED")
        || has("has changed and you have requested strict checking")
    {
        let place = lines
            .iter()
            .find(|l| l.starts_with("Offending"))
            .and_then(|l| l.split_once(" key in ").or_else(|| l.split_once(" in ")))
            .map(|(_, place)| format!(", the known one is in {place}"))
            .unwrap_or_default();
        let remedy = lines
            .iter()
            .find(|l| l.starts_with("ssh-keygen"))
            .map_or_else(
                || format!("ssh-keygen -R {destination}"),
                |l| (*l).to_owned(),
            );
        return LinkError::HostKey(format!(
            "the key of `{destination}` has changed{place}: refused, nothing was sent; if the host was set up anew, \
             run `{remedy}` and connect again"
        ));
    }
    if has("host key is known for") || has("Host key verification failed") {
        return LinkError::HostKey(format!(
            "the key of `{destination}` is not in known_hosts: refused, nothing was sent; connect once with \
             `ssh` to check its fingerprint, or use `--accept-new` to take the keys of hosts never seen before"
        ));
    }
    if let Some(line) = lines.iter().find(|l| {
        l.contains("Permission denied (")
            || l.contains("Too many authentication failures")
            || l.contains("No supported authentication methods")
    }) {
        return LinkError::Auth(format!(
            "{line}; no key of the agent or of ssh_config was accepted, and hoist never asks for passwords"
        ));
    }
    if has("UNKNOWN port 65535") {
        // ssh sends the words of the jump host's own ssh to nowhere when it goes to the background.
        let proxy: Vec<&str> = lines
            .iter()
            .filter(|l| !l.contains("UNKNOWN port 65535"))
            .copied()
            .collect();
        let said = if proxy.is_empty() {
            "it said nothing".to_owned()
        } else {
            proxy.join("; ")
        };
        return LinkError::Connect(format!(
            "the ProxyJump or ProxyCommand of `{destination}` ended before it connected ({said}); try `ssh {destination}` by hand"
        ));
    }
    if let Some(name) = after("Could not resolve hostname ") {
        return LinkError::Connect(format!("cannot resolve the name {name}"));
    }
    if let Some(rest) = after("connect to host ") {
        return LinkError::Connect(rest);
    }
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    if last.is_empty() {
        LinkError::Connect(format!("ssh to `{destination}` ended without a word"))
    } else {
        LinkError::Connect(last)
    }
}

/// Whether the server dropped us before it knew who we are, as sshd does when too many connect at once (`MaxStartups`).
pub(super) fn was_crowded_out(stderr: &str) -> bool {
    stderr.contains("kex_exchange_identification")
        || stderr.contains("ssh_exchange_identification")
        || stderr.contains("banner exchange")
        || (stderr.contains("Connection closed by") || stderr.contains("Connection reset by"))
            && !stderr.contains("UNKNOWN port 65535")
            && !stderr.contains("Permission denied")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_ssh() {
        let say = |text: &str| format!("{}", classify(text, "web1"));
        insta::assert_snapshot!(say("@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nOffending ECDSA key in /root/.ssh/known_hosts:3\n  remove with:\n  ssh-keygen -f \"/root/.ssh/known_hosts\" -R \"web1\"\nHost key verification failed."), @r#"host key verification failed: the key of `web1` has changed, the known one is in /root/.ssh/known_hosts:3: refused, nothing was sent; if the host was set up anew, run `ssh-keygen -f "/root/.ssh/known_hosts" -R "web1"` and connect again"#);
        insta::assert_snapshot!(say("No ED25519 host key is known for web1 and you have requested strict checking.\r\nHost key verification failed.\r\n"), @"host key verification failed: the key of `web1` is not in known_hosts: refused, nothing was sent; connect once with `ssh` to check its fingerprint, or use `--accept-new` to take the keys of hosts never seen before");
        insta::assert_snapshot!(say("root@web1: Permission denied (publickey,password)."), @"permission denied: root@web1: Permission denied (publickey,password).; no key of the agent or of ssh_config was accepted, and hoist never asks for passwords");
        insta::assert_snapshot!(say("ssh: connect to host 10.0.0.9 port 22: Connection refused"), @"failed to connect: 10.0.0.9 port 22: Connection refused");
        insta::assert_snapshot!(say("ssh: Could not resolve hostname web1: Name or service not known"), @"failed to connect: cannot resolve the name web1: Name or service not known");
        insta::assert_snapshot!(say("kex_exchange_identification: Connection closed by remote host\r\nConnection closed by UNKNOWN port 65535"), @"failed to connect: the ProxyJump or ProxyCommand of `web1` ended before it connected (kex_exchange_identification: Connection closed by remote host); try `ssh web1` by hand");
        insta::assert_snapshot!(say(""), @"failed to connect: ssh to `web1` ended without a word");
    }

    #[test]
    fn a_crowded_server_is_told_from_a_refusal() {
        assert!(was_crowded_out(
            "kex_exchange_identification: read: Connection reset by peer"
        ));
        assert!(!was_crowded_out(
            "root@web1: Permission denied (publickey)."
        ));
        assert!(!was_crowded_out(
            "ssh: connect to host web1 port 22: Connection refused"
        ));
    }
}
