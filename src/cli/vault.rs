//! `hoist vault`: encrypted files and strings, as `ansible-vault` has them.

use crate::error::{Diagnostic, Problems};
use crate::vault::{self, Keyring, SecretSource};
use clap::{Args, Subcommand};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where vault secrets come from; part of every command that may meet an encrypted text.
#[derive(Args, Clone, Debug, Default)]
pub struct VaultOptions {
    /// A vault secret: ID@FILE, ID@SCRIPT or ID@prompt; may be given several times
    #[arg(long = "vault-id", value_name = "ID@SOURCE")]
    vault_ids: Vec<String>,
    /// A file that holds the vault password, or a script that prints it
    #[arg(
        long = "vault-password-file",
        visible_alias = "vault-pass-file",
        value_name = "FILE"
    )]
    vault_password_files: Vec<String>,
    /// Ask for the vault password
    #[arg(
        short = 'J',
        long = "ask-vault-pass",
        visible_alias = "ask-vault-password"
    )]
    ask_vault_pass: bool,
}

impl VaultOptions {
    /// Reads every secret that the options and the environment name.
    ///
    /// # Errors
    /// Each source that cannot be read.
    pub fn keyring(&self) -> Result<Keyring, Problems> {
        self.keyring_from(|name| std::env::var(name).ok())
    }

    /// As [`Self::keyring`], with what `get` gives in place of the environment.
    ///
    /// # Errors
    /// Each source that cannot be read.
    pub fn keyring_from(&self, get: impl Fn(&str) -> Option<String>) -> Result<Keyring, Problems> {
        Keyring::load(&self.sources(get), &mut |text| {
            rpassword::prompt_password(text)
        })
    }

    fn sources(&self, get: impl Fn(&str) -> Option<String>) -> Vec<SecretSource> {
        let mut sources = SecretSource::from_env(get);
        sources.extend(self.vault_ids.iter().map(|v| SecretSource::parse(v)));
        sources.extend(
            self.vault_password_files
                .iter()
                .map(|f| SecretSource::file(f)),
        );
        if self.ask_vault_pass {
            sources.push(SecretSource::prompt("default"));
        }
        sources
    }

    /// As [`Self::keyring`], but asks when nothing is named; `new` asks for every prompted secret twice.
    fn keyring_or_ask(&self, new: bool) -> Result<Keyring, Problems> {
        let mut sources = self.sources(|name| std::env::var(name).ok());
        if sources.is_empty() {
            sources.push(SecretSource::prompt("default"));
        }
        load(&sources, new)
    }
}

fn load(sources: &[SecretSource], new: bool) -> Result<Keyring, Problems> {
    Keyring::load(sources, &mut |text| {
        if !new {
            return rpassword::prompt_password(text);
        }
        let first = rpassword::prompt_password(format!("New {}", lower(text)))?;
        let second = rpassword::prompt_password(format!("Confirm new {}", lower(text)))?;
        if first == second {
            Ok(first)
        } else {
            Err(std::io::Error::other("the two passwords differ"))
        }
    })
}

fn lower(text: &str) -> String {
    text.replacen('V', "v", 1)
}

/// What to encrypt with.
#[derive(Args, Clone, Debug)]
pub struct EncryptOptions {
    #[command(flatten)]
    vault: VaultOptions,
    /// Which of several vault ids to encrypt with
    #[arg(long, value_name = "ID")]
    encrypt_vault_id: Option<String>,
}

