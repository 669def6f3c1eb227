//! What `hoist vault …` does with files. Every file is written beside its place with mode 0600 and then renamed.

use super::cipher::{VaultError, is_encrypted, seal_fresh};
use super::keyring::Keyring;
use crate::error::{Diagnostic, Problems, Source};
use crate::yaml::{self, Document};
use std::io::{Seek, Write};
use std::path::Path;
use std::process::Command;

/// Encrypts a file in place, or into `output`.
///
/// # Errors
/// When the file cannot be read or written, is encrypted already, or no secret fits `id`.
pub fn encrypt_file(
    path: &Path,
    output: Option<&Path>,
    ring: &Keyring,
    id: Option<&str>,
) -> Result<(), Diagnostic> {
    let plain = read(path)?;
    if is_encrypted(&plain) {
        return Err(
            Diagnostic::new(format!("`{}` is encrypted already", path.display()))
                .with_help("use `rekey` to change its password"),
        );
    }
    let text = ring.encrypt(&plain, id).map_err(|e| about(&e, path))?;
    write_private(output.unwrap_or(path), text.as_bytes())
}

/// Decrypts a file in place, or into `output`.
///
/// # Errors
/// When the file cannot be read, decrypted or written.
pub fn decrypt_file(path: &Path, output: Option<&Path>, ring: &Keyring) -> Result<(), Diagnostic> {
    write_private(output.unwrap_or(path), &view(path, ring)?)
}

/// The decrypted bytes of a file.
///
/// # Errors
/// When the file cannot be read or decrypted.
pub fn view(path: &Path, ring: &Keyring) -> Result<Vec<u8>, Diagnostic> {
    ring.decrypt(&text(path)?).map_err(|e| about(&e, path))
}

/// Encrypts a file anew with a secret of another ring.
///
/// # Errors
/// When the file cannot be read, decrypted, encrypted or written.
pub fn rekey(
    path: &Path,
    old: &Keyring,
    new: &Keyring,
    id: Option<&str>,
) -> Result<(), Diagnostic> {
    let plain = view(path, old)?;
    let text = new.encrypt(&plain, id).map_err(|e| about(&e, path))?;
    write_private(path, text.as_bytes())
}

/// Opens an editor on an empty text and writes it encrypted to a file that must not be there yet.
///
/// # Errors
/// When the file is there, the editor fails, or the file cannot be written.
pub fn create(
    path: &Path,
    ring: &Keyring,
    id: Option<&str>,
    editor: &str,
) -> Result<(), Diagnostic> {
    if path.exists() {
        return Err(
            Diagnostic::new(format!("`{}` is there already", path.display()))
                .with_help("use `edit` to change it"),
        );
    }
    // Before the user writes a word, make sure that it can be kept.
    ring.encrypt(b"", id).map_err(|e| about(&e, path))?;
    let plain = in_editor(b"", editor, path)?;
    let text = ring.encrypt(&plain, id).map_err(|e| about(&e, path))?;
    write_private(path, text.as_bytes())
}

/// Opens an editor on the decrypted text of a file and encrypts it again with the same secret and id. Gives whether
/// anything changed; when nothing did, the file stays as it is.
///
/// # Errors
/// When the file cannot be read, decrypted or written, or the editor fails.
pub fn edit(path: &Path, ring: &Keyring, editor: &str) -> Result<bool, Diagnostic> {
    let cipher = text(path)?;
    let (before, id, secret) = ring.open(&cipher).map_err(|e| about(&e, path))?;
    let after = in_editor(&before, editor, path)?;
    if after == before {
        return Ok(false);
    }
    let text = seal_fresh(&after, secret, &id).map_err(|e| about(&e, path))?;
    write_private(path, text.as_bytes()).map(|()| true)
}

