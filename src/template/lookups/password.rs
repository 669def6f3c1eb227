//! `lookup('password', 'path length=20 chars=ascii_letters,digits')`.

use super::{Table, texts};
use crate::error::Diagnostic;
use crate::template::args::{Args, Eval};
use crate::template::filters::{PasswordHash, random_text};
use crate::value::{Map, Value};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Mutex;

pub(super) const TABLE: Table = &[("password", password)];

const OPTIONS: [&str; 5] = ["length", "chars", "seed", "encrypt", "ident"];

/// Two hosts that ask for the same new password at once must get the same one.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn password(mut args: Args<'_, '_>) -> Eval<Vec<Value>> {
    let mut shared = Map::new();
    for key in OPTIONS {
        if let Some(v) = args.keyword_data(key)? {
            shared.insert(key.to_owned(), v);
        }
    }
    let mut out = Vec::new();
    for term in texts(&mut args)? {
        let (path, options) = read_term(&args, &term, &shared)?;
        let text = one(&args, &path, &options)?;
        args.cx.scope.outside().secrets().add(&text);
        out.push(Value::from(text));
    }
    args.end()?;
    Ok(out)
}

/// The path and the options that follow it in the term.
fn read_term(args: &Args<'_, '_>, term: &str, shared: &Map) -> Eval<(String, Map)> {
    let mut options = shared.clone();
    let mut path: Vec<&str> = Vec::new();
    for word in term.split(' ') {
        match word.split_once('=') {
            Some((key, value)) if OPTIONS.contains(&key) => {
                options.insert(key.to_owned(), Value::from(value.trim_matches(['"', '\''])));
            }
            Some((key, _)) if !path.is_empty() => {
                let d = Diagnostic::new(format!("{} has no option `{key}`", args.what));
                return Err(d.with_nearest(key, OPTIONS));
            }
            _ if options.len() > shared.len() => {
                return args.fail(format!("`{word}` stands after the options"));
            }
            _ => path.push(word),
        }
    }
    Ok((path.join(" "), options))
}

fn one(args: &Args<'_, '_>, path: &str, options: &Map) -> Eval<String> {
    let outside = args.cx.scope.outside();
    let path = outside
        .basedir()
        .join(crate::template::filters::path::expand_user(path));
    let text = |key: &str| {
        options
            .get(key)
            .filter(|v| **v != Value::Null)
            .map(Value::to_string)
    };
    let Ok(length) = text("length")
        .unwrap_or_else(|| "20".to_owned())
        .parse::<usize>()
    else {
        return args.fail("`length` must be a number");
    };
    if !(1..=10_000).contains(&length) {
        return args.fail("`length` must be between 1 and 10000");
    }
    let _guard = ONE_AT_A_TIME.lock();
    let held = if path != Path::new("/dev/null") && path.exists() {
        Some(outside.read_file(&path)?)
    } else {
        None
    };
    let is_new = held.is_none();
    let held = match held {
        Some(bytes) => Held::read(&String::from_utf8_lossy(&bytes)),
        None => Held {
            plain: random_text(length, &alphabet(args, options)?, text("seed").as_deref())?,
            ..Held::default()
        },
    };
    // The plain password counts as secret as soon as it exists.
    outside.secrets().add(&held.plain);
    let wanted = text("ident");
    if let (Some(kept), Some(wanted)) = (&held.ident, &wanted)
        && kept != wanted
    {
        return args.fail(format!(
            "`{}` has `ident={kept}`, not `{wanted}`",
            path.display()
        ));
    }
    let mut now = held.clone();
    now.ident = held.ident.clone().or(wanted);
    let mut how = None;
    if let Some(kind) = text("encrypt") {
        if now.ident.is_none() && matches!(kind.as_str(), "bcrypt" | "blowfish") {
            now.ident = Some("2b".to_owned());
        }
        let mut hash = PasswordHash {
            kind,
            ident: now.ident.clone(),
            ..PasswordHash::default()
        };
        if now.salt.is_none() {
            now.salt = Some(hash.new_salt()?);
        }
        hash.salt.clone_from(&now.salt);
        how = Some(hash);
    }
    if (is_new || now != held)
        && path != Path::new("/dev/null")
        && let Err(e) = write(&path, &now.text())
    {
        return args.fail(format!("`{}` could not be written: {e}", path.display()));
    }
    match how {
        Some(hash) => hash.of(&now.plain),
        None => Ok(now.plain),
    }
}

/// What such a file holds.
#[derive(Clone, Default, PartialEq)]
struct Held {
    plain: String,
    salt: Option<String>,
    ident: Option<String>,
}

impl Held {
    fn read(content: &str) -> Self {
        let content = content.trim_end();
        let Some((plain, rest)) = content.rsplit_once(" salt=") else {
            return Self {
                plain: content.to_owned(),
                ..Self::default()
            };
        };
        let (salt, ident) = match rest.rsplit_once(" ident=") {
            Some((salt, ident)) => (salt, Some(ident.to_owned())),
            None => (rest, None),
        };
        Self {
            plain: plain.to_owned(),
            salt: Some(salt.to_owned()),
            ident,
        }
    }

    fn text(&self) -> String {
        let part = |name: &str, value: &Option<String>| {
            value
                .as_ref()
                .map_or_else(String::new, |v| format!(" {name}={v}"))
        };
        // Without a salt an ident says nothing.
        let ident = self.salt.as_ref().and(self.ident.clone());
        format!(
            "{}{}{}\n",
            self.plain,
            part("salt", &self.salt),
            part("ident", &ident)
        )
    }
}

/// Writes a file that only its owner can read, beside its place and then renamed.
pub(super) fn write(path: &Path, content: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(content.as_bytes())?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

/// The characters to choose from: names of Python's `string` module, or the characters themselves.
pub(super) fn alphabet(args: &Args<'_, '_>, options: &Map) -> Eval<String> {
    let words: Vec<String> = match options.get("chars") {
        None | Some(Value::Null) => ["ascii_letters", "digits", ".,:-_"]
            .map(str::to_owned)
            .to_vec(),
        Some(Value::List(items)) => items.iter().map(Value::to_string).collect(),
        Some(other) => {
            let text = other.to_string();
            let mut words: Vec<String> = if text.contains(",,") {
                vec![",".to_owned()]
            } else {
                Vec::new()
            };
            words.extend(
                text.replace(",,", ",")
                    .split(',')
                    .filter(|w| !w.is_empty())
                    .map(str::to_owned),
            );
            words
        }
    };
    const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
    const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut out = String::new();
    for word in words {
        match word.as_str() {
            "ascii_letters" => out.push_str(&format!("{LOWER}{UPPER}")),
            "ascii_lowercase" => out.push_str(LOWER),
            "ascii_uppercase" => out.push_str(UPPER),
            "digits" => out.push_str("0123456789"),
            "hexdigits" => out.push_str("0123456789abcdefABCDEF"),
            "octdigits" => out.push_str("01234567"),
            "punctuation" => out.push_str("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
            other => out.push_str(other),
        }
    }
    // Quotes would break the places such passwords are pasted into; Ansible leaves them out too.
    let out: String = out.chars().filter(|c| !matches!(c, '"' | '\'')).collect();
    if out.is_empty() {
        return args.fail("`chars` leaves nothing to choose from");
    }
    Ok(out)
}
