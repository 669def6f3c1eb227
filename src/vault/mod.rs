//! Encrypted texts and files, as `ansible-vault` makes and reads them: format 1.1 and 1.2, cipher AES256.

mod cipher;
mod files;
mod keyring;
mod source;

pub use cipher::{VaultError, is_encrypted};
pub use files::{
    create, decrypt_file, edit, encrypt_file, encrypt_string, load_yaml, rekey, view, write_private,
};
pub use keyring::Keyring;
pub use source::{Ask, SecretSource};

#[cfg(test)]
mod tests;
