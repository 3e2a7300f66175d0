//! Who may do what on the platform: one table, in one place. (Who may do what in a call is the plugin's.)

use super::db::Tx;
use super::error::{ApiError, ApiResult};
use super::model::{Channel, User};
use super::store::{channels, members, teams};

/// What somebody wants with a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// See it, its members and its posts.
    Read,
    /// Write posts and commands.
    Post,
    /// Become a member on one's own.
    Join,
    /// Add or remove others.
    ManageMembers,
    /// Change name, header, purpose.
    Edit,
    /// Archive and restore.
    Archive,
}

/// The asking person's standing, from which alone the answer follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) active: bool,
    pub(crate) system_admin: bool,
    pub(crate) guest: bool,
    pub(crate) member: bool,
    pub(crate) channel_admin: bool,
    pub(crate) team_member: bool,
    pub(crate) team_admin: bool,
}

/// The channel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// D or G: not even administrators look inside.
    pub(crate) personal: bool,
    pub(crate) open: bool,
    pub(crate) archived: bool,
}

/// The table.
pub(crate) fn allowed(who: Standing, place: Place, action: Action) -> bool {
    if !who.active {
        return false;
    }
    if place.personal {
        return match action {
            Action::Read => who.member,
            Action::Post | Action::Edit => who.member && !place.archived,
            Action::Join | Action::ManageMembers | Action::Archive => false,
        };
    }
    let insider = who.member && !who.guest;
    match action {
        Action::Read => {
            who.member || who.system_admin || (place.open && who.team_member && !who.guest)
        }
        Action::Post => !place.archived && (who.member || who.system_admin),
        Action::Join => {
            !place.archived
                && who.team_member
                && !who.guest
                && (place.open || who.system_admin || who.team_admin)
        }
        Action::ManageMembers | Action::Edit => {
            !place.archived && (insider || who.system_admin || who.team_admin)
        }
        Action::Archive => {
            (insider && who.channel_admin) || who.system_admin || (who.team_admin && !who.guest)
        }
    }
}

fn standing(tx: &Tx<'_>, user: &User, channel: &Channel) -> ApiResult<Standing> {
    let member = members::member(tx, &channel.id, &user.id)?;
    let in_team = teams::member(tx, &channel.team_id, &user.id)?;
    Ok(Standing {
        active: user.delete_at == 0,
        system_admin: user.is_admin(),
        guest: user.is_guest(),
        channel_admin: member.as_ref().is_some_and(|m| m.scheme_admin),
        member: member.is_some(),
        team_admin: in_team.as_ref().is_some_and(|m| m.scheme_admin),
        team_member: in_team.is_some(),
    })
}

/// May they?
pub(crate) fn may(tx: &Tx<'_>, user: &User, channel: &Channel, action: Action) -> ApiResult<bool> {
    let place = Place {
        personal: channel.is_personal(),
        open: channel.kind == "O",
        archived: channel.delete_at != 0,
    };
    Ok(allowed(standing(tx, user, channel)?, place, action))
}

/// The channel, if they may.
pub(crate) fn channel(
    tx: &Tx<'_>,
    user: &User,
    channel_id: &str,
    action: Action,
) -> ApiResult<Channel> {
    let found = channels::get(tx, channel_id)?;
    if may(tx, user, &found, action)? {
        Ok(found)
    } else {
        Err(ApiError::forbidden())
    }
}

/// Themselves or an administrator.
pub(crate) fn own(asking: &User, user_id: &str) -> ApiResult<()> {
    if asking.id == user_id || asking.is_admin() {
        Ok(())
    } else {
        Err(ApiError::forbidden())
    }
}

/// Administrators only.
pub(crate) fn admin(asking: &User) -> ApiResult<()> {
    if asking.is_admin() {
        Ok(())
    } else {
        Err(ApiError::forbidden())
    }
}

/// A member of the team, or an administrator.
pub(crate) fn team(tx: &Tx<'_>, asking: &User, team_id: &str) -> ApiResult<()> {
    if asking.is_admin() || teams::member(tx, team_id, &asking.id)?.is_some() {
        return Ok(());
    }
    Err(ApiError::forbidden())
}
