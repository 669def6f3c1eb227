//! Flags and settings, put together.

use super::flags::{BecomeFlags, ConnectionFlags, HostFlags, WorkFlags};
use super::project::Project;
use crate::engine::RunOptions;
use crate::error::Diagnostic;
use crate::playbook::Config;
use crate::value::{Map, Value};
use std::io::{IsTerminal, stdin};
use std::path::{Path, PathBuf};
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
        gather: gather(config),
        inject_facts: config.inject_facts_as_vars != Some(false),
        strategy: config.strategy.clone().unwrap_or(defaults.strategy),
        any_errors_fatal: config.any_errors_fatal == Some(true),
        task_timeout: config.task_timeout.unwrap_or(0) as f64,
        remote_port: config.remote_port,
        become_flags: config.become_flags.clone(),
        become_exe: config.become_exe.clone(),
        ..defaults
    })
}

/// What plays gather that do not say it.
fn gather(config: &Config) -> Map {
    let subset = (!config.gather_subset.is_empty()).then(|| {
        let words = config.gather_subset.iter();
        Value::list(words.map(|w| Value::from(w.as_str())))
    });
    let timeout = config.gather_timeout.map(|t| Value::from(t as i64));
    let path = config.fact_path.as_deref().map(Value::from);
    [
        ("gather_subset", subset),
        ("gather_timeout", timeout),
        ("fact_path", path),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

/// What the lookup `config` gives: the settings by Ansible's names, with the flags laid over them.
pub fn settings(options: &RunOptions, config: &Config) -> Map {
    let text = |v: &Option<String>| v.as_deref().map_or(Value::Null, Value::from);
    let or = |v: &Option<String>, default: &str| Value::from(v.as_deref().unwrap_or(default));
    let path = |v: &Option<PathBuf>| {
        v.as_ref()
            .map_or(Value::Null, |p| Value::from(p.display().to_string()))
    };
    let texts = |v: &[String]| Value::list(v.iter().map(|s| Value::from(s.as_str())));
    let roles: Vec<String> = config
        .roles_path
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    let port = options.remote_port.map(|p| Value::from(i64::from(p)));
    [
        ("ANY_ERRORS_FATAL", options.any_errors_fatal.into()),
        ("CONFIG_FILE", path(&config.path)),
        (
            "DEFAULT_BECOME",
            options.become_default.unwrap_or(false).into(),
        ),
        (
            "DEFAULT_BECOME_ASK_PASS",
            config.become_ask_pass.unwrap_or(false).into(),
        ),
        ("DEFAULT_BECOME_EXE", text(&options.become_exe)),
        ("DEFAULT_BECOME_FLAGS", or(&options.become_flags, "")),
        ("DEFAULT_BECOME_METHOD", or(&options.become_method, "sudo")),
        ("DEFAULT_BECOME_USER", or(&options.become_user, "root")),
        ("DEFAULT_FORCE_HANDLERS", options.force_handlers.into()),
        ("DEFAULT_FORKS", (options.forks as i64).into()),
        ("DEFAULT_GATHERING", Value::from(options.gathering.as_str())),
        ("DEFAULT_HASH_BEHAVIOUR", "replace".into()),
        ("DEFAULT_HOST_LIST", texts(&options.inventory)),
        ("DEFAULT_NO_LOG", false.into()),
        ("DEFAULT_PRIVATE_KEY_FILE", path(&options.private_key)),
        ("DEFAULT_REMOTE_PORT", port.unwrap_or(Value::Null)),
        ("DEFAULT_REMOTE_USER", text(&options.remote_user)),
        ("DEFAULT_ROLES_PATH", texts(&roles)),
        ("DEFAULT_STRATEGY", Value::from(options.strategy.as_str())),
        ("DEFAULT_TIMEOUT", (options.timeout as i64).into()),
        ("DEFAULT_TRANSPORT", or(&options.connection, "ssh")),
        (
            "DEFAULT_VAULT_IDENTITY_LIST",
            texts(&config.vault_identity_list),
        ),
        (
            "DEFAULT_VAULT_PASSWORD_FILE",
            path(&config.vault_password_file),
        ),
        ("DIFF_ALWAYS", options.diff.into()),
        ("HOST_KEY_CHECKING", (!options.accept_new).into()),
        ("INJECT_FACTS_AS_VARS", options.inject_facts.into()),
        ("TAGS_RUN", texts(&options.tags)),
        ("TAGS_SKIP", texts(&options.skip_tags)),
        ("TASK_TIMEOUT", (options.task_timeout as i64).into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
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
    let file = flags
        .become_password_file
        .as_ref()
        .or(project.config.become_password_file.as_ref());
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
        let project = Project::open(&VaultOptions::default(), &[], &Default::default()).unwrap();
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
    fn every_setting_that_can_be_asked_for_has_a_value() {
        let options = options(ConnectionFlags::default(), BecomeFlags::default()).unwrap();
        let names: Vec<String> = settings(&options, &Config::default())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, crate::template::lookups::SETTINGS);
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
