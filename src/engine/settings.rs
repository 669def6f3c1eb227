//! A task's keywords on one host, rendered: how to connect, whom to become, what to do with failures.

use super::place::Place;
use super::run::Run;
use crate::error::Diagnostic;
use crate::playbook::{Common, Located, Task};
use crate::template::Scope;
use crate::transport::{Account, Become, Target};
use crate::value::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

type Picker = for<'a> fn(&'a Common) -> Option<&'a Located>;

/// Renders keywords of one task on one host.
pub(super) struct Keywords<'a> {
    pub run: &'a Run,
    pub place: &'a Place,
    pub task: &'a Task,
    pub scope: &'a Arc<dyn Scope>,
}

impl Keywords<'_> {
    /// The keyword's rendered value; `None` when nobody gave it, or it rendered to nothing or `omit`.
    pub(super) fn value(&self, pick: Picker) -> Result<Option<Value>, Diagnostic> {
        let Some(located) = self.place.keyword(self.task, pick) else {
            return Ok(None);
        };
        let value = self.resolve(located)?;
        Ok(match value {
            Value::Null | Value::Omit => None,
            Value::Str(s) if s.is_empty() => None,
            other => Some(other),
        })
    }

    /// Renders one value.
    pub(super) fn resolve(&self, located: &Located) -> Result<Value, Diagnostic> {
        self.run
            .templar
            .resolve(self.scope, located)
            .map_err(|e| e.with_span(&located.span))
    }

    pub(super) fn text(&self, pick: Picker) -> Result<Option<String>, Diagnostic> {
        Ok(self.value(pick)?.map(|v| v.to_string()))
    }

    /// A boolean keyword. `name` is for the message when it is none.
    pub(super) fn flag(&self, name: &str, pick: Picker) -> Result<Option<bool>, Diagnostic> {
        let Some(value) = self.value(pick)? else {
            return Ok(None);
        };
        let wrong = || {
            Diagnostic::new(format!(
                "`{name}` must be a boolean, not {} `{value}`",
                value.kind()
            ))
        };
        value.to_bool().ok_or_else(wrong).map(Some)
    }

    pub(super) fn number(
        &self,
        name: &str,
        located: Option<&Located>,
    ) -> Result<Option<f64>, Diagnostic> {
        let Some(located) = located else {
            return Ok(None);
        };
        match self.resolve(located)? {
            Value::Null | Value::Omit => Ok(None),
            Value::Int(i) => Ok(Some(i as f64)),
            Value::Float(f) => Ok(Some(f)),
            other => other.to_string().trim().parse().map(Some).map_err(|_| {
                Diagnostic::at(
                    &located.span,
                    format!("`{name}` must be a number, not {} `{other}`", other.kind()),
                )
            }),
        }
    }

    /// `environment`, the inner levels laid over the outer.
    pub(super) fn environment(&self) -> Result<BTreeMap<String, String>, Diagnostic> {
        let mut all = BTreeMap::new();
        for located in self.place.commons(self.task).flat_map(|c| &c.environment) {
            match self.resolve(located)? {
                Value::Map(map) => {
                    all.extend(
                        map.iter()
                            .filter(|(_, v)| **v != Value::Omit)
                            .map(|(k, v)| (k.clone(), v.to_string())),
                    );
                }
                Value::Null | Value::Omit => {}
                other => {
                    return Err(Diagnostic::at(
                        &located.span,
                        format!("`environment` must be a mapping, not {}", other.kind()),
                    ));
                }
            }
        }
        Ok(all)
    }

    /// `module_defaults` for a module, the inner levels laid over the outer. Names of groups (`group/…`) were refused at load time.
    pub(super) fn module_defaults(&self, spec: &crate::modules::Spec) -> Result<Map, Diagnostic> {
        let mut all = Map::new();
        for located in self
            .place
            .commons(self.task)
            .flat_map(|c| &c.module_defaults)
        {
            let Value::Map(defaults) = &located.value else {
                continue;
            };
            for (name, arguments) in defaults.iter().filter(|(name, _)| spec.answers_to(name)) {
                match self
                    .run
                    .templar
                    .resolve(self.scope, arguments)
                    .map_err(|e| e.with_span(&located.span))?
                {
                    Value::Map(map) => all.extend(map.iter().map(|(k, v)| (k.clone(), v.clone()))),
                    other => {
                        return Err(Diagnostic::at(
                            &located.span,
                            format!(
                                "`module_defaults` of `{name}` must be a mapping, not {}",
                                other.kind()
                            ),
                        ));
                    }
                }
            }
        }
        Ok(all)
    }
}

