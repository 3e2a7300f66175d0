//! Secrets: a type that can be compared and handed on, but not printed, logged or serialised by accident.

use subtle::ConstantTimeEq;

/// The token that hosts show. Deliberately without `Debug`, `Display`, `Serialize` and `Clone`.
pub struct Secret(String);

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Too short or too long.
    #[error(
        "the token has {0} characters, not {min} to {max}",
        min = parley_proto::launch::TOKEN_LENGTH_MIN,
        max = parley_proto::launch::TOKEN_LENGTH_MAX
    )]
    Length(usize),
    /// Something else than `[A-Za-z0-9_-]`.
    #[error("the token has characters other than A-Z, a-z, 0-9, _ and -")]
    Characters,
    /// The system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

impl Secret {
    /// A new random token: 32 bytes as hexadecimal digits.
    pub fn random() -> Result<Self, SecretError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(SecretError::Random)?;
        Ok(Self(hex(&bytes)))
    }

    /// Takes a token that a host made.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        use parley_proto::launch::{TOKEN_LENGTH_MAX, TOKEN_LENGTH_MIN};
        if !(TOKEN_LENGTH_MIN..=TOKEN_LENGTH_MAX).contains(&text.len()) {
            return Err(SecretError::Length(text.len()));
        }
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
        if !text.bytes().all(allowed) {
            return Err(SecretError::Characters);
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether `shown` is the secret, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, shown: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(shown).into()
    }

    /// The text itself, for the token file and nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_matches() {
        let secret = Secret::parse(&"a".repeat(64)).unwrap();
        assert!(secret.matches("a".repeat(64).as_bytes()));
        assert!(!secret.matches("a".repeat(63).as_bytes()));
        assert!(!secret.matches(format!("{}b", "a".repeat(63)).as_bytes()));
        assert!(!secret.matches(b""));
    }

    #[test]
    fn random_tokens_differ_and_parse() {
        let (a, b) = (Secret::random().unwrap(), Secret::random().unwrap());
        assert_ne!(a.expose(), b.expose());
        assert!(Secret::parse(a.expose()).is_ok());
    }

    #[test]
    fn short_or_strange_tokens_are_refused() {
        assert_eq!(Secret::parse("abc").err(), Some(SecretError::Length(3)));
        let strange = format!("{}\n", "a".repeat(40));
        assert_eq!(Secret::parse(&strange).err(), Some(SecretError::Characters));
    }
}
