//! The two flavours of the bundle. They differ by the plugin's id and by nothing that is compiled in:
//! the bundle's `plugin.json` says the id, the platform and the host take it from there, and the guest
//! asks its host. What follows from the id stands here, for the host, the guest and the packager alike.

/// What a bundle is installed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Under our own id.
    Own,
    /// In the place of Mattermost's Calls plugin: its mobile, desktop and load-test clients know one id.
    DropIn,
}

/// What [`Flavour::DropIn`] calls itself before clients: they switch behaviour on at 1.7.0 and take
/// 2.0.0 and above for another protocol.
const VERSION_BEFORE_CLIENTS: &str = "1.12.0";
/// Major version of the drop-in bundle's manifest. A server replaces an installed plugin by the one of
/// that id that it ships with, if that is newer.
const DROP_IN_MAJOR: u32 = 99;
/// Minor and patch share a place there, each below this.
const PLACE: u32 = 1_000;

impl Flavour {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Own, Self::DropIn];

    /// The plugin's id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Own => "app.parley.calls",
            Self::DropIn => "com.mattermost.calls",
        }
    }

    /// The flavour with this id.
    #[must_use]
    pub fn of(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flavour| flavour.id() == id)
    }

    /// The one that must not be active beside this one: both would answer `/call`.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Own => Self::DropIn,
            Self::DropIn => Self::Own,
        }
    }

    /// What `GET /version` says, of a plugin whose own version is `ours`.
    #[must_use]
    pub fn version_before_clients(self, ours: &str) -> &str {
        match self {
            Self::Own => ours,
            Self::DropIn => VERSION_BEFORE_CLIENTS,
        }
    }

    /// The version in `plugin.json`. A drop-in's is 99.major.(1000 * minor + patch): three numbers, as
    /// semver wants them, above any version of the plugin that it replaces, growing with ours.
    /// `None` if `ours` is not three numbers, or minor or patch do not fit.
    #[must_use]
    pub fn manifest_version(self, ours: &str) -> Option<String> {
        let numbers: Vec<u32> = ours
            .split('.')
            .map(|part| part.parse().ok())
            .collect::<Option<_>>()?;
        let [major, minor, patch] = numbers[..] else {
            return None;
        };
        match self {
            Self::Own => Some(ours.to_owned()),
            Self::DropIn if minor < PLACE && patch < PLACE => {
                Some(format!("{DROP_IN_MAJOR}.{major}.{}", minor * PLACE + patch))
            }
            Self::DropIn => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_flavour_and_no_other_id_does() {
        for flavour in Flavour::ALL {
            assert_eq!(Flavour::of(flavour.id()), Some(flavour));
            assert_ne!(flavour.other(), flavour);
            assert_eq!(flavour.other().other(), flavour);
        }
        for id in [
            "",
            "app.parley",
            "APP.PARLEY.CALLS",
            "com.mattermost.calls2",
        ] {
            assert_eq!(Flavour::of(id), None, "{id}");
        }
    }

    #[test]
    fn clients_of_the_drop_in_see_a_version_they_know() {
        assert_eq!(Flavour::Own.version_before_clients("0.3.0"), "0.3.0");
        let seen = Flavour::DropIn.version_before_clients("0.3.0");
        assert!(seen.starts_with("1.12."), "{seen}");
    }

    #[test]
    fn the_drop_ins_version_grows_with_ours_and_is_semver() {
        let made = |ours| Flavour::DropIn.manifest_version(ours).unwrap();
        assert_eq!(made("0.1.0"), "99.0.1000");
        assert_eq!(made("2.34.567"), "99.2.34567");
        let order = ["0.1.0", "0.1.1", "0.1.999", "0.2.0", "0.999.999", "1.0.0"];
        let numbers = order.map(|ours| {
            made(ours)
                .split('.')
                .map(|n| n.parse::<u32>().unwrap())
                .collect::<Vec<_>>()
        });
        assert!(numbers.is_sorted(), "{numbers:?}");
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for ours in ["", "1", "1.2", "1.2.3.4", "1.2.x", "0.1000.0", "0.0.1000"] {
            assert_eq!(Flavour::DropIn.manifest_version(ours), None, "{ours}");
        }
        assert_eq!(Flavour::Own.manifest_version("1.2"), None);
        assert_eq!(
            Flavour::Own.manifest_version("1.2.3").as_deref(),
            Some("1.2.3")
        );
    }
}
