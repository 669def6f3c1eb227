//! What the tests of this folder share.

use crate::modules::{Context, ControlFiles, Fail};
use crate::value::Map;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct NoFiles;

impl ControlFiles for NoFiles {
    fn find(&self, _: &str, _: &str) -> Result<PathBuf, Fail> {
        Err(Fail::new("no files"))
    }
    fn read(&self, _: &Path, _: bool) -> Result<std::sync::Arc<[u8]>, Fail> {
        Err(Fail::new("no files"))
    }
    fn digest(&self, _: &Path) -> Result<(u64, String, String), Fail> {
        Err(Fail::new("no files"))
    }
    fn render(&self, _: &Path, _: &Map) -> Result<String, Fail> {
        Err(Fail::new("no files"))
    }
}

/// A context with nothing in it.
pub(super) fn context() -> Context<'static> {
    static EMPTY: BTreeMap<String, String> = BTreeMap::new();
    static FACTS: std::sync::LazyLock<Map> = std::sync::LazyLock::new(Map::new);
    Context {
        check: false,
        diff: false,
        facts: &FACTS,
        environment: &EMPTY,
        root: true,
        host: "h",
        files: &NoFiles,
    }
}
