//! Rows and the JSON that clients get of them, in Mattermost's shapes.

use rusqlite::Row;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A JSON object from a text column; anything else reads as `{}`.
pub(crate) fn object(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Value::Object(map),
        _ => Value::Object(Map::new()),
    }
}

/// An account. Never serialised as it is: see [`User::to_json`].
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) username: String,
    pub(crate) email: String,
    pub(crate) nickname: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) position: String,
    pub(crate) roles: String,
    pub(crate) locale: String,
    pub(crate) notify_props: String,
    pub(crate) timezone: String,
    pub(crate) last_picture_update: i64,
    pub(crate) is_bot: bool,
}

impl User {
    pub(crate) const COLUMNS: &str = "users.id, users.create_at, users.update_at, users.delete_at, \
        users.username, users.email, users.nickname, users.first_name, users.last_name, \
        users.position, users.roles, users.locale, users.notify_props, users.timezone, \
        users.last_picture_update, users.is_bot";

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            create_at: row.get(1)?,
            update_at: row.get(2)?,
            delete_at: row.get(3)?,
            username: row.get(4)?,
            email: row.get(5)?,
            nickname: row.get(6)?,
            first_name: row.get(7)?,
            last_name: row.get(8)?,
            position: row.get(9)?,
            roles: row.get(10)?,
            locale: row.get(11)?,
            notify_props: row.get(12)?,
            timezone: row.get(13)?,
            last_picture_update: row.get(14)?,
            is_bot: row.get(15)?,
        })
    }

    pub(crate) fn has_role(&self, role: &str) -> bool {
        self.roles.split(' ').any(|r| r == role)
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.has_role("system_admin")
    }

    pub(crate) fn is_guest(&self) -> bool {
        self.has_role("system_guest")
    }

    /// As the page shows it: nickname, else full name, else user name.
    pub(crate) fn display_name(&self) -> String {
        let full = format!("{} {}", self.first_name, self.last_name);
        [self.nickname.trim(), full.trim(), &self.username]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default()
            .to_owned()
    }

    /// `own`: the user itself or an administrator asks, who see e-mail and notification settings.
    pub(crate) fn to_json(&self, own: bool) -> Value {
        let mut json = json!({
            "id": self.id,
            "create_at": self.create_at,
            "update_at": self.update_at,
            "delete_at": self.delete_at,
            "username": self.username,
            "auth_service": "",
            "email": if own { self.email.as_str() } else { "" },
            "nickname": self.nickname,
            "first_name": self.first_name,
            "last_name": self.last_name,
            "position": self.position,
            "roles": self.roles,
            "locale": self.locale,
            "timezone": object(&self.timezone),
            "last_picture_update": self.last_picture_update,
            "is_bot": self.is_bot,
            "disable_welcome_email": false,
        });
        if own && let Value::Object(map) = &mut json {
            map.insert("email_verified".into(), Value::Bool(true));
            map.insert("notify_props".into(), object(&self.notify_props));
        }
        json
    }
}

/// A login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) last_activity_at: i64,
    pub(crate) device_id: String,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Team {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) name: String,
    pub(crate) display_name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) description: String,
    pub(crate) email: String,
    pub(crate) company_name: String,
    pub(crate) allowed_domains: String,
    pub(crate) invite_id: String,
    pub(crate) allow_open_invite: bool,
}

impl Team {
    pub(crate) const COLUMNS: &str = "teams.id, teams.create_at, teams.update_at, teams.delete_at, \
        teams.name, teams.display_name, teams.type";

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let kind: String = row.get(6)?;
        Ok(Self {
            id: row.get(0)?,
            create_at: row.get(1)?,
            update_at: row.get(2)?,
            delete_at: row.get(3)?,
            name: row.get(4)?,
            display_name: row.get(5)?,
            allow_open_invite: kind == "O",
            kind,
            description: String::new(),
            email: String::new(),
            company_name: String::new(),
            allowed_domains: String::new(),
            invite_id: String::new(),
        })
    }
}

