//! Flags and settings, put together.

use super::flags::{BecomeFlags, ConnectionFlags, HostFlags, WorkFlags};
use super::project::Project;
use crate::engine::RunOptions;
use crate::error::Diagnostic;
use crate::playbook::Config;
use std::io::{IsTerminal, stdin};
use std::path::Path;
use std::process::{Command, Stdio};

/// The flags that decide how hosts are worked on.
pub struct Flags<'f> {
    /// Which hosts.
    pub hosts: &'f HostFlags,
    /// What is done.
    pub work: &'f WorkFlags,
    /// How to reach them.
    pub connection: &'f ConnectionFlags,
    /// Whom to become.
    pub r#become: &'f BecomeFlags,
    /// How many `-v`.
    pub verbosity: u8,
}

impl Flags<'_> {
    /// Flags that Ansible has and hoist cannot honour.
    ///
    /// # Errors
    /// One of them was given.
    pub fn refuse(&self) -> Result<(), Diagnostic> {
        let refused = |flag: &str, why: &str, help: &str| {
            Err(Diagnostic::new(format!("`{flag}` is not supported: {why}")).with_help(help))
        };
        if self.connection.ask_pass || self.connection.connection_password_file.is_some() {
            return refused(
                "--ask-pass",
                "hosts are logged in to with keys only",
                "`ssh-copy-id USER@HOST` once, with the password, puts your key there",
            );
        }
        if !self.work.module_path.is_empty() {
            return refused(
                "--module-path",
                "modules are part of hoist",
                "`hoist doc --list` shows them",
            );
        }
        Ok(())
    }
}

/// Everything the engine needs to know: flags before the environment before `ansible.cfg`.
///
/// # Errors
/// A setting that makes no sense; a password that cannot be read.
pub fn run_options(
    flags: &Flags<'_>,
    project: &Project,
    sources: &[String],
) -> Result<RunOptions, Diagnostic> {
    let config = &project.config;
    not_built(config)?;
    let defaults = RunOptions::default();
    let (connection, become_flags) = (flags.connection, flags.r#become);
    let or = |given: &Option<String>, set: &Option<String>| given.clone().or_else(|| set.clone());
    let kind = or(&connection.connection, &config.transport);
    if let Some(kind) = kind
        .as_deref()
        .filter(|k| !matches!(*k, "ssh" | "local" | "smart"))
    {
        return Err(
            Diagnostic::new(format!("the connection `{kind}` is not supported"))
                .with_help("it is ssh or local"),
        );
    }
    let method = or(&become_flags.become_method, &config.become_method);
    if let Some(method) = method
        .as_deref()
        .filter(|m| !matches!(*m, "sudo" | "su" | "doas"))
    {
        return Err(
            Diagnostic::new(format!("becoming by `{method}` is not supported"))
                .with_help("it is sudo, su or doas"),
        );
    }
    let key = connection.private_key.clone();
    Ok(RunOptions {
        inventory: sources.to_vec(),
        limit: flags.hosts.limit.clone(),
        extra_vars: project.extra_vars.clone(),
        forks: flags
            .work
            .forks
            .map(usize::from)
            .or(config.forks)
            .unwrap_or(defaults.forks),
        remote_user: or(&connection.remote_user, &config.remote_user),
        become_default: if become_flags.r#become {
            Some(true)
        } else {
            config.become_
        },
        become_user: or(&become_flags.become_user, &config.become_user),
        become_method: method,
        become_password: become_password(become_flags, project)?,
        check: flags.work.check,
        diff: flags.work.diff || config.diff == Some(true),
        force_handlers: config.force_handlers == Some(true),
        private_key: key.or_else(|| config.private_key_file.clone()),
        timeout: connection
            .timeout
            .or(config.timeout)
            .unwrap_or(defaults.timeout),
        connection: kind.filter(|k| k != "smart"),
        ssh_args: ssh_args(connection, config)?,
        accept_new: connection.accept_new_host_keys || config.host_key_checking == Some(false),
        verbosity: flags.verbosity,
        gathering: config.gathering.clone().unwrap_or(defaults.gathering),
        ..defaults
    })
}

