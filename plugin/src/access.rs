//! Who may do what: one table, checked in one place.

use parley_settings::Settings;

use crate::env::{Channel, ChannelKind, ChannelPermission, Env, PlatformError, User};
use crate::ids::{ChannelId, UserId};
use crate::refusal::Refusal;
use crate::sabotage::{self, Fault};

/// What somebody wants to do in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Start a call.
    Start,
    /// Join a running call.
    Join,
    /// Go on taking part: asked again when something changed, and before each new publication.
    Stay,
    /// See whether there is a call and who is in it; follow the link.
    Read,
    /// End the call for everyone.
    End,
}

/// Everything that the table looks at.
#[derive(Debug, Clone)]
struct Facts {
    active: bool,
    admin: bool,
    known_channel: bool,
    direct: bool,
    archived: bool,
    member: bool,
    can_read: bool,
    can_post: bool,
    host: bool,
    default_enabled: bool,
    group_calls_allowed: bool,
}

struct Row {
    actions: &'static [Action],
    denied: fn(&Facts) -> bool,
    refusal: Refusal,
}

/// The first row that denies decides. Guests have no row: they may where they were added as members.
const TABLE: &[Row] = &{
    use Action::{End, Join, Read, Start, Stay};
    [
        Row {
            actions: &[Start, Join, Stay, Read, End],
            denied: |f| !f.active,
            refusal: Refusal::Deactivated,
        },
        Row {
            actions: &[Start, Join, Stay, Read, End],
            denied: |f| !f.known_channel,
            refusal: Refusal::NotMember,
        },
        Row {
            actions: &[Start, Join, Stay],
            denied: |f| !f.member,
            refusal: Refusal::NotMember,
        },
        Row {
            actions: &[Read],
            denied: |f| !f.can_read,
            refusal: Refusal::NoPermission,
        },
        Row {
            actions: &[Start, Join, Stay, Read],
            denied: |f| f.archived,
            refusal: Refusal::Archived,
        },
        Row {
            actions: &[Start, Join, Stay],
            denied: |f| !f.can_post,
            refusal: Refusal::NoPermission,
        },
        Row {
            actions: &[Start, Join],
            denied: |f| !f.direct && !f.group_calls_allowed,
            refusal: Refusal::GroupCallsOff,
        },
        Row {
            actions: &[Start],
            denied: |f| !f.default_enabled && !f.admin,
            refusal: Refusal::TestMode,
        },
        Row {
            actions: &[End],
            denied: |f| !f.admin && !(f.host && f.member),
            refusal: Refusal::NotHost,
        },
    ]
};

/// What a check found out: nobody has to ask again.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    /// Who asked.
    pub user: User,
    /// Where.
    pub channel: Channel,
}

/// May `user` do `action` in `channel`? `is_host` matters for [`Action::End`] only.
pub(crate) fn check(
    env: &dyn Env,
    settings: &Settings,
    action: Action,
    user: &UserId,
    channel: &ChannelId,
    is_host: bool,
) -> Result<Grant, Refusal> {
    let found_user = known(env.user(user))?;
    let found_channel = known(env.channel(channel))?;
    let permission = |permission| match env.has_permission(user, channel, permission) {
        Err(PlatformError::NotFound) => Ok(false),
        other => other,
    };
    let facts = Facts {
        active: found_user.as_ref().is_some_and(|user| user.delete_at == 0),
        admin: found_user.as_ref().is_some_and(User::is_admin),
        known_channel: found_channel.is_some(),
        direct: found_channel
            .as_ref()
            .is_some_and(|c| c.kind == ChannelKind::Direct),
        archived: found_channel.as_ref().is_some_and(|c| c.delete_at != 0),
        member: found_channel.is_some() && known(env.is_member(channel, user))?.unwrap_or(false),
        can_read: action != Action::Read || permission(ChannelPermission::ReadChannel)?,
        can_post: !matches!(action, Action::Start | Action::Join | Action::Stay)
            || permission(ChannelPermission::CreatePost)?,
        host: is_host,
        default_enabled: settings.default_enabled,
        group_calls_allowed: settings.group_calls_allowed,
    };
    let denied = TABLE
        .iter()
        .find(|row| row.actions.contains(&action) && (row.denied)(&facts));
    match denied {
        Some(row) if !sabotage::active(Fault::AccessAlwaysYes) => Err(row.refusal),
        _ => match (found_user, found_channel) {
            (Some(user), Some(channel)) => Ok(Grant { user, channel }),
            _ => Err(Refusal::NotMember),
        },
    }
}

fn known<T>(answer: Result<T, PlatformError>) -> Result<Option<T>, Refusal> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(PlatformError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
