//! People, places and the server's configuration.

use std::collections::BTreeMap;

use parley_goplugin::gob::Any;
use parley_goplugin::gob_struct;

/// `StringMap`.
pub(crate) type Props = BTreeMap<String, String>;

gob_struct! {
    pub(crate) struct User = "User" {
        id: String = "Id",
        delete_at: i64 = "DeleteAt",
        username: String = "Username",
        nickname: String = "Nickname",
        first_name: String = "FirstName",
        last_name: String = "LastName",
        roles: String = "Roles",
        locale: String = "Locale",
        is_bot: bool = "IsBot",
        notify_props: Option<Props> = "NotifyProps",
    }

    pub(crate) struct Status = "Status" {
        status: String = "Status",
    }

    pub(crate) struct Team = "Team" {
        id: String = "Id",
        delete_at: i64 = "DeleteAt",
        name: String = "Name",
    }

    pub(crate) struct Channel = "Channel" {
        id: String = "Id",
        delete_at: i64 = "DeleteAt",
        team_id: String = "TeamId",
        kind: String = "Type",
        display_name: String = "DisplayName",
        name: String = "Name",
    }

    pub(crate) struct ChannelMember = "ChannelMember" {
        channel_id: String = "ChannelId",
        user_id: String = "UserId",
        roles: String = "Roles",
        scheme_guest: bool = "SchemeGuest",
        scheme_user: bool = "SchemeUser",
        scheme_admin: bool = "SchemeAdmin",
        notify_props: Option<Props> = "NotifyProps",
    }

    pub(crate) struct Session = "Session" {
        id: String = "Id",
        user_id: String = "UserId",
        device_id: String = "DeviceId",
        expires_at: i64 = "ExpiresAt",
        props: Option<Props> = "Props",
    }

    pub(crate) struct Bot = "Bot" {
        username: String = "Username",
        display_name: String = "DisplayName",
        description: String = "Description",
    }

    /// Only the id matters.
    pub(crate) struct Permission = "Permission" {
        id: String = "Id",
    }

    pub(crate) struct KvSetOptions = "PluginKVSetOptions" {
        atomic: bool = "Atomic",
        old_value: Vec<u8> = "OldValue",
        expire_in_seconds: i64 = "ExpireInSeconds",
    }

    pub(crate) struct PluginClusterEvent = "PluginClusterEvent" {
        id: String = "Id",
        data: Vec<u8> = "Data",
    }

    pub(crate) struct PluginStatus = "PluginStatus" {
        state: i64 = "State",
    }

    /// Goes as `*plugin.ErrorString` wherever Go has an `error`.
    pub(crate) struct ErrorString = "ErrorString" {
        code: i64 = "Code",
        err: String = "Err",
    }

    pub(crate) struct FileInfo = "FileInfo" {
        id: String = "Id",
        delete_at: i64 = "DeleteAt",
        size: i64 = "Size",
    }

    pub(crate) struct UploadDataArgs = "Z_UploadDataArgs" {
        session: Option<UploadSession> = "A",
        plugin_stream_id: u32 = "PluginStreamID",
    }

    /// With all its fields: it goes back to the server as it came.
    pub(crate) struct UploadSession = "UploadSession" {
        id: String = "Id",
        kind: String = "Type",
        create_at: i64 = "CreateAt",
        user_id: String = "UserId",
        channel_id: String = "ChannelId",
        filename: String = "Filename",
        path: String = "Path",
        file_size: i64 = "FileSize",
        file_offset: i64 = "FileOffset",
        remote_id: String = "RemoteId",
        req_file_id: String = "ReqFileId",
    }

    pub(crate) struct FileData = "FileData" {
        filename: String = "Filename",
        body: Vec<u8> = "Body",
    }

    /// Nearly all leaves are pointers: what is absent is nil, or zero.
    pub(crate) struct Config = "Config" {
        service: ServiceSettings = "ServiceSettings",
        team: TeamSettings = "TeamSettings",
        email: EmailSettings = "EmailSettings",
        file: FileSettings = "FileSettings",
        localization: LocalizationSettings = "LocalizationSettings",
        cluster: ClusterSettings = "ClusterSettings",
        plugin: PluginSettings = "PluginSettings",
    }

    pub(crate) struct ServiceSettings = "ServiceSettings" {
        site_url: String = "SiteURL",
    }

    pub(crate) struct TeamSettings = "TeamSettings" {
        teammate_name_display: String = "TeammateNameDisplay",
    }

    pub(crate) struct EmailSettings = "EmailSettings" {
        send_push_notifications: bool = "SendPushNotifications",
        push_notification_contents: String = "PushNotificationContents",
    }

    pub(crate) struct FileSettings = "FileSettings" {
        driver_name: String = "DriverName",
        directory: String = "Directory",
        enable_file_attachments: bool = "EnableFileAttachments",
        max_file_size: i64 = "MaxFileSize",
    }

    pub(crate) struct LocalizationSettings = "LocalizationSettings" {
        default_client_locale: String = "DefaultClientLocale",
    }

    pub(crate) struct ClusterSettings = "ClusterSettings" {
        enable: bool = "Enable",
    }

    pub(crate) struct PluginSettings = "PluginSettings" {
        /// Plugin id, key, value.
        plugins: BTreeMap<String, BTreeMap<String, Any>> = "Plugins",
    }
}
