//! Ways in for fuzzing: each takes anything at all and must come back. `tests/fuzz.rs` feeds them random and broken input in
//! every test run, `tests/fuzz/` is the cargo-fuzz project that looks further.

use crate::inventory::{Inventory, select};
use crate::playbook::Loader;
use crate::template::Templar;
use crate::vault::Keyring;
use std::path::Path;

/// An inventory in INI or YAML, and a pattern (its first line) that chooses from it.
pub fn inventory(text: &str) {
    let Ok(dir) = tempfile::tempdir() else { return };
    for name in ["hosts", "hosts.yml"] {
        let path = dir.path().join(name);
        if std::fs::write(&path, text).is_ok()
            && let Ok(found) = Inventory::load(&[path.display().to_string()], &Keyring::new())
        {
            let pattern = text.lines().next().unwrap_or_default();
            select(&found, pattern).ok();
        }
    }
}

/// A playbook.
pub fn playbook(text: &str) {
    let loader = Loader::new(Path::new("/nonexistent"));
    loader.playbook_text("fuzz.yml", text).ok();
}

/// A template and a bare expression: found good or bad before anything is rendered.
pub fn template(text: &str) {
    let templar = Templar::new();
    templar.check(text, None);
    templar.check_expression(text, None);
}

/// What a host's shell sends back.
pub fn reply(bytes: &[u8]) {
    crate::transport::scan_anything(bytes);
    crate::host::read_anything(bytes);
}
