//! Settings from a file and the environment.

use super::Config;
use super::cfg_file::{Setting, parse};
use super::config_keys::{HARMLESS, HONOURED, OTHER_SECTIONS};
use super::files::reason;
use crate::error::{Diagnostic, Problems, Source, Span, nearest};
use crate::value::Value;
use std::path::{Path, PathBuf};

/// Takes in settings one by one.
pub(super) struct Reader<'e> {
    pub(super) cwd: &'e Path,
    pub(super) env: &'e dyn Fn(&str) -> Option<String>,
    pub(super) config: Config,
    pub(super) problems: Problems,
}

impl Reader<'_> {
    /// The file that counts.
    pub(super) fn find(&mut self) -> Option<PathBuf> {
        if let Some(given) = (self.env)("ANSIBLE_CONFIG") {
            let path = self.cwd.join(self.expand(&given));
            return Some(if path.is_dir() {
                path.join("ansible.cfg")
            } else {
                path
            });
        }
        let here = self.cwd.join("ansible.cfg");
        if here.is_file() {
            use std::os::unix::fs::PermissionsExt;
            let open =
                std::fs::metadata(self.cwd).is_ok_and(|m| m.permissions().mode() & 0o002 != 0);
            if !open {
                return Some(here);
            }
            self.config.warnings.push(
                Diagnostic::new(
                    "`ansible.cfg` is ignored, because everybody may write to this folder",
                )
                .with_help("take that right away, or name the file in `ANSIBLE_CONFIG`"),
            );
        }
        let home = (self.env)("HOME").map(|home| Path::new(&home).join(".ansible.cfg"));
        home.into_iter()
            .chain([PathBuf::from("/etc/ansible/ansible.cfg")])
            .find(|path| path.is_file())
    }

    /// Reads a file.
    pub(super) fn read(&mut self, path: &Path) {
        let shown = path.strip_prefix(self.cwd).unwrap_or(path).to_owned();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) => {
                let message = format!("cannot read `{}`: {}", shown.display(), reason(&e));
                self.problems.push(Diagnostic::new(message));
                return;
            }
        };
        self.config.path = Some(path.to_owned());
        let (settings, strange) = parse(&Source::new(&shown, text));
        for span in strange {
            self.problems.push(
                Diagnostic::at(&span, "this is neither a section nor a setting")
                    .with_help("write `key = value` below a `[section]`"),
            );
        }
        let base = path.parent().unwrap_or(self.cwd).to_owned();
        for setting in settings {
            self.setting(&setting, &base);
        }
    }

    fn setting(&mut self, setting: &Setting, base: &Path) {
        let Setting {
            section,
            key,
            value,
            span,
        } = setting;
        let honoured = HONOURED
            .iter()
            .any(|(sections, name, _)| name == key && sections.contains(&section.as_str()));
        if honoured {
            self.apply(key, value, span, base);
        } else if !HARMLESS.contains(&key.as_str()) && !OTHER_SECTIONS.contains(&section.as_str()) {
            let known = HONOURED
                .iter()
                .map(|(_, name, _)| *name)
                .chain(HARMLESS.iter().copied());
            let diagnostic = Diagnostic::at(
                span,
                format!("the setting `{key}` in `[{section}]` has no effect"),
            );
            self.config.warnings.push(match nearest(key, known) {
                Some(near) if near != key => {
                    diagnostic.with_help(format!("did you mean `{near}`?"))
                }
                Some(_) => diagnostic.with_note("it belongs in another section"),
                None => diagnostic,
            });
        }
    }

    fn expand(&self, text: &str) -> String {
        let home = (self.env)("HOME").unwrap_or_default();
        let text = match text.strip_prefix("~/") {
            Some(rest) => format!("{home}/{rest}"),
            None => text.to_owned(),
        };
        let cwd = self.cwd.display().to_string();
        text.replace("{{CWD}}", &cwd)
            .replace("{{ CWD }}", &cwd)
            .replace("$HOME", &home)
            .replace("${HOME}", &home)
    }

    fn path(&self, text: &str, base: &Path) -> PathBuf {
        base.join(self.expand(text.trim()))
    }

    /// Takes in the value of a honoured setting; relative paths start at `base`.
    pub(super) fn apply(&mut self, key: &str, value: &str, span: &Span, base: &Path) {
        let value = unquote(value.trim());
        if value.is_empty() {
            return;
        }
        let text = || Some(value.to_owned());
        let words = |separator: char| {
            value
                .split([separator, '\n'])
                .map(str::trim)
                .filter(|w| !w.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        match key {
            "inventory" => {
                // A list of hosts (`a,b,`) is no file.
                let list = value.ends_with(',') && !value.contains('/');
                self.config.inventory = if list {
                    vec![value.to_owned()]
                } else {
                    words(',')
                        .iter()
                        .map(|p| self.path(p, base).display().to_string())
                        .collect()
                };
            }
            "roles_path" => {
                self.config.roles_path = words(':').iter().map(|p| self.path(p, base)).collect()
            }
            "remote_user" => self.config.remote_user = text(),
            "remote_port" => self.config.remote_port = self.number(key, value, span),
            "private_key_file" => self.config.private_key_file = Some(self.path(value, base)),
            "host_key_checking" => self.config.host_key_checking = self.flag(key, value, span),
            "forks" => self.config.forks = self.number(key, value, span),
            "timeout" => self.config.timeout = self.number(key, value, span),
            "task_timeout" => self.config.task_timeout = self.number(key, value, span),
            "transport" => {
                self.config.transport = self.choice(key, value, span, &["ssh", "smart", "local"])
            }
            // A script or file; `prompt` asks.
            "vault_password_file" => self.config.vault_password_file = Some(self.path(value, base)),
            "vault_identity_list" => {
                self.config.vault_identity_list =
                    words(',').iter().map(|v| self.identity(v, base)).collect()
            }
            "become" => self.config.become_ = self.flag(key, value, span),
            "become_user" => self.config.become_user = text(),
            "become_method" => {
                self.config.become_method = self.choice(key, value, span, &["sudo", "su", "doas"])
            }
            "become_flags" => self.config.become_flags = text(),
            "become_exe" => self.config.become_exe = text(),
            "become_ask_pass" => self.config.become_ask_pass = self.flag(key, value, span),
            "become_password_file" => {
                self.config.become_password_file = Some(self.path(value, base));
            }
            "gathering" => {
                self.config.gathering =
                    self.choice(key, value, span, &["implicit", "explicit", "smart"])
            }
            "gather_subset" => self.config.gather_subset = words(','),
            "gather_timeout" => self.config.gather_timeout = self.number(key, value, span),
            "fact_path" => self.config.fact_path = text(),
            "inject_facts_as_vars" => {
                self.config.inject_facts_as_vars = self.flag(key, value, span)
            }
            "strategy" => {
                self.config.strategy = self.choice(key, value, span, &["linear", "free", "graph"])
            }
            "force_handlers" => self.config.force_handlers = self.flag(key, value, span),
            "any_errors_fatal" => self.config.any_errors_fatal = self.flag(key, value, span),
            "always" => self.config.diff = self.flag(key, value, span),
            "run" => self.config.tags = words(','),
            "skip" => self.config.skip_tags = words(','),
            "ssh_args" => self.config.ssh_args = text(),
            "ssh_common_args" => self.config.ssh_common_args = text(),
            "ssh_extra_args" => self.config.ssh_extra_args = text(),
            _ => self.only_if_default(key, value, span),
        }
    }

    /// Settings of which hoist has Ansible's default only.
    fn only_if_default(&mut self, key: &str, value: &str, span: &Span) {
        let flag = Value::from(value).to_bool();
        let (wrong, help) = match key {
            "hash_behaviour" => (
                value != "replace",
                "use the filter `combine(recursive=true)` where mappings are to be merged",
            ),
            "error_on_undefined_vars" => (flag == Some(false), "give the variables a `default`"),
            "error_on_missing_handler" => (
                flag == Some(false),
                "take away what notifies handlers that do not exist",
            ),
            "private_role_vars" => (
                flag == Some(true),
                "use `public: false` on `include_role` and `import_role`",
            ),
            "no_log" => (flag == Some(true), "put `no_log: true` on the plays"),
            "ask_pass" => (
                flag == Some(true),
                "log in with a key: passwords for SSH are not supported",
            ),
            "jinja2_extensions" => {
                let own = value.split(',').map(str::trim);
                let known = [
                    "jinja2.ext.do",
                    "jinja2.ext.loopcontrols",
                    "jinja2.ext.i18n",
                ];
                (
                    own.into_iter().any(|e| !known.contains(&e)),
                    "extensions of Jinja are Python; only `do` and `loopcontrols` are built in",
                )
            }
            "fact_caching" => {
                if value != "memory" {
                    self.config.warnings.push(
                        Diagnostic::at(span, "facts are not kept from one run to the next")
                            .with_note("every run gathers what it needs"),
                    );
                }
                return;
            }
            "log_path" => {
                self.config.warnings.push(
                    Diagnostic::at(span, "no log is written")
                        .with_help("use `--output json` and redirect it"),
                );
                return;
            }
            _ => return,
        };
        if wrong {
            self.problems.push(
                Diagnostic::at(span, format!("`{key} = {value}` is not supported")).with_help(help),
            );
        }
    }

    /// `id@source`: the source is a path, unless it asks.
    fn identity(&self, text: &str, base: &Path) -> String {
        let (id, source) = text.split_once('@').unwrap_or(("", text));
        let source = match source {
            "prompt" | "prompt_ask_vault_pass" => source.to_owned(),
            path => self.path(path, base).display().to_string(),
        };
        if id.is_empty() {
            source
        } else {
            format!("{id}@{source}")
        }
    }

    fn flag(&mut self, key: &str, value: &str, span: &Span) -> Option<bool> {
        let flag = Value::from(value).to_bool();
        if flag.is_none() {
            self.wrong(key, "a boolean", value, span);
        }
        flag
    }

    fn number<T: std::str::FromStr>(&mut self, key: &str, value: &str, span: &Span) -> Option<T> {
        let number = value.parse().ok();
        if number.is_none() {
            self.wrong(key, "a number", value, span);
        }
        number
    }

    fn choice(&mut self, key: &str, value: &str, span: &Span, known: &[&str]) -> Option<String> {
        let short = value.strip_prefix("ansible.builtin.").unwrap_or(value);
        if known.contains(&short) {
            return Some(short.to_owned());
        }
        self.problems.push(
            Diagnostic::at(span, format!("`{key} = {value}` is not supported"))
                .with_note(format!("there are {}", known.join(", ")))
                .with_nearest(short, known.iter().copied()),
        );
        None
    }

    fn wrong(&mut self, key: &str, wanted: &str, value: &str, span: &Span) {
        self.problems.push(Diagnostic::at(
            span,
            format!("`{key}` takes {wanted}, not `{value}`"),
        ));
    }
}

fn unquote(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)) {
            return inner;
        }
    }
    text
}
