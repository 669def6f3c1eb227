//! What the modules of `community.crypto` share: a file that the host's own `openssl` makes.

use super::attrs::Wanted;
use super::place::first_failure;
use super::setting::{Setting, basename, join, parent};
use crate::host::{Action, Cmd, FileType, Known, Touches, quote};
use crate::modules::{Arg, Args, Context, Decision, Fail, Outcome, Step};
use crate::value::{Map, Value};
use std::collections::BTreeMap;

/// The variable that carries a passphrase to `openssl`: never an argument, never a file.
pub const PASS: &str = "HOIST_PASSPHRASE";
/// Begins every script: leaves with 90 where there is no `openssl`.
pub const HAVE: &str = "command -v openssl >/dev/null 2>&1 || exit 90\n";

const MISSING: &str = "`openssl` is not installed on the host: install its package first";

/// The arguments all of them have, with `state` and `backup`.
pub static COMMON_ARGS: &[Arg] = &[
    Arg::path("path", "the file on the host").required(),
    Arg::str("state", "whether it is there")
        .default("present")
        .choices(&["absent", "present"]),
    Arg::bool("force", "make it anew even when it fits").default("false"),
    Arg::bool("backup", "keep a dated copy of the old file").default("false"),
    Arg::refused(
        "select_crypto_backend",
        "the host's own `openssl` does the work, there is nothing to choose",
    ),
    Arg::refused(
        "return_content",
        "contents stay on the host; read the file with `slurp` when it is needed",
    ),
];

/// The file, and how it shall be.
pub struct Made {
    /// As written in the task.
    pub path: String,
    /// Make it anew whatever it is.
    pub force: bool,
    /// It shall not be there.
    pub absent: bool,
    backup: bool,
    wanted: Wanted,
    /// The task's circumstances.
    pub setting: Setting,
}

/// Adds to a result what the end of the script printed.
pub type Describe = fn(&mut Map, &str);

/// How the file is made.
pub struct Making {
    /// Shell text that writes the content into the file `$t`; `$w` may be set to a directory that is removed afterwards.
    pub script: String,
    /// Fed to it.
    pub stdin: String,
    /// Shell text that tells about the new file, and what reads it.
    pub about: Option<(String, Describe)>,
}

impl Made {
    /// From the arguments; `mode` is the file's when the task names none.
    ///
    /// # Errors
    /// A mode that is none.
    pub fn of(args: &Args, ctx: &Context<'_>, mode: Option<&str>) -> Result<Self, Fail> {
        let mut wanted = Wanted::of(args)?;
        if let (None, Some(mode)) = (&wanted.mode, mode) {
            wanted.mode = Some(super::mode::Mode::parse(&Value::from(mode))?);
        }
        Ok(Self {
            path: args.str("path").to_owned(),
            force: args.bool("force"),
            absent: args.str("state") == "absent",
            backup: args.bool("backup"),
            wanted,
            setting: Setting::of(ctx),
        })
    }

    /// Carries passphrases.
    pub fn secret(&mut self, name: &str, passphrase: Option<&str>) {
        // Empty rather than unset: `openssl` then fails on an encrypted key where it would ask for a passphrase.
        let text = passphrase.unwrap_or_default().to_owned();
        self.setting.environment.insert(name.to_owned(), text);
    }

    /// Where the file is, links followed.
    ///
    /// # Errors
    /// Needs an answer; a directory is in the way.
    pub fn at(&self, known: &Known) -> Result<String, Step> {
        let path = self.setting.expand(known, &self.path)?;
        let stat = known.stat(&path, false)?;
        let real = stat.and_then(|s| s.real.clone()).unwrap_or(path);
        match known.stat(&real, true)? {
            Some(s) if s.kind == FileType::Directory => {
                Err(Fail::new(format!("`{real}` is a directory, not a file")).into())
            }
            _ => Ok(real),
        }
    }

