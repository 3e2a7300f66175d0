//! Ids as types: a user's id cannot be passed where a channel's is wanted.

use serde::{Deserialize, Serialize};

/// Length of the platform's ids.
pub const ID_LENGTH: usize = 26;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// An id from a trusted side (platform, sidecar, our own records).
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// An id from a client: 26 characters of `[a-z0-9]`, else `None`.
            pub fn parse(id: &str) -> Option<Self> {
                is_id(id).then(|| Self(id.to_owned()))
            }

            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Not set.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A person or bot of the platform; a participant of the sidecar.
    UserId
);
id!(
    /// A channel of the platform.
    ChannelId
);
id!(
    /// A post of the platform; empty = none.
    PostId
);
id!(
    /// One call; a room of the sidecar.
    CallId
);
id!(
    /// One recording; ours, whoever keeps it.
    RecordingId
);
id!(
    /// One joined session: the connection id at its first join.
    SessionId
);
id!(
    /// One WebSocket connection of a client.
    ConnectionId
);

/// 26 characters of `[a-z0-9]`.
pub fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// A new id out of random bytes (130 bits, as the platform's own).
pub fn new_id(random: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    (0..ID_LENGTH)
        .map(|i| char::from(ALPHABET[usize::from(random.get(i).copied().unwrap_or(0) & 31)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_platforms_alphabet_passes() {
        assert!(ChannelId::parse("abcdefghijklmnopqrstuvwx12").is_some());
        for bad in [
            "",
            "abc",
            "Abcdefghijklmnopqrstuvwx12",
            "abcdefghijklmnopqrstuvwx1/",
        ] {
            assert!(ChannelId::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn new_ids_are_ids() {
        assert!(is_id(&new_id(&[255; 26])));
        assert!(is_id(&new_id(&[])));
    }
}
