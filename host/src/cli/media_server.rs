//! The media server that the plugin uses: its own, an admin's, or none on a cluster.

use parley_proto::trouble::Trouble;
use parley_settings::{Settings, SidecarMode};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::media::{FixedLink, LinkReceiver};
use crate::sidecar::{FirstStart, Remote, RemoteConfig, SidecarConfig, SidecarEnding, Supervisor};

/// Which one the settings ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The plugin's own.
    Embedded,
    /// An admin's.
    Remote(Box<RemoteConfig>),
    /// None, because the other nodes could not reach it.
    NoneOnCluster,
    /// None, because it is not said where the remote one is.
    Incomplete,
}

impl Wanted {
    pub(super) fn of(settings: &Settings, is_cluster: bool, host_id: &str) -> Self {
        match settings.sidecar_mode {
            SidecarMode::Embedded if is_cluster => Self::NoneOnCluster,
            SidecarMode::Embedded => Self::Embedded,
            SidecarMode::Remote => {
                let token = &settings.sidecar_token;
                match settings.sidecar_address.parse() {
                    Ok(address) if !token.reveal().trim().is_empty() => {
                        Self::Remote(Box::new(RemoteConfig {
                            address,
                            token: token.clone(),
                            ca: settings.sidecar_ca_certificate.clone(),
                            host_id: host_id.to_owned(),
                        }))
                    }
                    _ => Self::Incomplete,
                }
            }
        }
    }
}

/// The one in use. It speaks through the link that it was started with.
pub(super) enum MediaServer {
    Embedded {
        supervisor: Supervisor,
        following: JoinHandle<()>,
        stop: CancellationToken,
    },
    Remote(Remote),
    None,
}

impl MediaServer {
    /// Returns at once. `embedded` says how one of our own is run.
    pub(super) fn start(
        wanted: &Wanted,
        link: &FixedLink,
        embedded: impl FnOnce() -> Result<SidecarConfig, String>,
    ) -> Result<Self, String> {
        link.set_trouble(None);
        Ok(match wanted {
            Wanted::Embedded => {
                let supervisor = Supervisor::start(embedded()?);
                let stop = CancellationToken::new();
                let connection = supervisor.link().connection();
                let following = tokio::spawn(follow(connection, link.clone(), stop.clone()));
                Self::Embedded {
                    supervisor,
                    following,
                    stop,
                }
            }
            Wanted::Remote(config) => {
                tracing::info!("using the remote media server");
                Self::Remote(Remote::start((**config).clone(), link.clone()))
            }
            Wanted::NoneOnCluster => {
                tracing::warn!(
                    "this server is one of a cluster: calls need a remote media server (SidecarMode), so none \
                     is started here"
                );
                link.set_trouble(Some(Trouble::Cluster));
                Self::None
            }
            Wanted::Incomplete => {
                tracing::error!(
                    "SidecarMode is remote, but SidecarAddress or SidecarToken is missing"
                );
                link.set_trouble(Some(Trouble::Settings));
                Self::None
            }
        })
    }

    /// How the first attempt to have one of our own ended; see [`Supervisor::first_start`].
    pub(super) async fn first_start(&self) -> FirstStart {
        match self {
            Self::Embedded { supervisor, .. } => supervisor.first_start().await,
            Self::Remote(_) | Self::None => FirstStart::Begun,
        }
    }

    /// For who ends it instead of leaving it; `None` = it is not ours to end.
    pub(super) fn ending(&self) -> Option<SidecarEnding> {
        match self {
            Self::Embedded { supervisor, .. } => Some(supervisor.ending()),
            Self::Remote(_) | Self::None => None,
        }
    }

    /// Says goodbye; the link has no connection afterwards. One of our own goes on for its lease.
    pub(super) async fn leave(self) {
        match self {
            Self::Embedded {
                supervisor,
                following,
                stop,
            } => {
                supervisor.stop().await;
                stop.cancel();
                let _ = following.await;
            }
            Self::Remote(remote) => remote.stop().await,
            Self::None => {}
        }
    }
}

/// Passes a supervisor's connection on for as long as it is the one in use.
async fn follow(mut connection: LinkReceiver, link: FixedLink, stop: CancellationToken) {
    let following = async {
        loop {
            let present = connection.borrow_and_update().clone();
            link.set(present);
            if connection.changed().await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = following => {}
        () = stop.cancelled() => {}
    }
    link.set(None);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(json: &str, is_cluster: bool) -> Wanted {
        Wanted::of(&Settings::parse(json).unwrap(), is_cluster, "host")
    }

    #[test]
    fn a_cluster_needs_a_remote_one() {
        let remote = r#"{"SidecarMode":"remote","SidecarAddress":"https://a:1",
            "SidecarToken":"0123456789abcdef0123456789abcdef"}"#;
        assert_eq!(wanted("{}", false), Wanted::Embedded);
        assert_eq!(wanted("{}", true), Wanted::NoneOnCluster);
        assert!(matches!(wanted(remote, true), Wanted::Remote(_)));
        assert_eq!(wanted(remote, false), wanted(remote, true));
    }

    #[test]
    fn half_a_remote_one_is_never_replaced_by_an_embedded_one() {
        for json in [
            r#"{"SidecarMode":"remote"}"#,
            r#"{"SidecarMode":"remote","SidecarAddress":"https://a:1"}"#,
        ] {
            assert_eq!(wanted(json, false), Wanted::Incomplete);
        }
    }
}
