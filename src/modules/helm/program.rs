//! The Helm program of the control machine.

use crate::modules::{Arg, Args, Context, Fail};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

/// The arguments that concern the program itself.
pub(super) static PROGRAM_ARGS: &[Arg] = &[Arg::path(
    "binary_path",
    "the Helm program, on the control machine; `helm` of its PATH when it is not given",
)];

/// Helm, and what it is run with.
pub(super) struct Helm {
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    /// Helm 4 has other names for some flags.
    four: bool,
}

/// How Helm ended.
pub(super) struct Ended {
    pub command: String,
    pub stdout: String,
    pub stderr: String,
    pub rc: i32,
}

impl Helm {
    /// Finds it and asks for its version.
    ///
    /// # Errors
    /// There is none, or it is older than 3.13.
    pub(super) async fn find(
        binary: Option<&str>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Self, Fail> {
        let mut helm = Self {
            binary: PathBuf::from(binary.unwrap_or("helm")),
            environment: environment.clone(),
            four: false,
        };
        let ended = helm
            .run(&["version", "--template", "{{.Version}}"], None)
            .await?;
        let version = ended.must()?.stdout;
        let mut numbers = version.trim().trim_start_matches('v').split('.');
        let mut next = || {
            numbers
                .next()
                .and_then(|n| n.parse::<u32>().ok())
                .unwrap_or(0)
        };
        let (major, minor) = (next(), next());
        if (major, minor) < (3, 13) {
            return Err(Fail::new(format!(
                "`{}` is Helm {}; 3.13 or newer is needed",
                helm.binary.display(),
                version.trim()
            )));
        }
        helm.four = major >= 4;
        Ok(helm)
    }

    /// One of the two, by the version: `(Helm 4, Helm 3)`.
    pub(super) fn flag(&self, four: &'static str, three: &'static str) -> &'static str {
        if self.four { four } else { three }
    }

    /// Runs it; `kubeconfig` is the only cluster that it sees. Nothing secret may be among the arguments.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) async fn run(
        &self,
        args: &[&str],
        kubeconfig: Option<&Path>,
    ) -> Result<Ended, Fail> {
        self.run_with(args, kubeconfig, None).await
    }

    /// As [`Self::run`], with a text as its standard input.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) async fn run_with(
        &self,
        args: &[&str],
        kubeconfig: Option<&Path>,
        input: Option<&str>,
    ) -> Result<Ended, Fail> {
        let mut command = tokio::process::Command::new(&self.binary);
        command
            .args(args)
            .envs(&self.environment)
            // what of a cluster this machine happens to have is never meant
            .env("KUBECONFIG", kubeconfig.unwrap_or(Path::new("/dev/null")))
            .env_remove("HELM_KUBECONTEXT")
            .env_remove("HELM_NAMESPACE")
            .stdin(if input.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let shown = format!("{} {}", self.binary.display(), args.join(" "));
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => Fail::new(format!(
                "there is no `{}` on the control machine: install Helm, or give its place with `binary_path`",
                self.binary.display()
            )),
            _ => Fail::new(format!("`{}` could not be run: {e}", self.binary.display())),
        };
        let mut child = command.spawn().map_err(failed)?;
        if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
            use tokio::io::AsyncWriteExt as _;
            // it may end without reading: its own words tell why
            stdin.write_all(text.as_bytes()).await.ok();
        }
        let out = child.wait_with_output().await.map_err(failed)?;
        Ok(Ended::of(shown, &out))
    }
}

impl Ended {
    fn of(command: String, out: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            command,
            stdout: text(&out.stdout),
            stderr: text(&out.stderr),
            rc: out.status.code().unwrap_or(-1),
        }
    }

    /// Itself, when it succeeded.
    ///
    /// # Errors
    /// What Helm said.
    pub(super) fn must(self) -> Result<Self, Fail> {
        if self.rc == 0 {
            return Ok(self);
        }
        let said = self.stderr.trim();
        let said = said.trim_start_matches("Error: ");
        let mut text = if said.is_empty() {
            format!("`{}` ended with {}", self.command, self.rc)
        } else {
            said.to_owned()
        };
        if text.contains("another operation (install/upgrade/rollback) is in progress") {
            text.push_str(
                "\nanother run is at this release right now; when none is, one was killed at it",
            );
        }
        Err(Fail::new(text)
            .with("command", self.command)
            .with("stdout", self.stdout)
            .with("stderr", self.stderr)
            .with("rc", i64::from(self.rc)))
    }

    /// What it printed, as JSON.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn json(&self) -> Result<serde_json::Value, Fail> {
        // warnings may stand before it
        let start = self.stdout.find(['{', '[']).unwrap_or(0);
        serde_json::from_str(&self.stdout[start..])
            .map_err(|e| Fail::new(format!("`{}` printed no JSON: {e}", self.command)))
    }
}

/// `binary_path`, as the user wrote it.
pub(super) fn binary(args: &Args, ctx: &Context<'_>) -> Option<String> {
    let path = args.opt_str("binary_path")?;
    // a path of the project, as it may stand in its repository
    let beside = ctx.files.base().join(path);
    if path.contains('/') && beside.exists() {
        return Some(beside.display().to_string());
    }
    Some(path.to_owned())
}

/// A file for Helm that only we can read, gone when it is dropped.
///
/// # Errors
/// It cannot be written.
pub(super) fn private(suffix: &str, content: &[u8]) -> Result<tempfile::TempPath, Fail> {
    let write = || {
        let mut file = tempfile::Builder::new()
            .prefix("hoist-helm-")
            .suffix(suffix)
            .tempfile()?;
        file.write_all(content)?;
        Ok::<_, std::io::Error>(file.into_temp_path())
    };
    write().map_err(|e| Fail::new(format!("a file for Helm could not be written: {e}")))
}
