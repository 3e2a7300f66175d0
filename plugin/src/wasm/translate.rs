//! The words of the sandbox's interface and the guest's own, in both directions.

use super::t;
use crate::{
    Channel, ChannelId, ChannelKind, ConnectionId, PlatformError, PlatformEvent, Post, PostId,
    User, UserId, Value,
};

pub(super) fn read_error(error: t::PlatformError) -> PlatformError {
    match error {
        t::PlatformError::NotFound => PlatformError::NotFound,
        t::PlatformError::Denied(text) => PlatformError::Denied(text),
        t::PlatformError::Invalid(text) => PlatformError::Invalid(text),
        t::PlatformError::Unavailable(text) => PlatformError::Unavailable(text),
    }
}

pub(super) fn read_user(user: t::User) -> User {
    User {
        id: UserId::new(user.id),
        username: user.username,
        display_name: user.display_name,
        roles: user.roles,
        is_bot: user.is_bot,
        delete_at: user.delete_at,
        locale: user.locale,
    }
}

pub(super) fn read_channel(channel: t::Channel) -> Channel {
    Channel {
        id: ChannelId::new(channel.id),
        kind: match channel.kind {
            t::ChannelKind::Open => ChannelKind::Open,
            t::ChannelKind::Private => ChannelKind::Private,
            t::ChannelKind::Direct => ChannelKind::Direct,
            t::ChannelKind::Group => ChannelKind::Group,
        },
        team_id: channel.team_id,
        name: channel.name,
        display_name: channel.display_name,
        delete_at: channel.delete_at,
    }
}

pub(super) fn read_post(post: t::Post) -> Post {
    Post {
        id: PostId::new(post.id),
        user_id: UserId::new(post.user_id),
        channel_id: ChannelId::new(post.channel_id),
        root_id: PostId::new(post.root_id),
        kind: post.kind,
        message: post.message,
        props_json: post.props_json,
        file_ids: post.file_ids,
        create_at: post.create_at,
        delete_at: post.delete_at,
    }
}

pub(super) fn write_post(post: Post) -> t::Post {
    t::Post {
        id: post.id.to_string(),
        user_id: post.user_id.to_string(),
        channel_id: post.channel_id.to_string(),
        root_id: post.root_id.to_string(),
        kind: post.kind,
        message: post.message,
        props_json: post.props_json,
        file_ids: post.file_ids,
        create_at: post.create_at,
        delete_at: post.delete_at,
    }
}

pub(super) fn read_value(value: t::Value) -> Value {
    match value {
        t::Value::Null => Value::Null,
        t::Value::Boolean(value) => Value::Boolean(value),
        t::Value::Number(value) => Value::Number(value),
        t::Value::Text(value) => Value::Text(value),
        t::Value::Bytes(value) => Value::Bytes(value),
        t::Value::Json(value) => Value::Json(value),
    }
}

pub(super) fn read_event(event: t::PlatformEvent) -> PlatformEvent {
    let connection =
        |(connection, user): (String, String)| (ConnectionId::new(connection), UserId::new(user));
    let member = |(channel, user): (String, String)| (ChannelId::new(channel), UserId::new(user));
    match event {
        t::PlatformEvent::Connected(pair) => {
            let (connection_id, user_id) = connection(pair);
            PlatformEvent::Connected {
                connection_id,
                user_id,
            }
        }
        t::PlatformEvent::Disconnected(pair) => {
            let (connection_id, user_id) = connection(pair);
            PlatformEvent::Disconnected {
                connection_id,
                user_id,
            }
        }
        t::PlatformEvent::JoinedChannel(pair) => {
            let (channel_id, user_id) = member(pair);
            PlatformEvent::JoinedChannel {
                channel_id,
                user_id,
            }
        }
        t::PlatformEvent::LeftChannel(pair) => {
            let (channel_id, user_id) = member(pair);
            PlatformEvent::LeftChannel {
                channel_id,
                user_id,
            }
        }
        t::PlatformEvent::UserDeactivated(user) => PlatformEvent::UserDeactivated {
            user_id: UserId::new(user),
        },
        t::PlatformEvent::ChannelArchived(channel) => PlatformEvent::ChannelArchived {
            channel_id: ChannelId::new(channel),
        },
        t::PlatformEvent::LoginRevoked((session, user)) => PlatformEvent::LoginRevoked {
            login_session_id: session,
            user_id: UserId::new(user),
        },
    }
}