/// Somebody's place in a team.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct TeamMember {
    pub(crate) team_id: String,
    pub(crate) user_id: String,
    pub(crate) roles: String,
    pub(crate) delete_at: i64,
    pub(crate) scheme_user: bool,
    pub(crate) scheme_admin: bool,
    pub(crate) scheme_guest: bool,
    pub(crate) explicit_roles: String,
}

impl TeamMember {
    pub(crate) const COLUMNS: &str = "team_id, user_id, admin, guest, delete_at";

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (admin, guest): (bool, bool) = (row.get(2)?, row.get(3)?);
        Ok(Self {
            team_id: row.get(0)?,
            user_id: row.get(1)?,
            roles: roles("team", admin, guest),
            delete_at: row.get(4)?,
            scheme_user: !guest,
            scheme_admin: admin,
            scheme_guest: guest,
            explicit_roles: String::new(),
        })
    }
}

fn roles(of: &str, admin: bool, guest: bool) -> String {
    match (guest, admin) {
        (true, _) => format!("{of}_guest"),
        (false, true) => format!("{of}_user {of}_admin"),
        (false, false) => format!("{of}_user"),
    }
}

/// A channel. `kind`: O, P, D or G.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) team_id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) display_name: String,
    pub(crate) header: String,
    pub(crate) purpose: String,
    pub(crate) creator_id: String,
    pub(crate) last_post_at: i64,
    pub(crate) last_root_post_at: i64,
    pub(crate) total_msg_count: i64,
    pub(crate) total_msg_count_root: i64,
    pub(crate) extra_update_at: i64,
    pub(crate) scheme_id: Option<String>,
    pub(crate) props: Option<Value>,
    pub(crate) group_constrained: Option<bool>,
    pub(crate) shared: Option<bool>,
}

impl Channel {
    pub(crate) const COLUMNS: &str = "channels.id, channels.create_at, channels.update_at, \
        channels.delete_at, channels.team_id, channels.type, channels.name, \
        channels.display_name, channels.header, channels.purpose, channels.creator_id, \
        channels.last_post_at, channels.total_msg_count";

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (last_post_at, total): (i64, i64) = (row.get(11)?, row.get(12)?);
        Ok(Self {
            id: row.get(0)?,
            create_at: row.get(1)?,
            update_at: row.get(2)?,
            delete_at: row.get(3)?,
            team_id: row.get(4)?,
            kind: row.get(5)?,
            name: row.get(6)?,
            display_name: row.get(7)?,
            header: row.get(8)?,
            purpose: row.get(9)?,
            creator_id: row.get(10)?,
            last_post_at,
            last_root_post_at: last_post_at,
            total_msg_count: total,
            total_msg_count_root: total,
            extra_update_at: 0,
            scheme_id: None,
            props: None,
            group_constrained: None,
            shared: None,
        })
    }

    /// A direct or group channel: belongs to no team.
    pub(crate) fn is_personal(&self) -> bool {
        matches!(self.kind.as_str(), "D" | "G")
    }
}

/// Somebody's place in a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ChannelMember {
    pub(crate) channel_id: String,
    pub(crate) user_id: String,
    pub(crate) roles: String,
    pub(crate) last_viewed_at: i64,
    pub(crate) msg_count: i64,
    pub(crate) msg_count_root: i64,
    pub(crate) mention_count: i64,
    pub(crate) mention_count_root: i64,
    pub(crate) urgent_mention_count: i64,
    pub(crate) notify_props: Value,
    pub(crate) last_update_at: i64,
    pub(crate) scheme_user: bool,
    pub(crate) scheme_admin: bool,
    pub(crate) scheme_guest: bool,
    pub(crate) explicit_roles: String,
}

