//! A push notification: all of it, since what we answer replaces it.

use parley_goplugin::gob_struct;

gob_struct! {
    pub(crate) struct PushNotification = "PushNotification" {
        ack_id: String = "AckId",
        platform: String = "Platform",
        server_id: String = "ServerId",
        device_id: String = "DeviceId",
        post_id: String = "PostId",
        category: String = "Category",
        sound: String = "Sound",
        message: String = "Message",
        badge: i64 = "Badge",
        content_available: i64 = "ContentAvailable",
        team_id: String = "TeamId",
        channel_id: String = "ChannelId",
        root_id: String = "RootId",
        channel_name: String = "ChannelName",
        kind: String = "Type",
        sub_kind: String = "SubType",
        transport: String = "Transport",
        sender_id: String = "SenderId",
        sender_name: String = "SenderName",
        override_username: String = "OverrideUsername",
        override_icon_url: String = "OverrideIconURL",
        from_webhook: String = "FromWebhook",
        version: String = "Version",
        is_crt_enabled: bool = "IsCRTEnabled",
        is_id_loaded: bool = "IsIdLoaded",
        post_kind: String = "PostType",
        channel_kind: String = "ChannelType",
        signature: String = "Signature",
    }
}
