//! Who may do what: one table, checked in one place.

use parley_settings::Settings;

use crate::channel_switch;
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
    /// End the call for everyone, and what else its host may do with the others.
    End,
    /// Record the call: start, and say what is recorded. Stopping is as ending.
    Record,
    /// Switch calls on or off in the channel.
    Switch,
}

/// Everything that the table looks at.
#[derive(Debug, Clone)]
struct Facts {
    active: bool,
    admin: bool,
    known_channel: bool,
    direct: bool,
    group: bool,
    archived: bool,
    member: bool,
    can_read: bool,
    can_post: bool,
    host: bool,
    channel_admin: bool,
    /// Chosen for this channel.
    switched: Option<bool>,
    default_enabled: bool,
    group_calls_allowed: bool,
    recordings: bool,
}

struct Row {
    actions: &'static [Action],
    denied: fn(&Facts) -> bool,
    refusal: Refusal,
}

/// The first row that denies decides. Guests have no row: they may where they were added as members.
const TABLE: &[Row] = &{
    use Action::{End, Join, Read, Record, Start, Stay, Switch};
    [
        Row {
            actions: &[Start, Join, Stay, Read, End, Record, Switch],
            denied: |f| !f.active,
            refusal: Refusal::Deactivated,
        },
        Row {
            actions: &[Start, Join, Stay, Read, End, Record, Switch],
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
            actions: &[Start, Join, Stay, Read, Record, Switch],
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
            denied: |f| f.switched == Some(false),
            refusal: Refusal::ChannelOff,
        },
        Row {
            actions: &[Start],
            denied: |f| !f.default_enabled && f.switched != Some(true) && !f.admin,
            refusal: Refusal::TestMode,
        },
        Row {
            actions: &[Record],
            denied: |f| !f.recordings,
            refusal: Refusal::RecordingDisabled,
        },
        Row {
            actions: &[End, Record],
            denied: |f| !(f.admin || f.host && f.member),
            refusal: Refusal::NotHost,
        },
        Row {
            actions: &[Switch],
            denied: |f| !(f.admin || f.member && (f.channel_admin || f.direct || f.group)),
            refusal: Refusal::NoPermission,
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

/// May `user` do `action` in `channel`? `is_host` matters for [`Action::End`] and [`Action::Record`] only.
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
        group: found_channel
            .as_ref()
            .is_some_and(|c| c.kind == ChannelKind::Group),
        archived: found_channel.as_ref().is_some_and(|c| c.delete_at != 0),
        member: found_channel.is_some() && known(env.is_member(channel, user))?.unwrap_or(false),
        can_read: action != Action::Read || permission(ChannelPermission::ReadChannel)?,
        can_post: !matches!(action, Action::Start | Action::Join | Action::Stay)
            || permission(ChannelPermission::CreatePost)?,
        host: is_host,
        channel_admin: action == Action::Switch
            && known(env.is_channel_admin(channel, user))?.unwrap_or(false),
        switched: match action {
            Action::Start => channel_switch::load(env, channel)?,
            _ => None,
        },
        default_enabled: settings.default_enabled,
        group_calls_allowed: settings.group_calls_allowed,
        recordings: settings.enable_recordings,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    const ALL: [Action; 6] = [
        Action::Start,
        Action::Join,
        Action::Stay,
        Action::Read,
        Action::End,
        Action::Record,
    ];

    fn asked(world: &World, action: Action, who: &str, at: &str, host: bool) -> Option<Refusal> {
        let settings = Settings::parse(&world.env.settings.borrow()).unwrap();
        check(
            &world.env,
            &settings,
            action,
            &user(who),
            &channel(at),
            host,
        )
        .err()
    }

    /// What is refused, action by action, in the order of `ALL`.
    fn row(world: &World, who: &str, at: &str, host: bool) -> [Option<Refusal>; 6] {
        ALL.map(|action| asked(world, action, who, at, host))
    }

    #[test]
    fn members_may_all_but_what_the_host_may() {
        let world = World::new();
        let no = Some(Refusal::NotHost);
        let wanted = [None, None, None, None, no, no];
        for at in ["town", "dm"] {
            assert_eq!(row(&world, "alice", at, false), wanted, "{at}");
        }
        assert_eq!(row(&world, "alice", "town", true), [None; 6]);
        assert_eq!(row(&world, "root", "town", false), [None; 6]);
    }

    #[test]
    fn deactivated_and_unknown_users_may_nothing() {
        let world = World::new();
        world.env.edit_user("alice", |user| user.delete_at = 1);
        assert_eq!(
            row(&world, "alice", "town", true),
            [Some(Refusal::Deactivated); 6]
        );
        assert_eq!(
            row(&world, "nobody", "town", true),
            [Some(Refusal::Deactivated); 6]
        );
    }

    #[test]
    fn in_an_unknown_channel_nobody_may_anything() {
        let world = World::new();
        assert_eq!(
            row(&world, "root", "nowhere", true),
            [Some(Refusal::NotMember); 6]
        );
    }

    #[test]
    fn non_members_may_not_take_part() {
        let world = World::new();
        let no = Some(Refusal::NotMember);
        let wanted = [
            no,
            no,
            no,
            Some(Refusal::NoPermission),
            Some(Refusal::NotHost),
            Some(Refusal::NotHost),
        ];
        assert_eq!(row(&world, "eve", "town", false), wanted);
        // Once the host, out of the channel now.
        assert_eq!(
            asked(&world, Action::End, "eve", "town", true),
            Some(Refusal::NotHost)
        );
        // An admin who is no member sees and ends, but does not take part.
        assert_eq!(
            row(&world, "root", "dm", false),
            [no, no, no, None, None, None]
        );
    }

    #[test]
    fn guests_may_where_they_were_added() {
        let world = World::new();
        world
            .env
            .edit_user("alice", |user| user.roles = "system_guest".to_owned());
        assert_eq!(asked(&world, Action::Start, "alice", "town", false), None);
        world.env.remove_member("town", "alice");
        assert_eq!(
            asked(&world, Action::Join, "alice", "town", false),
            Some(Refusal::NotMember)
        );
    }

    #[test]
    fn archived_channels_have_no_calls() {
        let world = World::new();
        world.env.archive("town");
        let no = Some(Refusal::Archived);
        assert_eq!(
            row(&world, "alice", "town", true),
            [no, no, no, no, None, no]
        );
    }

    #[test]
    fn who_may_not_post_may_not_take_part() {
        let world = World::new();
        world
            .env
            .muted
            .borrow_mut()
            .insert((channel("town"), user("alice")));
        let no = Some(Refusal::NoPermission);
        assert_eq!(
            row(&world, "alice", "town", true),
            [no, no, no, None, None, None]
        );
    }

    #[test]
    fn group_calls_may_be_switched_off() {
        let world = World::with_settings(r#"{"GroupCallsAllowed": false}"#);
        let no = Some(Refusal::GroupCallsOff);
        assert_eq!(
            row(&world, "root", "town", false),
            [no, no, None, None, None, None]
        );
        assert_eq!(row(&world, "alice", "dm", true), [None; 6]);
    }

    #[test]
    fn in_test_mode_only_admins_start() {
        let world = World::with_settings(r#"{"DefaultEnabled": false}"#);
        let wanted = [Some(Refusal::TestMode), None, None, None, None, None];
        assert_eq!(row(&world, "alice", "town", true), wanted);
        assert_eq!(asked(&world, Action::Start, "root", "town", false), None);
    }

    #[test]
    fn recordings_may_be_switched_off() {
        let world = World::with_settings(r#"{"EnableRecordings": false}"#);
        let no = Some(Refusal::RecordingDisabled);
        for who in ["alice", "root"] {
            let wanted = [None, None, None, None, None, no];
            assert_eq!(row(&world, who, "town", true), wanted, "{who}");
        }
    }

    #[test]
    fn without_an_answer_nobody_may() {
        let world = World::new();
        world.env.down.set(true);
        let settings = Settings::default();
        for action in ALL {
            let asked = check(
                &world.env,
                &settings,
                action,
                &user("root"),
                &channel("town"),
                true,
            );
            assert_eq!(asked.err(), Some(Refusal::Unavailable));
        }
    }
}