impl ChannelMember {
    pub(crate) const COLUMNS: &str = "channel_members.channel_id, channel_members.user_id, \
        channel_members.admin, channel_members.guest, channel_members.last_viewed_at, \
        channel_members.msg_count, channel_members.mention_count, \
        channel_members.notify_props, channel_members.last_update_at";

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (admin, guest): (bool, bool) = (row.get(2)?, row.get(3)?);
        let (msg_count, mention_count): (i64, i64) = (row.get(5)?, row.get(6)?);
        let mut notify_props = json!({
            "desktop": "default", "push": "default", "email": "default", "mark_unread": "all",
            "ignore_channel_mentions": "default",
        });
        if let (Value::Object(all), Value::Object(own)) =
            (&mut notify_props, object(&row.get::<_, String>(7)?))
        {
            all.extend(own);
        }
        Ok(Self {
            channel_id: row.get(0)?,
            user_id: row.get(1)?,
            roles: roles("channel", admin, guest),
            last_viewed_at: row.get(4)?,
            msg_count,
            msg_count_root: msg_count,
            mention_count,
            mention_count_root: mention_count,
            urgent_mention_count: 0,
            notify_props,
            last_update_at: row.get(8)?,
            scheme_user: !guest,
            scheme_admin: admin,
            scheme_guest: guest,
            explicit_roles: String::new(),
        })
    }
}

/// A post.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) edit_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) root_id: String,
    pub(crate) message: String,
    pub(crate) kind: String,
    /// JSON object.
    pub(crate) props: String,
    pub(crate) file_ids: Vec<String>,
}

impl Post {
    pub(crate) const COLUMNS: &str = "posts.id, posts.create_at, posts.update_at, posts.edit_at, \
        posts.delete_at, posts.user_id, posts.channel_id, posts.root_id, posts.message, \
        posts.type, posts.props, posts.file_ids";

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            create_at: row.get(1)?,
            update_at: row.get(2)?,
            edit_at: row.get(3)?,
            delete_at: row.get(4)?,
            user_id: row.get(5)?,
            channel_id: row.get(6)?,
            root_id: row.get(7)?,
            message: row.get(8)?,
            kind: row.get(9)?,
            props: row.get(10)?,
            file_ids: serde_json::from_str(&row.get::<_, String>(11)?).unwrap_or_default(),
        })
    }

    pub(crate) fn to_json(&self, pending: &str, reply_count: i64, files: &[FileInfo]) -> Value {
        json!({
            "id": self.id,
            "create_at": self.create_at,
            "update_at": self.update_at,
            "edit_at": self.edit_at,
            "delete_at": self.delete_at,
            "is_pinned": false,
            "user_id": self.user_id,
            "channel_id": self.channel_id,
            "root_id": self.root_id,
            "original_id": "",
            "message": self.message,
            "type": self.kind,
            "props": object(&self.props),
            "hashtags": "",
            "pending_post_id": pending,
            "reply_count": reply_count,
            "last_reply_at": 0,
            "participants": null,
            "file_ids": self.file_ids,
            "metadata": {
                "embeds": [], "emojis": [], "files": files, "images": {}, "reactions": [],
            },
        })
    }
}

/// A file, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FileInfo {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) post_id: String,
    pub(crate) create_at: i64,
    pub(crate) update_at: i64,
    pub(crate) delete_at: i64,
    pub(crate) name: String,
    pub(crate) extension: String,
    pub(crate) mime_type: String,
    pub(crate) size: i64,
    pub(crate) has_preview_image: bool,
}

impl FileInfo {
    pub(crate) const COLUMNS: &str =
        "id, user_id, channel_id, post_id, create_at, name, extension, mime_type, size";

    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let create_at = row.get(4)?;
        Ok(Self {
            id: row.get(0)?,
            user_id: row.get(1)?,
            channel_id: row.get(2)?,
            post_id: row.get(3)?,
            create_at,
            update_at: create_at,
            delete_at: 0,
            name: row.get(5)?,
            extension: row.get(6)?,
            mime_type: row.get(7)?,
            size: row.get(8)?,
            has_preview_image: false,
        })
    }
}

/// A user's setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preference {
    #[serde(default)]
    pub(crate) user_id: String,
    pub(crate) category: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) value: String,
}

/// Online, away, …
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    pub(crate) user_id: String,
    pub(crate) status: String,
    pub(crate) manual: bool,
    pub(crate) last_activity_at: i64,
    pub(crate) dnd_end_time: i64,
}
