//! The configuration that clients ask for: every key of the clients' protocol, none of them null.

use serde_json::{Value, json};

use crate::Guest;

impl Guest<'_> {
    /// The answer to `GET /config`.
    pub(crate) fn client_config(&self) -> Value {
        json!({
            // One fixed port with host candidates in the answer: no third party is needed.
            "ICEServers": [],
            "ICEServersConfigs": [],
            "NeedsTURNCredentials": false,
            "AllowEnableCalls": true,
            "DefaultEnabled": self.settings.default_enabled,
            "MaxCallParticipants": self.settings.max_call_participants,
            "AllowScreenSharing": self.settings.allow_screen_sharing,
            "EnableRecordings": false,
            "EnableTranscriptions": false,
            "EnableLiveCaptions": false,
            "MaxRecordingDuration": 60,
            "EnableSimulcast": true,
            "EnableAV1": false,
            "EnableDCSignaling": true,
            "EnableRinging": false,
            "EnableVideo": self.settings.enable_video,
            "HostControlsAllowed": false,
            "GroupCallsAllowed": self.settings.group_calls_allowed,
            "sku_short_name": "",
        })
    }
}