/// Settings that are read and that the engine has no use for yet.
fn not_built(config: &Config) -> Result<(), Diagnostic> {
    let strategy = config.strategy.as_deref().unwrap_or("linear");
    let settings = [
        (
            "remote_port",
            config.remote_port.is_some(),
            "set the variable `ansible_port`",
        ),
        (
            "become_exe",
            config.become_exe.is_some(),
            "`sudo`, `su` and `doas` are found by their names",
        ),
        (
            "become_flags",
            config.become_flags.is_some(),
            "leave it out; what hoist needs of them it gives itself",
        ),
        (
            "gather_subset",
            !config.gather_subset.is_empty(),
            "write it in the play",
        ),
        (
            "gather_timeout",
            config.gather_timeout.is_some(),
            "write it in the play",
        ),
        (
            "fact_path",
            config.fact_path.is_some(),
            "write it in the play",
        ),
        (
            "inject_facts_as_vars",
            config.inject_facts_as_vars == Some(false),
            "facts are always variables too",
        ),
        ("strategy", strategy != "linear", "write it in the play"),
        (
            "any_errors_fatal",
            config.any_errors_fatal == Some(true),
            "write it in the play",
        ),
    ];
    match settings.iter().find(|(_, set, _)| *set) {
        Some((name, _, help)) => {
            Err(Diagnostic::new(format!("the setting `{name}` is not supported")).with_help(*help))
        }
        None => Ok(()),
    }
}

/// Arguments of the settings and flags, without those about sharing connections, which hoist does itself.
fn ssh_args(flags: &ConnectionFlags, config: &Config) -> Result<Vec<String>, Diagnostic> {
    let mut out = Vec::new();
    for (name, given, set) in [
        ("ssh_args", &None, &config.ssh_args),
        (
            "ssh-common-args",
            &flags.ssh_common_args,
            &config.ssh_common_args,
        ),
        (
            "ssh-extra-args",
            &flags.ssh_extra_args,
            &config.ssh_extra_args,
        ),
    ] {
        let text = given.as_ref().or(set.as_ref()).map_or("", String::as_str);
        let words = shell_words::split(text)
            .map_err(|_| Diagnostic::new(format!("a quote in `{name}` is not closed")))?;
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let shares = |option: &str| option.trim_start().to_lowercase().starts_with("control");
            if word == "-o" && words.peek().is_some_and(|o| shares(o)) {
                words.next();
            } else if !word.strip_prefix("-o").is_some_and(shares) {
                out.push(word);
            }
        }
    }
    Ok(out)
}

fn become_password(flags: &BecomeFlags, project: &Project) -> Result<Option<String>, Diagnostic> {
    let file = &flags.become_password_file;
    let ask =
        flags.ask_become_pass || (file.is_none() && project.config.become_ask_pass == Some(true));
    let password = if ask {
        // the terminal may be there and belong to nobody
        if !stdin().is_terminal() && std::fs::File::open("/dev/tty").is_err() {
            return Err(
                Diagnostic::new("there is no terminal to ask for the become password on")
                    .with_help("`--become-password-file FILE` reads it from a file"),
            );
        }
        rpassword::prompt_password("BECOME password: ")
            .map_err(|e| Diagnostic::new(format!("cannot ask for the become password: {e}")))?
    } else if let Some(path) = file {
        read_password(path)?
    } else {
        return Ok(None);
    };
    project.secrets.add(&password);
    Ok(Some(password))
}

