//! `Token`: what lets nodes join: `K10<SHA-256 of the authority>::user:password`, or the password alone.

use crate::simulation::authority::digest;

/// A token, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The SHA-256 that the cluster's authority must have; empty when any will do.
    pub authority: String,
    /// The password.
    pub password: String,
}

impl Token {
    /// Takes a token apart.
    ///
    /// # Errors
    /// A token that begins like a full one and is none.
    pub fn parse(text: &str) -> Result<Token, String> {
        let Some(rest) = text.strip_prefix("K10") else {
            return Ok(Token {
                authority: String::new(),
                password: text.to_owned(),
            });
        };
        let parts = rest.split_once("::").filter(|(hash, _)| hash.len() == 64);
        let (authority, pair) = parts.ok_or("invalid token CA hash length")?;
        let password = pair.split_once(':').map_or(pair, |(_, password)| password);
        Ok(Token {
            authority: authority.to_owned(),
            password: password.to_owned(),
        })
    }

    /// The full text of a server's token.
    pub fn full(authority: &str, password: &str) -> String {
        format!("K10{}::server:{password}", digest(authority))
    }

    /// Checks that a cluster's authority is the one that the token names.
    ///
    /// # Errors
    /// In K3s's words, when it is another.
    pub fn check(&self, authority: &str) -> Result<(), String> {
        let found = digest(authority);
        if self.authority.is_empty() || self.authority == found {
            return Ok(());
        }
        Err(format!(
            "token CA hash does not match the Cluster CA certificate hash: {} != {found}",
            self.authority
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_and_short() {
        let full = Token::full("PEM", "secret");
        let token = Token::parse(&full).unwrap();
        assert_eq!(token.password, "secret");
        assert_eq!(token.check("PEM"), Ok(()));
        assert!(
            token
                .check("OTHER")
                .unwrap_err()
                .starts_with("token CA hash does not match")
        );
        let short = Token::parse("secret").unwrap();
        assert_eq!(short.check("anything"), Ok(()));
        assert_eq!(
            Token::parse("K10abc::server:x").unwrap_err(),
            "invalid token CA hash length"
        );
    }
}
