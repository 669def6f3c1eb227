//! `kustomize`: the objects that `kustomize build` or `kubectl kustomize` makes on the control machine.

use super::{Table, texts};
use crate::template::args::{Args, Eval};
use crate::value::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(super) const TABLE: Table = &[("kustomize", kustomize)];

/// `lookup('kubernetes.core.kustomize', dir='.', binary_path=…, opt_dirs=…, enable_helm=false, environment={})`.
fn kustomize(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let text = |v: Option<Value>| v.filter(|v| *v != Value::Null).map(|v| v.to_string());
    let mut dir = text(args.keyword_data("dir")?);
    if let Some(term) = texts(&mut args)?.into_iter().next() {
        dir.get_or_insert(term);
    }
    let dir = dir.unwrap_or_else(|| ".".to_owned());
    let named = text(args.keyword_data("binary_path")?);
    let more = match args.keyword_data("opt_dirs")? {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(dirs)) => dirs.iter().map(Value::to_string).collect(),
        Some(one) => vec![one.to_string()],
    };
    let helm = args.keyword_flag("enable_helm", false)?;
    let environment = match args.keyword_data("environment")? {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Map(map)) => map
            .iter()
            .map(|(k, v)| (k.clone(), v.to_string()))
            .collect(),
        Some(other) => {
            let words = other.to_string();
            let pairs: Option<Vec<_>> = words
                .split_whitespace()
                .map(|w| w.split_once('='))
                .map(|p| p.map(|(k, v)| (k.to_owned(), v.to_owned())))
                .collect();
            match pairs {
                Some(pairs) => pairs,
                None => {
                    return args.fail(
                        "`environment` must be a mapping, or `key=value` pairs with blanks between",
                    );
                }
            }
        }
    };
    let program = match named {
        Some(path) => PathBuf::from(path),
        None => match find("kustomize", &more).or_else(|| find("kubectl", &more)) {
            Some(path) => path,
            None => {
                return args.fail(
                    "neither `kustomize` nor `kubectl` is on this machine; install one, or give `binary_path`",
                );
            }
        },
    };
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let verb = if name.ends_with("kustomize") {
        "build"
    } else if name.ends_with("kubectl") {
        "kustomize"
    } else {
        return args.fail(format!(
            "`binary_path` must be a kustomize or a kubectl, not `{}`",
            program.display()
        ));
    };
    let mut command = Command::new(&program);
    command.arg(verb).arg(&dir);
    if helm {
        command.arg("--enable-helm");
    }
    let output = command
        .envs(environment)
        .current_dir(args.cx.scope.outside().basedir())
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(e) => return args.fail(format!("`{}` did not start: {e}", program.display())),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return args.fail(format!("`{name} {verb} {dir}` failed: {}", said.trim()));
    }
    args.end()?;
    Ok(vec![Value::from(
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )])
}

/// A program in `dirs`, then on the path.
fn find(name: &str, dirs: &[String]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let given = dirs.iter().map(PathBuf::from);
    given
        .chain(std::env::split_paths(&path))
        .map(|dir| dir.join(name))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}