/// A file's only line, or what it prints when it is a program.
fn read_password(path: &Path) -> Result<String, Diagnostic> {
    use std::os::unix::fs::PermissionsExt;
    let shown = path.display();
    let wrong = |e: String| {
        Diagnostic::new(format!(
            "cannot read the become password from `{shown}`: {e}"
        ))
    };
    let meta = path.metadata().map_err(|e| wrong(e.to_string()))?;
    let bytes = if meta.is_file() && meta.permissions().mode() & 0o111 != 0 {
        // a bare name is one of this folder, not of PATH
        let program = std::path::absolute(path).map_err(|e| wrong(e.to_string()))?;
        let ran = Command::new(program)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output();
        let ran = ran.map_err(|e| wrong(e.to_string()))?;
        if !ran.status.success() {
            return Err(wrong(format!("it ended with {}", ran.status)));
        }
        ran.stdout
    } else {
        std::fs::read(path).map_err(|e| wrong(e.to_string()))?
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is no text".to_owned()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(wrong("it is empty".to_owned()));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::vault::VaultOptions;
    use std::os::unix::fs::PermissionsExt;

    fn options(
        connection: ConnectionFlags,
        become_flags: BecomeFlags,
    ) -> Result<RunOptions, Diagnostic> {
        let (hosts, work) = (HostFlags::default(), WorkFlags::default());
        let flags = Flags {
            hosts: &hosts,
            work: &work,
            connection: &connection,
            r#become: &become_flags,
            verbosity: 0,
        };
        flags.refuse()?;
        let project = Project::open(&VaultOptions::default(), &[]).unwrap();
        run_options(&flags, &project, &[])
    }

    #[test]
    fn what_cannot_be_honoured_is_said() {
        let told = |c: ConnectionFlags, b: BecomeFlags| options(c, b).unwrap_err().to_string();
        let connection = |kind: &str| ConnectionFlags {
            connection: Some(kind.into()),
            ..ConnectionFlags::default()
        };
        let ask = ConnectionFlags {
            ask_pass: true,
            ..ConnectionFlags::default()
        };
        insta::assert_snapshot!(told(ask, BecomeFlags::default()), @r"
        error: `--ask-pass` is not supported: hosts are logged in to with keys only
          help: `ssh-copy-id USER@HOST` once, with the password, puts your key there
        ");
        insta::assert_snapshot!(told(connection("docker"), BecomeFlags::default()), @r"
        error: the connection `docker` is not supported
          help: it is ssh or local
        ");
        let method = BecomeFlags {
            become_method: Some("runas".into()),
            ..BecomeFlags::default()
        };
        insta::assert_snapshot!(told(connection("ssh"), method), @r"
        error: becoming by `runas` is not supported
          help: it is sudo, su or doas
        ");
    }

    #[test]
    fn ssh_arguments_lose_what_shares_connections() {
        let flags = ConnectionFlags {
            ssh_common_args: Some(
                "-C -o ControlMaster=auto -oControlPersist=60s -o 'ProxyCommand=nc %h %p'".into(),
            ),
            ssh_extra_args: Some("-v".into()),
            ..ConnectionFlags::default()
        };
        let options = options(flags, BecomeFlags::default()).unwrap();
        assert_eq!(
            options.ssh_args,
            ["-C", "-o", "ProxyCommand=nc %h %p", "-v"]
        );
    }

    #[test]
    fn passwords_come_from_files_and_programs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        let read = |text: &str, mode: u32| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            read_password(&path).map_err(|d| {
                d.to_string()
                    .replace(&dir.path().display().to_string(), "DIR")
            })
        };
        assert_eq!(read(" s p \r\n", 0o600).unwrap(), " s p ");
        assert_eq!(read("#!/bin/sh\necho made\n", 0o700).unwrap(), "made");
        insta::assert_snapshot!(read("#!/bin/sh\nexit 3\n", 0o700).unwrap_err(), @"error: cannot read the become password from `DIR/p`: it ended with exit status: 3");
        insta::assert_snapshot!(read("\n", 0o600).unwrap_err(), @"error: cannot read the become password from `DIR/p`: it is empty");
    }
}
