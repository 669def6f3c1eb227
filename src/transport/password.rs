//! The password for becoming another user.

/// A password. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The password as the one line that sudo and su read.
    pub(super) fn line(&self) -> Vec<u8> {
        // A line end inside would be read as the end of the password and the rest as shell text.
        let text = self.0.split(['\n', '\r']).next().unwrap_or_default();
        format!("{text}\n").into_bytes()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}
