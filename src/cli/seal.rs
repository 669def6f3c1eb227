//! `hoist seal`: a Secret becomes a SealedSecret, as with kubeseal.

use crate::error::{Diagnostic, Problems, Span};
use crate::seal::{Certificate, Mistake, Scope, Secret, merged, sealed};
use crate::value::Value;
use crate::yaml::{self, Node, Style};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use clap::{Args, ValueEnum};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Encrypt a Secret so that only the cluster's Sealed Secrets controller can open it, as kubeseal does
///
/// The Secret is read from a file or standard input; the sealed one is written to standard output or a file, and may lie
/// in a repository. Sealing is random: the same Secret sealed twice differs.
#[derive(Args, Clone, Debug)]
pub struct SealCommand {
    /// The controller's certificate, a file or an address (`kubeseal --fetch-cert` writes one)
    #[arg(long, value_name = "FILE|URL", env = "SEALED_SECRETS_CERT")]
    cert: String,
    /// The Secret, YAML or JSON; standard input when it is not given
    #[arg(short = 'f', long = "secret-file", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Write there instead of to standard output; as YAML when it ends so
    #[arg(short = 'w', long = "sealed-secret-file", value_name = "FILE")]
    output: Option<PathBuf>,
    /// How to write it
    #[arg(short = 'o', long, value_name = "FORMAT", default_value = "json")]
    format: Format,
    /// Where it may be opened: under its name, in its namespace, or anywhere in the cluster; what the Secret's
    /// annotations say when it is not given
    #[arg(long, value_name = "strict|namespace-wide|cluster-wide")]
    scope: Option<Scope>,
    /// The Secret's name, in place of the one it has
    #[arg(long)]
    name: Option<String>,
    /// The Secret's namespace, in place of the one it has
    #[arg(short, long)]
    namespace: Option<String>,
    /// Add the sealed values to this file's, which is changed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "raw"])]
    merge_into: Option<PathBuf>,
    /// Seal one value (standard input or --from-file) and print only that
    #[arg(long, conflicts_with_all = ["secret_file"])]
    raw: bool,
    /// The file with the value, with --raw
    #[arg(long, value_name = "FILE", requires = "raw")]
    from_file: Option<PathBuf>,
    /// A Secret without values is no mistake
    #[arg(long)]
    allow_empty_data: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

/// Runs it.
///
/// # Errors
/// What is wrong with the certificate or the Secret, or a file that cannot be read or written.
pub fn run(command: &SealCommand) -> Result<ExitCode, Problems> {
    let certificate = Certificate::parse(&command.cert, &fetch(&command.cert)?)?;
    certificate.must_last(jiff::Timestamp::now())?;
    if command.raw {
        return raw(command, &certificate);
    }
    let (name, text) = match &command.secret_file {
        Some(path) => (path.clone(), read(path)?),
        None => (PathBuf::from("standard input"), standard_input("a Secret")?),
    };
    let mut secret = parse(&name, text)?;
    if secret.data.is_empty() && !command.allow_empty_data {
        return Err(
            Diagnostic::new(format!("the Secret in `{}` has no values", name.display()))
                .with_help("if that is meant, give `--allow-empty-data`")
                .into(),
        );
    }
    let old = match &command.merge_into {
        Some(path) => Some(open(path)?),
        None => None,
    };
    let kept = |key: &str| {
        let metadata = old.as_ref()?.get("metadata")?;
        metadata.get(key)?.as_str().map(str::to_owned)
    };
    if let Some(name) = kept("name").or_else(|| command.name.clone()) {
        secret.name = name;
    }
    if let Some(namespace) = kept("namespace").or_else(|| command.namespace.clone()) {
        secret.namespace = namespace;
    }
    if secret.name.is_empty() {
        return Err(Diagnostic::new("the Secret has no name")
            .with_help("write `metadata.name` into it, or give `--name`")
            .into());
    }
    let scope = scope_of(command, &secret, old.as_ref())?;
    if secret.namespace.is_empty() && scope != Scope::ClusterWide {
        return Err(Diagnostic::new("the Secret has no namespace")
            .with_note(format!(
                "with the scope `{scope}` the namespace is part of the encryption"
            ))
            .with_help("write `metadata.namespace` into it, or give `--namespace`")
            .into());
    }
    let new = sealed(&secret, scope, &certificate, None)?;
    let (new, to) = match &old {
        Some(old) => (merged(old, &new)?, command.merge_into.as_ref()),
        None => (new, command.output.as_ref()),
    };
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let format = if to.is_some_and(is_yaml) {
        Format::Yaml
    } else {
        command.format
    };
    let text = written(&new, format);
    match to {
        None => print(&text)?,
        Some(path) => crate::vault::write_private(path, text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The scope that was asked for; with one that is there already, it must be the same, for the controller opens all values
/// with one.
fn scope_of(
    command: &SealCommand,
    secret: &Secret,
    old: Option<&Value>,
) -> Result<Scope, Diagnostic> {
    let annotations = |object: &Value| {
        let found = object.get("metadata").and_then(|m| m.get("annotations"));
        found.and_then(|a| a.as_map().cloned()).unwrap_or_default()
    };
    let asked = command.scope;
    let Some(old) = old else {
        return Ok(asked.unwrap_or_else(|| Scope::of(&secret.annotations)));
    };
    let there = Scope::of(&annotations(old));
    match asked {
        Some(asked) if asked != there => Err(Diagnostic::new(format!(
            "the scope of what is merged into is `{there}`, not `{asked}`"
        ))
        .with_note("the controller opens all values of a SealedSecret with one scope")),
        _ => Ok(there),
    }
}

/// `--raw`: one value, whose place is told by flags.
fn raw(command: &SealCommand, certificate: &Certificate) -> Result<ExitCode, Problems> {
    let scope = command.scope.unwrap_or_default();
    let needs = |flag: &str| {
        Diagnostic::new(format!("`--raw` with the scope `{scope}` needs `{flag}`"))
            .with_note("it is part of the encryption")
    };
    let namespace = match &command.namespace {
        None if scope != Scope::ClusterWide => return Err(needs("--namespace").into()),
        given => given.as_deref().unwrap_or_default(),
    };
    let name = match &command.name {
        None if scope == Scope::Strict => return Err(needs("--name").into()),
        given => given.as_deref().unwrap_or_default(),
    };
    let plain = match &command.from_file {
        // as with kubectl, a key may stand before the file's name
        Some(path) => match path.to_str().and_then(|p| p.split_once('=')) {
            Some((_, file)) if !path.exists() => read(Path::new(file))?,
            _ => read(path)?,
        },
        None => standard_input("the value to seal")?,
    };
    let cipher = certificate.encrypt(&scope.label(namespace, name), &plain)?;
    let mut text = BASE64_STANDARD.encode(cipher);
    if command.output.is_none() && std::io::stdout().is_terminal() {
        text.push('\n');
    }
    match &command.output {
        None => print(&text)?,
        Some(path) => crate::vault::write_private(path, text.as_bytes())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The Secret of a text; mistakes have their place, but show nothing of the text.
fn parse(name: &Path, text: Vec<u8>) -> Result<Secret, Problems> {
    let text = String::from_utf8(text)
        .map_err(|_| Diagnostic::new(format!("`{}` is not UTF-8", name.display())))?;
    let root = yaml::parse_hidden(name, &text)?.root;
    let Some(root) = root else {
        return Err(Diagnostic::new(format!("`{}` is empty", name.display())).into());
    };
    Secret::read(&plain(&root)).map_err(|mistake| place(&root, &mistake).into())
}

/// A manifest's own text: `{{` in it is no template.
fn plain(node: &Node) -> Value {
    use crate::yaml::Kind;
    match &node.kind {
        Kind::Str { text, .. } => Value::from(&**text),
        Kind::List(items) => Value::list(items.iter().map(plain)),
        Kind::Map(_) => Value::map(node.entries().map(|(key, _, value)| (key, plain(value)))),
        _ => node.to_value(),
    }
}

fn place(root: &Node, mistake: &Mistake) -> Diagnostic {
    let mut at: &Span = &root.span;
    let mut node = Some(root);
    for key in &mistake.path {
        let pair = node.and_then(|n| n.get_pair(key));
        at = pair.map_or(at, |(key, _)| &key.span);
        node = pair.map(|(_, value)| value);
    }
    Diagnostic::at(at, mistake.message.clone())
}

/// A SealedSecret that is there.
fn open(path: &Path) -> Result<Value, Problems> {
    let text = String::from_utf8(read(path)?)
        .map_err(|_| Diagnostic::new(format!("`{}` is not UTF-8", path.display())))?;
    let root = yaml::parse(&crate::error::Source::new(path, text))?.root;
    let root = root.ok_or_else(|| Diagnostic::new(format!("`{}` is empty", path.display())))?;
    Ok(plain(&root))
}

fn written(value: &Value, format: Format) -> String {
    match format {
        Format::Json => {
            let json = serde_json::to_string_pretty(value).unwrap_or_default();
            format!("{json}\n")
        }
        Format::Yaml => {
            let style = Style {
                flow: yaml::Flow::Never,
                width: usize::MAX,
                sort_keys: false,
                explicit_start: true,
                ..Style::TERSE
            };
            yaml::dump(value, style)
        }
    }
}

/// The bytes of the certificate.
fn fetch(from: &str) -> Result<Vec<u8>, Diagnostic> {
    match from.split_once("://") {
        None => read(Path::new(from)),
        Some(("file", path)) => read(Path::new(path)),
        Some(("http" | "https", _)) => crate::template::lookups::text_at(from)
            .map(String::into_bytes)
            .map_err(|why| Diagnostic::new(format!("failed to get `{from}`: {why}"))),
        Some((scheme, _)) => Err(Diagnostic::new(format!(
            "`{from}` is no address of a certificate: `{scheme}` is not http, https or file"
        ))),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    std::fs::read(path)
        .map_err(|e| Diagnostic::new(format!("cannot read `{}`: {e}", path.display())))
}

fn standard_input(what: &str) -> Result<Vec<u8>, Diagnostic> {
    let mut stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprintln!("reading {what} from standard input");
    }
    let mut bytes = Vec::new();
    stdin
        .read_to_end(&mut bytes)
        .map_err(|e| Diagnostic::new(format!("cannot read standard input: {e}")))?;
    Ok(bytes)
}

fn print(text: &str) -> Result<(), Diagnostic> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|e| Diagnostic::new(format!("cannot write: {e}")))
}
