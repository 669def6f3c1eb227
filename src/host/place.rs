//! Where a path really is.

/// What an answer depends on besides the path as it was asked: links on the way make other names lead to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The path with every symbolic link in its directories resolved; its last part as it is.
    pub canonical: String,
    /// The path itself is a symbolic link.
    pub link: bool,
}

/// `path` without its last part: `/` for `/x`, empty for a path without a slash.
pub(super) fn parent(path: &str) -> &str {
    let path = trim(path);
    match path.rfind('/') {
        Some(0) => "/",
        Some(at) => trim(&path[..at]),
        None => "",
    }
}

/// The last part of `path`.
pub(super) fn base(path: &str) -> &str {
    let path = trim(path);
    path.rsplit('/').next().unwrap_or(path)
}

/// Without slashes at the end, the root excepted.
pub(super) fn trim(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() && path.starts_with('/') {
        "/"
    } else {
        trimmed
    }
}

/// `directory` and `name` put together.
pub(super) fn join(directory: &str, name: &str) -> String {
    if name.is_empty() {
        directory.to_owned()
    } else if directory.ends_with('/') {
        format!("{directory}{name}")
    } else {
        format!("{directory}/{name}")
    }
}

/// The directories above `path`, nearest first, without the root.
pub(super) fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(parent(path)), |p| Some(parent(p))).take_while(|p| p.len() > 1)
}

/// Whether a change at `changed` may alter what is seen at `path`: the same, below it, or a directory above it.
pub(super) fn related(path: &str, changed: &str) -> bool {
    let path = path.trim_end_matches('/');
    let changed = changed.trim_end_matches('/');
    let below = |a: &str, b: &str| {
        a.strip_prefix(b)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    below(path, changed) || below(changed, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_paths() {
        let parts = |p| (parent(p).to_owned(), base(p).to_owned());
        assert_eq!(parts("/a/b"), ("/a".into(), "b".into()));
        assert_eq!(parts("/a/b//"), ("/a".into(), "b".into()));
        assert_eq!(parts("/a"), ("/".into(), "a".into()));
        assert_eq!(parts("/"), ("/".into(), String::new()));
        assert_eq!(parts("a"), (String::new(), "a".into()));
        assert_eq!(above("/a/b/c").collect::<Vec<_>>(), ["/a/b", "/a"]);
        assert_eq!(join("/", "x"), "/x");
        assert_eq!(join("/a", "x"), "/a/x");
    }
}