    /// What a script that only reads says; `None` in check mode when it cannot say anything yet, because what it needs
    /// (`openssl`, a key) will only be made by a task before this one.
    ///
    /// # Errors
    /// Needs an answer; `openssl` or a file is missing, or `openssl` fails.
    pub fn asked<'k>(
        &self,
        known: &'k Known,
        script: &str,
        missing: &str,
    ) -> Result<Option<&'k str>, Step> {
        let (rc, out, err) = known.output(self.setting.read(format!("{HAVE}{script}")))?;
        let fail = |text: &str| Err(Fail::new(text.trim()).into());
        match rc {
            0 => Ok(Some(out)),
            90 | 91 if self.setting.check => Ok(None),
            90 => fail(MISSING),
            91 => fail(missing),
            _ => fail(&format!("`openssl` failed: {}", err.trim())),
        }
    }

    /// The decision that takes the file away.
    ///
    /// # Errors
    /// Needs an answer.
    pub fn removed(&self, known: &Known, mut result: Map) -> Result<Decision, Step> {
        let path = self.setting.expand(known, &self.path)?;
        result.insert("filename".into(), path.clone().into());
        if known.stat(&path, false)?.is_none() {
            return Ok(Decision::same(result));
        }
        if !self.backup {
            return Ok(Decision::change(result, vec![Action::Remove { path }]));
        }
        let script = format!("{}rm -f {}\n", backup(&path), quote::path(&path));
        Ok(self.run(result, &path, script, String::new(), None))
    }

    /// The decision that makes the file when it is `stale`, or sets its attributes when only they differ.
    ///
    /// # Errors
    /// Needs an answer; an unknown owner; no directory to make it in.
    pub fn made(
        &self,
        known: &Known,
        path: &str,
        making: Option<Making>,
        mut result: Map,
    ) -> Result<Decision, Step> {
        result.insert("filename".into(), path.into());
        let stat = known.stat(path, true)?;
        if stat.is_none() && !self.setting.check && !known.exists(parent(path))? {
            let dir = parent(path);
            return Err(Fail::new(format!(
                "The directory '{dir}' does not exist or the file is not a directory"
            ))
            .into());
        }
        let resolved = self
            .wanted
            .at(known, &self.setting, path, stat, FileType::File)?;
        let Some(making) = making else {
            let diff = resolved
                .differs()
                .then(|| resolved.diff(path, Map::new(), Map::new()));
            return Ok(Decision::change(result, resolved.actions(path)).with_diff(diff));
        };
        let at = quote::path(path);
        let temporary = join(parent(path), &format!(".{}.hoist-new", basename(path)));
        let (uid, gid) = (resolved.owner.0, resolved.group.0);
        // Without being asked to, an owner is kept as far as the account may.
        let owner = match (&self.wanted.owner, &self.wanted.group, stat) {
            (None, None, None) => String::new(),
            (None, None, Some(_)) => format!("chown {uid}:{gid} \"$t\" 2>/dev/null || :\n"),
            _ => format!("chown {uid}:{gid} \"$t\" || exit 1\n"),
        };
        let script = format!(
            "{HAVE}umask 077\nw=\nt={}\n\
             trap 'rm -f \"$t\"; [ -z \"$w\" ] || rm -rf \"$w\"' EXIT\ntrap 'exit 1' HUP INT TERM\n\
             rm -f \"$t\"\n(set -C; : >\"$t\") || exit 1\n{}{}{owner}chmod {:04o} \"$t\" || exit 1\nmv -f \"$t\" {at} || exit 1\n{}",
            quote::path(&temporary),
            making.script,
            if self.backup && stat.is_some() {
                backup(path)
            } else {
                String::new()
            },
            resolved.mode,
            making.about.as_ref().map_or("", |(s, _)| s),
        );
        let about = making.about.map(|(_, read)| read);
        let mut decision = self.run(result, path, script, making.stdin, about);
        decision.actions.extend(resolved.later(path));
        decision.warnings = resolved.warnings;
        Ok(decision)
    }

    fn run(
        &self,
        result: Map,
        path: &str,
        script: String,
        stdin: String,
        about: Option<Describe>,
    ) -> Decision {
        let mut cmd = Cmd::script(script);
        cmd.env.clone_from(&self.setting.environment);
        cmd.stdin = (!stdin.is_empty()).then(|| stdin.into_bytes().into());
        cmd.touches = Touches::Path(path.to_owned());
        let mut decision = Decision::change(result, vec![Action::Run(cmd)]);
        decision.conclude = Some(Box::new(move |mut result, reports| {
            if reports.first().is_some_and(|r| r.rc == 90) {
                return Err(Fail::new(MISSING));
            }
            first_failure(&reports)?;
            let out = reports.first().map_or("", |r| &r.stdout);
            if let Some(old) = out.lines().find_map(|l| l.strip_prefix("backup\t")) {
                result.insert("backup_file".into(), old.into());
            }
            if let Some(about) = about {
                about(&mut result, out);
            }
            Ok(Outcome {
                changed: true,
                result,
                ..Outcome::default()
            })
        }));
        decision
    }
}

fn backup(path: &str) -> String {
    let at = quote::path(path);
    format!(
        "b={at}.$$.$(date +%Y-%m-%d@%H:%M:%S)~\ncp -p {at} \"$b\" || exit 1\nprintf 'backup\\t%s\\n' \"$b\"\n"
    )
}

/// The lines after each line `==NAME`, by name.
pub fn sections(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut out: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        match line.strip_prefix("==") {
            Some(next) => {
                name = next;
                out.entry(name).or_default();
            }
            None => out.entry(name).or_default().push(line),
        }
    }
    out
}

/// The extensions in what `openssl … -text` printed: name (with `critical`) and its values, sorted.
pub fn extensions(text: &[&str]) -> BTreeMap<String, Vec<String>> {
    let indent = |l: &str| l.len() - l.trim_start().len();
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let Some(at) = text.iter().position(|l| {
        let l = l.trim();
        l == "Requested Extensions:" || l == "X509v3 extensions:"
    }) else {
        return out;
    };
    let outer = indent(text[at]);
    let mut inner = None;
    let mut name = String::new();
    for line in &text[at + 1..] {
        if indent(line) <= outer || line.trim().is_empty() {
            break;
        }
        if indent(line) <= *inner.get_or_insert(indent(line)) {
            name = line.trim().to_owned();
            out.entry(name.clone()).or_default();
        } else if let Some(values) = out.get_mut(&name) {
            values.extend(line.trim().split(", ").map(str::to_owned));
        }
    }
    out.values_mut().for_each(|v| v.sort());
    out
}
