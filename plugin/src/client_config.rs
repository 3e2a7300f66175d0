//! The configuration that clients ask for: every key of the clients' protocol, none of them null.

use serde_json::{Value, json};

use crate::Guest;
use crate::turn;

impl Guest<'_> {
    /// The answer to `GET /config`.
    pub(crate) fn client_config(&self) -> Value {
        // Usually none: one fixed port with host candidates in the answer needs no third party. Those that
        // want credentials come with them, by another request.
        let mut servers = self.settings.ice_servers();
        servers.retain(|server| !server.wants_credentials());
        json!({
            "ICEServers": [],
            "ICEServersConfigs": servers,
            "NeedsTURNCredentials": !turn::servers(&self.settings).is_empty(),
            "AllowEnableCalls": true,
            "DefaultEnabled": self.settings.default_enabled,
            "MaxCallParticipants": self.settings.max_call_participants,
            "AllowScreenSharing": self.settings.allow_screen_sharing,
            "EnableRecordings": self.settings.enable_recordings,
            "EnableTranscriptions": false,
            "EnableLiveCaptions": false,
            "MaxRecordingDuration": self.settings.max_recording_duration,
            // Clients do one or the other.
            "EnableSimulcast": !self.settings.enable_av1,
            "EnableAV1": self.settings.enable_av1,
            "EnableDCSignaling": true,
            "EnableRinging": false,
            "EnableVideo": self.settings.enable_video,
            "HostControlsAllowed": true,
            "GroupCallsAllowed": self.settings.group_calls_allowed,
            "sku_short_name": "",
        })
    }
}