/// The subcommands of `hoist vault`.
#[derive(Subcommand, Clone, Debug)]
pub enum VaultCommand {
    /// Write a new encrypted file in an editor
    Create {
        /// What to encrypt with.
        #[command(flatten)]
        with: EncryptOptions,
        /// The file, which must not be there yet
        file: PathBuf,
    },
    /// Change encrypted files in an editor
    Edit {
        /// Where the secrets come from.
        #[command(flatten)]
        vault: VaultOptions,
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print encrypted files as plain text
    View {
        /// Where the secrets come from.
        #[command(flatten)]
        vault: VaultOptions,
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Encrypt files in place, or standard input
    Encrypt {
        /// What to encrypt with.
        #[command(flatten)]
        with: EncryptOptions,
        /// Write there instead; `-` is standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The files; none or `-` is standard input
        files: Vec<PathBuf>,
    },
    /// Decrypt files in place, or standard input
    Decrypt {
        /// Where the secrets come from.
        #[command(flatten)]
        vault: VaultOptions,
        /// Write there instead; `-` is standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The files; none or `-` is standard input
        files: Vec<PathBuf>,
    },
    /// Encrypt files anew with another password
    Rekey {
        /// What to encrypt with.
        #[command(flatten)]
        with: EncryptOptions,
        /// The new secret: ID@FILE, ID@SCRIPT or ID@prompt
        #[arg(long, value_name = "ID@SOURCE")]
        new_vault_id: Option<String>,
        /// A file that holds the new password, or a script that prints it
        #[arg(long, value_name = "FILE")]
        new_vault_password_file: Option<String>,
        /// The files
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Encrypt strings to paste into a YAML file
    #[command(name = "encrypt_string", visible_alias = "encrypt-string")]
    EncryptString {
        /// What to encrypt with.
        #[command(flatten)]
        with: EncryptOptions,
        /// The variable's name, one for each string in their order
        #[arg(short, long, value_name = "NAME")]
        name: Vec<String>,
        /// Read the string from standard input, under this name
        #[arg(long, value_name = "NAME")]
        stdin_name: Option<String>,
        /// Ask for the string
        #[arg(short, long)]
        prompt: bool,
        /// Write there instead of to standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The strings; other users of this machine can see them while this runs, so better use `-p` or standard input
        strings: Vec<String>,
    },
}

/// Runs one of them.
///
/// # Errors
/// The first file that could not be dealt with, or the passwords that could not be read.
pub fn run(command: VaultCommand) -> Result<ExitCode, Problems> {
    let done = match command {
        VaultCommand::Create { with, file } => {
            let (ring, id) = (with.vault.keyring_or_ask(true)?, with.encrypt_vault_id);
            vault::create(&file, &ring, id.as_deref(), &editor())?;
            ""
        }
        VaultCommand::Edit { vault, files } => {
            let ring = vault.keyring_or_ask(false)?;
            for file in files {
                if !vault::edit(&file, &ring, &editor())? {
                    eprintln!("`{}` is unchanged", file.display());
                }
            }
            ""
        }
        VaultCommand::View { vault, files } => {
            let ring = vault.keyring_or_ask(false)?;
            for file in files {
                print(&vault::view(&file, &ring)?)?;
            }
            ""
        }
        VaultCommand::Encrypt {
            with,
            output,
            files,
        } => {
            let (ring, id) = (with.vault.keyring_or_ask(true)?, with.encrypt_vault_id);
            for file in one_output(&files, output.as_deref())? {
                if is_stream(&file) || output.as_deref().is_some_and(is_stream) {
                    let plain = read(&file)?;
                    let text = ring
                        .encrypt(&plain, id.as_deref())
                        .map_err(Diagnostic::from)?;
                    put(output.as_deref(), text.as_bytes())?;
                } else {
                    vault::encrypt_file(&file, output.as_deref(), &ring, id.as_deref())?;
                }
            }
            "encrypted"
        }
        VaultCommand::Decrypt {
            vault,
            output,
            files,
        } => {
            let ring = vault.keyring_or_ask(false)?;
            for file in one_output(&files, output.as_deref())? {
                if is_stream(&file) {
                    let text = String::from_utf8_lossy(&read(&file)?).into_owned();
                    put(
                        output.as_deref(),
                        &ring.decrypt(&text).map_err(Diagnostic::from)?,
                    )?;
                } else if output.as_deref().is_some_and(is_stream) {
                    print(&vault::view(&file, &ring)?)?;
                } else {
                    vault::decrypt_file(&file, output.as_deref(), &ring)?;
                }
            }
            "decrypted"
        }
        VaultCommand::Rekey {
            with,
            new_vault_id,
            new_vault_password_file,
            files,
        } => {
            let old = with.vault.keyring_or_ask(false)?;
            let mut sources: Vec<SecretSource> = new_vault_id
                .iter()
                .map(|v| SecretSource::parse(v))
                .collect();
            sources.extend(
                new_vault_password_file
                    .iter()
                    .map(|f| SecretSource::file(f)),
            );
            if sources.is_empty() {
                sources.push(SecretSource::prompt("default"));
            }
            let new = load(&sources, true)?;
            for file in files {
                vault::rekey(&file, &old, &new, with.encrypt_vault_id.as_deref())?;
            }
            "encrypted anew"
        }
        VaultCommand::EncryptString {
            with,
            name,
            stdin_name,
            prompt,
            output,
            strings,
        } => {
            let (ring, id) = (with.vault.keyring_or_ask(true)?, with.encrypt_vault_id);
            let mut all: Vec<(Option<String>, Vec<u8>)> = Vec::new();
            if prompt {
                let text = rpassword::prompt_password("String to encrypt (hidden): ")
                    .map_err(|e| Diagnostic::new(format!("cannot ask for the string: {e}")))?;
                all.push((name.first().cloned(), text.into_bytes()));
            }
            if stdin_name.is_some() || (strings.is_empty() && !prompt) {
                all.push((
                    stdin_name.or_else(|| name.first().cloned()),
                    read(Path::new("-"))?,
                ));
            }
            let mut names = name.into_iter();
            all.extend(strings.into_iter().map(|s| (names.next(), s.into_bytes())));
            let mut text = String::new();
            for (name, plain) in all {
                if plain.is_empty() {
                    return Err(Diagnostic::new("the string to encrypt is empty").into());
                }
                text += &vault::encrypt_string(&plain, name.as_deref(), &ring, id.as_deref())
                    .map_err(Diagnostic::from)?;
            }
            put(output.as_deref(), text.as_bytes())?;
            ""
        }
    };
    if !done.is_empty() && std::io::stdout().is_terminal() {
        eprintln!("{done}");
    }
    Ok(ExitCode::SUCCESS)
}

fn editor() -> String {
    ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()))
        .unwrap_or_else(|| "vi".to_owned())
}

fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// The files, or standard input; one output cannot hold several.
fn one_output(files: &[PathBuf], output: Option<&Path>) -> Result<Vec<PathBuf>, Diagnostic> {
    if files.len() > 1 && output.is_some_and(|o| !is_stream(o)) {
        return Err(Diagnostic::new("`--output` takes one file at a time")
            .with_help("leave it out to change the files in place"));
    }
    Ok(if files.is_empty() {
        vec![PathBuf::from("-")]
    } else {
        files.to_vec()
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Diagnostic> {
    let mut bytes = Vec::new();
    let result = if is_stream(path) {
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    result.map_err(|e| Diagnostic::new(format!("cannot read `{}`: {e}", path.display())))
}

fn put(output: Option<&Path>, bytes: &[u8]) -> Result<(), Diagnostic> {
    match output.filter(|o| !is_stream(o)) {
        Some(path) => vault::write_private(path, bytes),
        None => print(bytes),
    }
}

fn print(bytes: &[u8]) -> Result<(), Diagnostic> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|e| Diagnostic::new(format!("cannot print: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: VaultCommand,
    }

    fn hoist(line: &[&str]) -> Result<ExitCode, Problems> {
        let line = std::iter::once("vault").chain(line.iter().copied());
        run(Cli::try_parse_from(line).unwrap().command)
    }

    #[test]
    fn files_go_there_and_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let (old, new, vars, other) = (
            path("old"),
            path("new"),
            path("vars.yml"),
            path("other.yml"),
        );
        std::fs::write(&old, "swordfish").unwrap();
        std::fs::write(&new, "pike").unwrap();
        std::fs::write(&vars, "a: 1\n").unwrap();
        let pass = ["--vault-password-file", &old];
        hoist(&["encrypt", pass[0], pass[1], &vars]).unwrap();
        assert!(
            std::fs::read_to_string(&vars)
                .unwrap()
                .starts_with("$ANSIBLE_VAULT;1.1;AES256\n")
        );
        hoist(&[
            "rekey",
            pass[0],
            pass[1],
            "--new-vault-id",
            &format!("dev@{new}"),
            &vars,
        ])
        .unwrap();
        assert!(
            std::fs::read_to_string(&vars)
                .unwrap()
                .starts_with("$ANSIBLE_VAULT;1.2;AES256;dev\n")
        );
        let wrong = hoist(&["decrypt", pass[0], pass[1], &vars]).unwrap_err();
        assert!(
            wrong.to_string().contains("no vault password given fits"),
            "{wrong}"
        );
        hoist(&["decrypt", "--vault-id", &new, "--output", &other, &vars]).unwrap();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "a: 1\n");
        let several = hoist(&[
            "decrypt",
            "--vault-id",
            &new,
            "--output",
            &other,
            &vars,
            &vars,
        ]);
        assert!(
            several
                .unwrap_err()
                .to_string()
                .contains("one file at a time")
        );
        hoist(&[
            "encrypt_string",
            pass[0],
            pass[1],
            "--output",
            &other,
            "-n",
            "b",
            "secret",
            "bare",
        ])
        .unwrap();
        let text = std::fs::read_to_string(&other).unwrap();
        assert!(text.starts_with("b: !vault |\n          $ANSIBLE_VAULT"));
        assert!(text.contains("\n!vault |\n"));
    }
}
