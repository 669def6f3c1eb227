//! Which version of K3s the program says it is: written behind the end of its own file, so that the artifact decides.

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// What a program without a stamp says.
const BUILT_IN: &str = "v1.36.5+k3s1";
/// What stands before the version at the end of a stamped file.
const MARK: &str = "\nsimulated k3s version ";

/// The version that this program says it is.
pub fn version() -> String {
    stamped(Path::new("/proc/self/exe")).unwrap_or_else(|| BUILT_IN.to_owned())
}

fn stamped(path: &Path) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?;
    let length = file.seek(SeekFrom::End(0)).ok()?;
    file.seek(SeekFrom::Start(length.saturating_sub(128)))
        .ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail).into_owned();
    let (_, version) = tail.rsplit_once(MARK)?;
    Some(version.trim_end().to_owned())
}

/// Makes a program `k3s` of this one that says it is of a version (such as `v1.36.4+k3s1`), mode 0755.
///
/// # Errors
/// A text that is no version of K3s, and a file that cannot be written.
pub fn stamp(version: &str, path: &Path) -> io::Result<()> {
    let numbers = version
        .strip_prefix('v')
        .and_then(|it| it.split_once("+k3s"));
    let is_version = numbers.is_some_and(|(numbers, build)| {
        let numbers: Vec<&str> = numbers.split('.').collect();
        let number = |it: &str| !it.is_empty() && it.chars().all(|c| c.is_ascii_digit());
        numbers.len() == 3 && numbers.into_iter().all(number) && number(build)
    });
    if !is_version {
        let message = format!("no version of K3s: {version:?} (it looks like v1.36.5+k3s1)");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let folder = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::copy(&mut std::fs::File::open("/proc/self/exe")?, &mut file)?;
    writeln!(file, "{MARK}{version}")?;
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o755))?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_decides() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k3s");
        stamp("v1.35.9+k3s1", &path).unwrap();
        assert_eq!(stamped(&path).as_deref(), Some("v1.35.9+k3s1"));
        assert!(stamp("1.35", &path).is_err());
        assert_eq!(version(), BUILT_IN);
    }
}