/// How to reach the host a task works on, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub target: Target,
    pub account: Account,
    pub password: Option<String>,
    /// The account is root for sure.
    pub root: bool,
}

impl Route {
    /// Variables win over keywords, keywords over the command line's defaults. `scope` holds the variables of the host that is
    /// connected to (the delegate's when the task is delegated).
    pub(super) fn find(
        keywords: &Keywords<'_>,
        scope: &Arc<dyn Scope>,
        host: &str,
        delegated: bool,
    ) -> Result<Self, Diagnostic> {
        let options = &keywords.run.options;
        let variable = |names: &[&str]| -> Result<Option<Value>, Diagnostic> {
            for name in names {
                if let Some(raw) = scope.get(name) {
                    let value = keywords.run.templar.resolve(scope, &raw)?;
                    if !matches!(value, Value::Null | Value::Omit) {
                        return Ok(Some(value));
                    }
                }
            }
            Ok(None)
        };
        let text = |names: &[&str]| variable(names).map(|v| v.map(|v| v.to_string()));
        // keywords hold for a delegate too, as with Ansible; but localhost is this machine
        let keyword = |pick: Picker| keywords.text(pick);

        let connection = match text(&["ansible_connection"])? {
            Some(c) => c,
            None if delegated && is_localhost(host) => "local".to_owned(),
            None => match keyword(|c| c.connection.as_ref())? {
                Some(c) => c,
                None => options
                    .connection
                    .clone()
                    .unwrap_or_else(|| "ssh".to_owned()),
            },
        };
        let login = match text(&["ansible_user", "ansible_ssh_user"])? {
            Some(user) => Some(user),
            None => keyword(|c| c.remote_user.as_ref())?.or_else(|| options.remote_user.clone()),
        };
        let target = match connection.rsplit('.').next().unwrap_or_default() {
            "local" => Target::Local,
            "ssh" | "smart" | "paramiko" | "paramiko_ssh" => {
                if variable(&[
                    "ansible_password",
                    "ansible_ssh_pass",
                    "ansible_ssh_password",
                ])?
                .is_some()
                {
                    return Err(Diagnostic::new(format!(
                        "host `{host}` has a password for SSH, but hoist logs in by keys"
                    ))
                    .with_help(
                        "install a key with `ssh-copy-id`, then remove `ansible_password`",
                    ));
                }
                let mut args = options.ssh_args.clone();
                for names in [["ansible_ssh_common_args"], ["ansible_ssh_extra_args"]] {
                    if let Some(words) = text(&names)? {
                        args.extend(shell_words::split(&words).map_err(|e| {
                            Diagnostic::new(format!(
                                "`{}` of host `{host}` cannot be split: {e}",
                                names[0]
                            ))
                        })?);
                    }
                }
                let port = match text(&["ansible_port", "ansible_ssh_port"])? {
                    Some(port) => Some(port),
                    None => keyword(|c| c.port.as_ref())?,
                };
                let port = port
                    .map(|p| {
                        p.parse().map_err(|_| {
                            Diagnostic::new(format!(
                                "`ansible_port` of host `{host}` is no port: `{p}`"
                            ))
                        })
                    })
                    .transpose()?
                    .or(options.remote_port);
                let key = text(&["ansible_ssh_private_key_file", "ansible_private_key_file"])?
                    .map(|k| expand_home(&k));
                let timeout =
                    text(&["ansible_timeout", "ansible_ssh_timeout"])?.and_then(|t| t.parse().ok());
                let accept_new =
                    match text(&["ansible_host_key_checking", "ansible_ssh_host_key_checking"])? {
                        Some(check) => Value::from(check).to_bool() == Some(false),
                        None => options.accept_new,
                    };
                Target::Ssh {
                    host: text(&["ansible_host", "ansible_ssh_host"])?
                        .unwrap_or_else(|| host.to_owned()),
                    port,
                    user: login.clone(),
                    key: key.or_else(|| options.private_key.clone()),
                    args,
                    accept_new,
                    timeout: timeout.unwrap_or(options.timeout),
                }
            }
            other => {
                return Err(Diagnostic::new(format!(
                    "connection `{other}` of host `{host}` is not supported"
                ))
                .with_help("use `ssh` or `local`"));
            }
        };

        let wanted = match variable(&["ansible_become"])? {
            Some(value) => value.to_bool().unwrap_or(false),
            None => keywords
                .flag("become", |c| c.become_.as_ref())?
                .or(options.become_default)
                .unwrap_or(false),
        };
        let local_root = nix::unistd::geteuid().is_root();
        let login_root = match &target {
            Target::Local => local_root,
            Target::Ssh { .. } => login.as_deref() == Some("root"),
        };
        if !wanted {
            return Ok(Self {
                target,
                account: Account::Login,
                password: None,
                root: login_root,
            });
        }
        let or_option = |var: Option<String>,
                         pick: Picker,
                         option: &Option<String>|
         -> Result<Option<String>, Diagnostic> {
            match var {
                Some(v) => Ok(Some(v)),
                None => Ok(keywords.text(pick)?.or_else(|| option.clone())),
            }
        };
        let user = or_option(
            text(&["ansible_become_user"])?,
            |c| c.become_user.as_ref(),
            &options.become_user,
        )?
        .unwrap_or_else(|| "root".to_owned());
        if user == "root" && login_root {
            return Ok(Self {
                target,
                account: Account::Login,
                password: None,
                root: true,
            });
        }
        let method = or_option(
            text(&["ansible_become_method"])?,
            |c| c.become_method.as_ref(),
            &options.become_method,
        )?
        .unwrap_or_else(|| "sudo".to_owned());
        let method = method.rsplit('.').next().unwrap_or_default().to_owned();
        if !["sudo", "su", "doas"].contains(&method.as_str()) {
            return Err(Diagnostic::new(format!(
                "become method `{method}` of host `{host}` is not supported"
            ))
            .with_help("use `sudo`, `su` or `doas`"));
        }
        let named = |what: &str| {
            [
                format!("ansible_{method}_{what}"),
                format!("ansible_become_{what}"),
            ]
        };
        let of_method = |what: &str| -> Result<Option<String>, Diagnostic> {
            let names = named(what);
            text(&[&names[0], &names[1]])
        };
        let mut password = of_method("password")?;
        if password.is_none() {
            password = of_method("pass")?;
        }
        // An empty one is none, as for Ansible: sudo is not asked to ask.
        let password = password
            .or_else(|| options.become_password.clone())
            .filter(|p| !p.is_empty());
        if let Some(secret) = &password {
            keywords.run.world.secrets.add(secret);
        }
        let flags = match of_method("flags")? {
            Some(flags) => Some(flags),
            None => keywords
                .text(|c| c.become_flags.as_ref())?
                .or_else(|| options.become_flags.clone()),
        };
        let flags = flags
            .map(|f| {
                shell_words::split(&f)
                    .map_err(|e| Diagnostic::new(format!("become flags cannot be split: {e}")))
            })
            .transpose()?;
        let exe = match of_method("exe")? {
            Some(exe) => Some(exe),
            None => keywords
                .text(|c| c.become_exe.as_ref())?
                .or_else(|| options.become_exe.clone()),
        };
        let root = user == "root";
        Ok(Self {
            target,
            account: Account::Other(Become {
                method,
                user,
                flags,
                exe,
            }),
            password,
            root,
        })
    }
}

/// Whether a name means this machine.
fn is_localhost(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

fn expand_home(path: &str) -> PathBuf {
    match path.strip_prefix("~/") {
        Some(rest) => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(rest),
        None => PathBuf::from(path),
    }
}