/// Reads a YAML file that may be encrypted as a whole. The places in an encrypted one do not show its text.
///
/// # Errors
/// When the file cannot be read or decrypted, and all that [`yaml::parse`] finds.
pub fn load_yaml(path: &Path, ring: &Keyring) -> Result<Document, Problems> {
    let bytes = read(path)?;
    let hidden = is_encrypted(&bytes);
    let bytes = if hidden { view(path, ring)? } else { bytes };
    let text = String::from_utf8(bytes)
        .map_err(|_| Diagnostic::new(format!("`{}` is not UTF-8", path.display())))?;
    if hidden {
        yaml::parse_hidden(path, &text)
    } else {
        yaml::parse(&Source::new(path, text))
    }
}

/// A `!vault` block to paste into a YAML file, under `name` when there is one.
///
/// # Errors
/// When no secret fits `id`.
pub fn encrypt_string(
    plain: &[u8],
    name: Option<&str>,
    ring: &Keyring,
    id: Option<&str>,
) -> Result<String, VaultError> {
    let cipher = ring.encrypt(plain, id)?;
    let mut out = name.map(|n| format!("{n}: ")).unwrap_or_default();
    out.push_str("!vault |\n");
    for line in cipher.lines() {
        out.push_str(&format!("          {line}\n"));
    }
    Ok(out)
}

fn about(error: &VaultError, path: &Path) -> Diagnostic {
    error
        .diagnostic()
        .with_note(format!("in `{}`", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    std::fs::read(path)
        .map_err(|e| Diagnostic::new(format!("cannot read `{}`: {e}", path.display())))
}

fn text(path: &Path) -> Result<String, Diagnostic> {
    let bytes = read(path)?;
    String::from_utf8(bytes).map_err(|_| about(&VaultError::NotEncrypted, path))
}

/// Replaces a file (the one a link points to) in one step by one that only its owner can read.
///
/// # Errors
/// When the file cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let failed = |e: &dyn std::fmt::Display| {
        Diagnostic::new(format!("cannot write `{}`: {e}", path.display()))
    };
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // A fresh `tempfile` has mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|e| failed(&e))?;
    file.write_all(bytes).map_err(|e| failed(&e))?;
    file.as_file().sync_all().map_err(|e| failed(&e))?;
    file.persist(&path).map_err(|e| failed(&e.error))?;
    Ok(())
}

/// Lets the user edit a text in a private file, which is overwritten and removed afterwards.
fn in_editor(plain: &[u8], editor: &str, path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let failed = |e: &dyn std::fmt::Display| {
        Diagnostic::new(format!("cannot edit `{}`: {e}", path.display()))
    };
    let suffix = path
        .extension()
        .map(|e| format!(".{}", e.to_string_lossy()))
        .unwrap_or_default();
    let mut file = tempfile::Builder::new()
        .prefix("hoist-vault-")
        .suffix(&suffix)
        .tempfile()
        .map_err(|e| failed(&e))?;
    file.write_all(plain).map_err(|e| failed(&e))?;
    let words = shell_words::split(editor).map_err(|e| failed(&e))?;
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| failed(&"the editor's name is empty"))?;
    let status = Command::new(program)
        .args(arguments)
        .arg(file.path())
        .status();
    let after =
        match status {
            Err(e) => Err(failed(&format!("`{program}`: {e}"))
                .with_help("set `EDITOR` to the editor you like")),
            Ok(s) if !s.success() => Err(failed(&format!(
                "`{program}` ended with {s}; nothing was changed"
            ))),
            // Editors that replace the file leave our handle on the old one, so the path is what counts.
            Ok(_) => std::fs::read(file.path()).map_err(|e| failed(&e)),
        };
    let length = after
        .as_ref()
        .map_or(plain.len(), Vec::len)
        .max(plain.len());
    let blank = vec![0u8; length];
    let _ = file.rewind().and_then(|()| file.write_all(&blank));
    if let Ok(mut current) = std::fs::OpenOptions::new().write(true).open(file.path()) {
        let _ = current.write_all(&blank);
    }
    after
}
