//! `lookup('generated_password', 'mlflow_db', length=32)`: random once, kept encrypted beside the inventory.

use super::password::{alphabet, write};
use super::{Table, texts};
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::template::filters::random_text;
use crate::value::{Map, Value};
use crate::yaml::{self, Style};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

pub(super) const TABLE: Table = &[("generated_password", generated_password)];

/// The file's name. The inventory's own loader leaves it out where it lies in a folder of inventories.
const FILE: &str = "generated.vault.yml";

/// What stands in for a password that check mode does not make.
const PLACEHOLDER: &str = "not-made-in-check-mode";

/// Files as they were last decrypted, with their encrypted bytes: a run asks for the same ones many times.
type Opened = HashMap<PathBuf, (Vec<u8>, Map)>;
static OPENED: LazyLock<Mutex<Opened>> = LazyLock::new(Mutex::default);

fn generated_password(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let mut options = Map::new();
    if let Some(chars) = args.keyword_data("chars")? {
        options.insert("chars".to_owned(), chars);
    } else {
        // no punctuation: it would have to be quoted in addresses, shells and INI files
        options.insert("chars".to_owned(), Value::from("ascii_letters,digits"));
    }
    let length = match args.keyword_data("length")? {
        None => 32,
        Some(v) => v.to_string().trim().parse::<usize>().unwrap_or(0),
    };
    if !(8..=10_000).contains(&length) {
        return args.fail("`length` must be a number between 8 and 10000");
    }
    let id = args.keyword_data("vault_id")?.map(|v| v.to_string());
    let names = texts(&mut args)?;
    if names.is_empty() {
        return args.fail("the name of the password is missing, as in `lookup('generated_password', 'mlflow_db')`");
    }
    let alphabet = alphabet(&args, &options)?;
    let mut out = Vec::new();
    for name in names {
        if name.trim().is_empty() {
            return args.fail("the name of the password is empty");
        }
        out.push(Value::from(one(
            &args,
            &name,
            length,
            &alphabet,
            id.as_deref(),
        )?));
    }
    args.end()?;
    Ok(out)
}

/// The password of that name; made when it is missing.
fn one(
    args: &Args<'_, '_>,
    name: &str,
    length: usize,
    alphabet: &str,
    id: Option<&str>,
) -> Eval<String> {
    let outside = args.cx.scope.outside();
    let folder = match args.cx.scope.get("inventory_dir") {
        Some(Value::Str(folder)) => PathBuf::from(&*folder),
        // hosts that no file lists
        _ => outside.basedir().to_owned(),
    };
    let path = folder.join(FILE);
    // Two hosts, or two hoists, that ask for the same new password at once must get the same one.
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = held(args, &path, &mut opened, name)? {
        return Ok(found);
    }
    if args.cx.scope.get("ansible_check_mode") == Some(Value::Bool(true)) {
        outside.warn(format!(
            "check mode: the password `{name}` is not there yet; it would be made and kept in `{}`",
            path.display()
        ));
        return Ok(PLACEHOLDER.to_owned());
    }
    if outside.is_ahead() {
        return args.fail("a new password waits for its turn");
    }
    let failed = |e: &dyn std::fmt::Display| {
        Diagnostic::new(format!("`{}` could not be written: {e}", path.display()))
    };
    let lock = File::open(&folder).map_err(|e| failed(&e))?;
    lock.lock().map_err(|e| failed(&e))?;
    // somebody may have made it while we waited
    if let Some(found) = held(args, &path, &mut opened, name)? {
        return Ok(found);
    }
    let password = random_text(length, alphabet, None)?;
    // secret as soon as it exists
    outside.secrets().add(&password);
    let mut all = opened
        .get(&path)
        .map(|(_, map)| map.clone())
        .unwrap_or_default();
    all.insert(name.to_owned(), Value::from(password.as_str()));
    all.sort_unstable_keys();
    let text = yaml::dump(&Value::from(all.clone()), Style::NICE);
    let id = id
        .map(str::to_owned)
        .or_else(|| opened.get(&path).and_then(|(cipher, _)| id_of(cipher)));
    let cipher = outside
        .encrypt(&text, id.as_deref())
        .map_err(|d| unkept(d, name, &path))?;
    write(&path, &cipher).map_err(|e| failed(&e))?;
    opened.insert(path, (cipher.into_bytes(), all));
    Ok(password)
}

/// Why a new password was not made: there is nothing to encrypt it with.
fn unkept(problem: Diagnostic, name: &str, path: &Path) -> Diagnostic {
    let note = format!("it would be kept encrypted in `{}`", path.display());
    if !problem.message.contains("no vault password was given") {
        return problem.with_note(format!("for the new password `{name}`: {note}"));
    }
    Diagnostic::new(format!(
        "the password `{name}` cannot be made: no vault password was given to keep it with"
    ))
    .with_note(note)
    .with_help(
        "write a line that nobody guesses into a file that only you can read, and name the file with \
         `--vault-password-file FILE` or ANSIBLE_VAULT_PASSWORD_FILE, in every run",
    )
}

/// The password of that name, when the file has it; the file is read into `opened`.
fn held(args: &Args<'_, '_>, path: &Path, opened: &mut Opened, name: &str) -> Eval<Option<String>> {
    let outside = args.cx.scope.outside();
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            opened.remove(path);
            return Ok(None);
        }
        Err(e) => return args.fail(format!("`{}` could not be read: {e}", path.display())),
    };
    if opened.get(path).is_none_or(|(cipher, _)| *cipher != bytes) {
        if !crate::vault::is_encrypted(&bytes) {
            return Err(
                Diagnostic::new(format!("`{}` is not encrypted", path.display())).with_help(
                    format!("encrypt it with `hoist vault encrypt {}`", path.display()),
                ),
            );
        }
        let plain = outside.read_file(path)?;
        let text = String::from_utf8_lossy(&plain);
        let document = yaml::parse_hidden(path, &text).map_err(|problems| {
            let first = problems.0.into_iter().next();
            first.unwrap_or_else(|| Diagnostic::new(format!("`{}` cannot be read", path.display())))
        })?;
        let mut map = Map::new();
        for (key, _, value) in document.root.iter().flat_map(|root| root.entries()) {
            // what the user put there by hand is text too, with or without quotes, and no template
            let text = match value.as_str() {
                Some(text) => text.to_owned(),
                None => value.to_value().to_string(),
            };
            map.insert(key, Value::from(text));
        }
        opened.insert(path.to_owned(), (bytes, map));
    }
    let found = opened
        .get(path)
        .and_then(|(_, map)| map.get(name))
        .map(Value::to_string);
    if let Some(password) = &found {
        outside.secrets().add(password);
    }
    Ok(found)
}

/// The vault id that an encrypted file names in its first line.
fn id_of(cipher: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(cipher);
    let id = text.lines().next()?.split(';').nth(3)?.trim();
    (!id.is_empty()).then(|| id.to_owned())
}
