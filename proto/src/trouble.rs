//! Why a host has no way to its sidecar. It stands in the message of the status UNAVAILABLE that the guest
//! gets, so that people are told what helps.

/// Before the word in the status' message.
const PREFIX: &str = "no sidecar: ";

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The platform is a cluster, and an embedded sidecar serves one node only.
    Cluster,
    /// A remote one is wanted, but its address or token is missing.
    Settings,
    /// Nobody answers there.
    Unreachable,
    /// Who answers there is not vouched for.
    Certificate,
    /// It refuses the token.
    Token,
    /// It speaks another version of the protocol.
    Protocol,
}

impl Trouble {
    const ALL: [Self; 6] = [
        Self::Cluster,
        Self::Settings,
        Self::Unreachable,
        Self::Certificate,
        Self::Token,
        Self::Protocol,
    ];

    /// One word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Settings => "settings",
            Self::Unreachable => "unreachable",
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::Protocol => "protocol",
        }
    }

    /// It does not pass by itself: a person has to change something.
    #[must_use]
    pub const fn lasts(self) -> bool {
        !matches!(self, Self::Unreachable)
    }

    /// As a status' message.
    #[must_use]
    pub fn message(self) -> String {
        format!("{PREFIX}{}", self.word())
    }

    /// Back from a status' message.
    #[must_use]
    pub fn of_message(message: &str) -> Option<Self> {
        let word = message.strip_prefix(PREFIX)?;
        Self::ALL.into_iter().find(|trouble| trouble.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_back() {
        for trouble in Trouble::ALL {
            assert_eq!(Trouble::of_message(&trouble.message()), Some(trouble));
        }
        assert_eq!(Trouble::of_message("no sidecar"), None);
        assert_eq!(Trouble::of_message("no sidecar: else"), None);
    }
}
