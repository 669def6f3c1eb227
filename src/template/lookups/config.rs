//! `lookup('config', 'DEFAULT_BECOME_USER')`: what the settings come to.

use super::{Table, texts};
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::value::Value;

pub(super) const TABLE: Table = &[("config", config)];

/// Ansible's names of the settings that can be asked for.
pub const SETTINGS: &[&str] = &[
    "ANY_ERRORS_FATAL",
    "CONFIG_FILE",
    "DEFAULT_BECOME",
    "DEFAULT_BECOME_ASK_PASS",
    "DEFAULT_BECOME_EXE",
    "DEFAULT_BECOME_FLAGS",
    "DEFAULT_BECOME_METHOD",
    "DEFAULT_BECOME_USER",
    "DEFAULT_FORCE_HANDLERS",
    "DEFAULT_FORKS",
    "DEFAULT_GATHERING",
    "DEFAULT_HASH_BEHAVIOUR",
    "DEFAULT_HOST_LIST",
    "DEFAULT_NO_LOG",
    "DEFAULT_PRIVATE_KEY_FILE",
    "DEFAULT_REMOTE_PORT",
    "DEFAULT_REMOTE_USER",
    "DEFAULT_ROLES_PATH",
    "DEFAULT_STRATEGY",
    "DEFAULT_TIMEOUT",
    "DEFAULT_TRANSPORT",
    "DEFAULT_VAULT_IDENTITY_LIST",
    "DEFAULT_VAULT_PASSWORD_FILE",
    "DIFF_ALWAYS",
    "HOST_KEY_CHECKING",
    "INJECT_FACTS_AS_VARS",
    "TAGS_RUN",
    "TAGS_SKIP",
    "TASK_TIMEOUT",
];

/// Whether there is a setting of that name. Errors: there is not; with the nearest.
pub(crate) fn known(name: &str) -> Result<(), Diagnostic> {
    if SETTINGS.contains(&name) {
        return Ok(());
    }
    Err(Diagnostic::new(format!("hoist has no setting `{name}`"))
        .with_nearest(name, SETTINGS.iter().copied())
        .with_note("docs/dialect.md lists those that count"))
}

/// `lookup('config', *names, on_missing='error')`.
fn config(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let missing = args
        .keyword_data("on_missing")?
        .map_or_else(|| "error".to_owned(), |v| v.to_string());
    if !matches!(missing.as_str(), "error" | "warn" | "skip") {
        return args.fail(format!(
            "`on_missing` must be error, warn or skip, not `{missing}`"
        ));
    }
    for plugin in ["plugin_type", "plugin_name"] {
        if args.keyword(plugin).is_some() {
            let d = Diagnostic::new(format!("{}: `{plugin}` is not supported", args.what));
            return Err(d.with_help("hoist has no plugins; ask for the setting itself"));
        }
    }
    if args.keyword_flag("show_origin", false)? {
        return args.fail("`show_origin` is not supported");
    }
    let outside = args.cx.scope.outside();
    let mut out = Vec::new();
    for name in texts(&mut args)? {
        match (known(&name), outside.setting(&name)) {
            (Ok(()), Some(value)) => out.push(value),
            (Ok(()), None) => {
                return args.fail(format!("`{name}` is not known before there is a run"));
            }
            (Err(d), _) if missing == "error" => return Err(d),
            (Err(d), _) if missing == "warn" => outside.warn(d.message),
            (Err(_), _) => {}
        }
    }
    args.end()?;
    Ok(out)
}
