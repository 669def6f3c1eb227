//! A file that a tool of the host makes: written beside its place, given its owner and mode, renamed.

use super::attrs::Wanted;
use super::place::first_failure;
use super::setting::{Setting, basename, join, parent};
use crate::host::{Action, Cmd, FileType, Known, Touches, quote};
use crate::modules::{Args, Context, Decision, Fail, Outcome, Step};
use crate::value::{Map, Value};

/// The file, and how it shall be.
#[derive(Clone)]
pub struct Made {
    /// The tool that makes it.
    pub tool: &'static str,
    /// As written in the task.
    pub path: String,
    /// Make it anew whatever it is.
    pub force: bool,
    /// It shall not be there.
    pub absent: bool,
    /// Keep the old file.
    pub backup: bool,
    /// The key of the result that holds the file's text, if it is to hold it.
    pub content: Option<&'static str>,
    /// Owner, group, mode and such.
    pub wanted: Wanted,
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
    /// A file at `path` that `tool` makes; `mode` is its mode when the task names none.
    ///
    /// # Errors
    /// A mode that is none.
    pub fn of(
        tool: &'static str,
        path: &str,
        args: &Args,
        ctx: &Context<'_>,
        mode: Option<&str>,
    ) -> Result<Self, Fail> {
        let mut wanted = Wanted::of(args)?;
        if let (None, Some(mode)) = (&wanted.mode, mode) {
            wanted.mode = Some(super::mode::Mode::parse(&Value::from(mode))?);
        }
        Ok(Self {
            tool,
            path: path.to_owned(),
            force: false,
            absent: false,
            backup: false,
            content: None,
            wanted,
            setting: Setting::of(ctx),
        })
    }

    /// Begins every script: leaves with 90 where the tool is missing.
    fn have(&self) -> String {
        format!("command -v {} >/dev/null 2>&1 || exit 90\n", self.tool)
    }

    fn missing(&self) -> String {
        let tool = self.tool;
        format!("`{tool}` is not installed on the host: install its package first")
    }

    /// Carries passphrases.
    pub fn secret(&mut self, name: &str, passphrase: Option<&str>) {
        // Empty rather than unset: the tool then fails on an encrypted key where it would ask for a passphrase.
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
    /// (the tool, a key) will only be made by a task before this one.
    ///
    /// # Errors
    /// Needs an answer; the tool or a file is missing, or the tool fails.
    pub fn asked<'k>(
        &self,
        known: &'k Known,
        script: &str,
        missing: &str,
    ) -> Result<Option<&'k str>, Step> {
        let (rc, out, err) = known.output(self.setting.read(self.have() + script))?;
        let fail = |text: &str| Err(Fail::new(text.trim()).into());
        match rc {
            0 => Ok(Some(out)),
            90 | 91 if self.setting.check => Ok(None),
            90 => fail(&self.missing()),
            91 => fail(missing),
            _ => fail(&format!("`{}` failed: {}", self.tool, err.trim())),
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
            if let Some(key) = self.content {
                let text = known.content(path)?;
                let text = text.map(|t| String::from_utf8_lossy(&t).into_owned());
                result.insert(key.into(), text.into());
            }
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
            "{}umask 077\nw=\nt={}\n\
             trap 'rm -f \"$t\"; [ -z \"$w\" ] || rm -rf \"$w\"' EXIT\ntrap 'exit 1' HUP INT TERM\n\
             rm -f \"$t\"\n(set -C; : >\"$t\") || exit 1\n{}{}{owner}chmod {:04o} \"$t\" || exit 1\nmv -f \"$t\" {at} || exit 1\n{}",
            self.have(),
            quote::path(&temporary),
            making.script,
            if self.backup && stat.is_some() {
                backup(path)
            } else {
                String::new()
            },
            resolved.mode,
            match (self.content, &making.about) {
                // After a mark, for `backup` prints as well.
                (Some(_), _) => format!("printf '==\\n'\ncat {at} || exit 1\n"),
                (None, about) => about.as_ref().map_or_else(String::new, |(s, _)| s.clone()),
            },
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
        let (missing, content) = (self.missing(), self.content);
        let mut cmd = Cmd::script(script);
        cmd.env.clone_from(&self.setting.environment);
        cmd.stdin = (!stdin.is_empty()).then(|| stdin.into_bytes().into());
        cmd.touches = Touches::Path(path.to_owned());
        let mut decision = Decision::change(result, vec![Action::Run(cmd)]);
        decision.conclude = Some(Box::new(move |mut result, reports| {
            if reports.first().is_some_and(|r| r.rc == 90) {
                return Err(Fail::new(missing));
            }
            first_failure(&reports)?;
            let out = reports.first().map_or("", |r| &r.stdout);
            if let Some(old) = out.lines().find_map(|l| l.strip_prefix("backup\t")) {
                result.insert("backup_file".into(), old.into());
            }
            if let Some((key, (_, text))) = content.zip(out.split_once("==\n")) {
                result.insert(key.into(), text.into());
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
