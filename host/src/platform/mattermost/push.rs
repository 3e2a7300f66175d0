//! Notifications for phones: ours for calls that begin, and the server's own in their place.

use std::sync::Arc;

use parley_goplugin::gob_struct;
use tokio::sync::Semaphore;

use super::Mattermost;
use super::limits;
use super::positional::Positional;
use super::wire::{self, PushNotification};
use crate::platform::{CallPush, ChannelKind, PlatformError, Presence};

/// The type of posts about calls.
const CALL_POST: &str = "custom_calls";
/// What a new post's notification is.
const MESSAGE: &str = "message";
/// Phones ring for notifications of this kind.
const CALLS: &str = "calls";
/// How, on phones that can be rung even when they sleep. Older servers leave it out.
const VOIP: &str = "voip";
/// Present form of notifications.
const VERSION: &str = "v2";

gob_struct! {
    /// A second result alone: no notification, and why.
    pub(super) struct NotPushed = "NotPushed" {
        b: String = "B",
    }
}

/// The server's word about a call that began in a direct or group message: our own is sent in its place. The
/// server asks about ours, too; those are of no post's type.
pub(super) fn in_the_place_of_ours(push: &PushNotification) -> Option<NotPushed> {
    let direct = matches!(push.channel_kind.as_str(), "D" | "G");
    (direct && push.post_kind == CALL_POST && push.kind == MESSAGE).then(|| NotPushed {
        b: "the calls plugin rings by itself".to_owned(),
    })
}

/// How many notifications may be on their way: the server hands each to a push service before it answers.
pub(super) fn lanes() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(limits::PUSHES_AT_ONCE))
}

impl Mattermost {
    pub(super) async fn presence(&self, user_id: &str) -> Result<Presence, PlatformError> {
        let args = Positional((user_id.to_owned(),));
        let found: wire::Status = self.api()?.find("GetUserStatus", args).await?;
        Ok(match found.status.as_str() {
            "online" => Presence::Online,
            "away" => Presence::Away,
            "dnd" => Presence::DoNotDisturb,
            "ooo" => Presence::OutOfOffice,
            _ => Presence::Offline,
        })
    }

    /// The server sends what plugins hand to it without looking at what it otherwise asks first: whether it
    /// sends any, and whether this user wants them from this channel.
    pub(super) async fn push(&self, push: CallPush) -> Result<(), PlatformError> {
        if !self.config(|config| config.email.send_push_notifications)
            || !self.wanted(&push).await?
        {
            return Ok(());
        }
        let lane = Arc::clone(&self.pushes).try_acquire_owned();
        let lane = lane.map_err(|_| PlatformError::Unavailable("too many notifications".into()))?;
        let api = self.api()?;
        let contents = self.config(|config| config.email.push_notification_contents.clone());
        let args = Positional((Some(notification(&push, &contents)), push.user_id));
        tokio::spawn(async move {
            let sent = api.tell("SendPushNotification", args).await;
            if let Err(error) = sent {
                tracing::warn!(%error, "a phone could not be rung");
            }
            drop(lane);
        });
        Ok(())
    }

    async fn wanted(&self, push: &CallPush) -> Result<bool, PlatformError> {
        let api = self.api()?;
        let args = Positional((push.user_id.clone(),));
        let user: wire::User = api.find("GetUser", args).await?;
        let args = Positional((push.channel_id.clone(), push.user_id.clone()));
        let member: wire::ChannelMember = api.find("GetChannelMember", args).await?;
        let says = |props: &Option<wire::Props>, key: &str, value: &str| {
            let said = props.as_ref().and_then(|props| props.get(key));
            said.is_some_and(|said| said == value)
        };
        let (everywhere, here) = (&user.notify_props, &member.notify_props);
        // A channel's own choice comes before the one for all; a muted one is quiet in any case.
        let here_too = |value| says(here, "push", value);
        let none = here_too("none") || says(everywhere, "push", "none") && !here_too("all");
        Ok(!none && !says(here, "mark_unread", "mention"))
    }
}

/// As much of the names as the admin lets leave the server.
fn notification(push: &CallPush, contents: &str) -> PushNotification {
    let direct = push.channel_kind == ChannelKind::Direct;
    let names = matches!(contents, "full" | "generic" | "generic_no_channel");
    let channel = names && (direct || contents != "generic_no_channel");
    let shown = |text: &str, when: bool| if when { text.to_owned() } else { String::new() };
    PushNotification {
        version: VERSION.into(),
        kind: MESSAGE.into(),
        sub_kind: CALLS.into(),
        transport: VOIP.into(),
        channel_id: push.channel_id.clone(),
        channel_kind: if direct { "D" } else { "G" }.into(),
        channel_name: shown(&push.channel_name, channel),
        post_id: push.post_id.clone(),
        root_id: push.root_id.clone(),
        sender_id: push.sender_id.clone(),
        sender_name: shown(&push.sender_name, names),
        message: if names {
            push.message.clone()
        } else {
            push.discreet_message.clone()
        },
        is_id_loaded: contents == "id_loaded",
        ..PushNotification::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(channel_kind: ChannelKind) -> CallPush {
        CallPush {
            user_id: "bob".into(),
            channel_id: "c".into(),
            channel_kind,
            channel_name: "Alice, Carol".into(),
            post_id: "p".into(),
            root_id: "r".into(),
            sender_id: "alice".into(),
            sender_name: "Alice".into(),
            message: "Alice calls".into(),
            discreet_message: "Somebody calls".into(),
        }
    }

    #[test]
    fn l47_names_leave_the_server_as_far_as_its_admin_lets_them() {
        for (contents, kind, sender, channel, message) in [
            (
                "full",
                ChannelKind::Group,
                "Alice",
                "Alice, Carol",
                "Alice calls",
            ),
            (
                "generic",
                ChannelKind::Group,
                "Alice",
                "Alice, Carol",
                "Alice calls",
            ),
            (
                "generic_no_channel",
                ChannelKind::Group,
                "Alice",
                "",
                "Alice calls",
            ),
            (
                "generic_no_channel",
                ChannelKind::Direct,
                "Alice",
                "Alice, Carol",
                "Alice calls",
            ),
            ("id_loaded", ChannelKind::Direct, "", "", "Somebody calls"),
            ("", ChannelKind::Direct, "", "", "Somebody calls"),
        ] {
            let made = notification(&push(kind), contents);
            assert_eq!(made.sender_name, sender, "{contents}");
            assert_eq!(made.channel_name, channel, "{contents}");
            assert_eq!(made.message, message, "{contents}");
            assert_eq!(made.is_id_loaded, contents == "id_loaded");
        }
    }
}
