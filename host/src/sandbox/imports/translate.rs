//! The words of the guest's interface and the platform's, in both directions: once each.

use super::types as wit;
use crate::platform as host;

pub(super) fn translate_all<H, W: From<H>>(items: Vec<H>) -> Vec<W> {
    items.into_iter().map(Into::into).collect()
}

impl From<host::User> for wit::User {
    fn from(user: host::User) -> Self {
        Self {
            id: user.id,
            username: user.username,
            display_name: user.display_name,
            roles: user.roles,
            is_bot: user.is_bot,
            delete_at: user.delete_at,
            locale: user.locale,
        }
    }
}

impl From<host::Presence> for wit::Presence {
    fn from(presence: host::Presence) -> Self {
        match presence {
            host::Presence::Online => Self::Online,
            host::Presence::Away => Self::Away,
            host::Presence::DoNotDisturb => Self::DoNotDisturb,
            host::Presence::OutOfOffice => Self::OutOfOffice,
            host::Presence::Offline => Self::Offline,
        }
    }
}

impl From<wit::CallPush> for host::CallPush {
    fn from(push: wit::CallPush) -> Self {
        Self {
            user_id: push.user_id,
            channel_id: push.channel_id,
            channel_kind: match push.channel_kind {
                wit::ChannelKind::Open => host::ChannelKind::Open,
                wit::ChannelKind::Private => host::ChannelKind::Private,
                wit::ChannelKind::Direct => host::ChannelKind::Direct,
                wit::ChannelKind::Group => host::ChannelKind::Group,
            },
            channel_name: push.channel_name,
            post_id: push.post_id,
            root_id: push.root_id,
            sender_id: push.sender_id,
            sender_name: push.sender_name,
            message: push.message,
            discreet_message: push.discreet_message,
        }
    }
}

impl From<host::Channel> for wit::Channel {
    fn from(channel: host::Channel) -> Self {
        Self {
            id: channel.id,
            kind: match channel.kind {
                host::ChannelKind::Open => wit::ChannelKind::Open,
                host::ChannelKind::Private => wit::ChannelKind::Private,
                host::ChannelKind::Direct => wit::ChannelKind::Direct,
                host::ChannelKind::Group => wit::ChannelKind::Group,
            },
            team_id: channel.team_id,
            name: channel.name,
            display_name: channel.display_name,
            delete_at: channel.delete_at,
        }
    }
}

impl From<host::Team> for wit::Team {
    fn from(team: host::Team) -> Self {
        Self {
            id: team.id,
            name: team.name,
        }
    }
}

impl From<host::Member> for wit::Member {
    fn from(member: host::Member) -> Self {
        Self {
            user_id: member.user_id,
            roles: member.roles,
        }
    }
}

impl From<wit::ChannelPermission> for host::ChannelPermission {
    fn from(permission: wit::ChannelPermission) -> Self {
        match permission {
            wit::ChannelPermission::ReadChannel => Self::ReadChannel,
            wit::ChannelPermission::CreatePost => Self::CreatePost,
        }
    }
}

impl From<host::Post> for wit::Post {
    fn from(post: host::Post) -> Self {
        Self {
            id: post.id,
            user_id: post.user_id,
            channel_id: post.channel_id,
            root_id: post.root_id,
            kind: post.kind,
            message: post.message,
            props_json: post.props_json,
            file_ids: post.file_ids,
            create_at: post.create_at,
            delete_at: post.delete_at,
        }
    }
}

impl From<wit::Post> for host::Post {
    fn from(post: wit::Post) -> Self {
        Self {
            id: post.id,
            user_id: post.user_id,
            channel_id: post.channel_id,
            root_id: post.root_id,
            kind: post.kind,
            message: post.message,
            props_json: post.props_json,
            file_ids: post.file_ids,
            create_at: post.create_at,
            delete_at: post.delete_at,
        }
    }
}

impl From<host::PlatformError> for wit::PlatformError {
    fn from(error: host::PlatformError) -> Self {
        match error {
            host::PlatformError::NotFound => Self::NotFound,
            host::PlatformError::Denied(reason) => Self::Denied(reason),
            host::PlatformError::Invalid(reason) => Self::Invalid(reason),
            host::PlatformError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}
