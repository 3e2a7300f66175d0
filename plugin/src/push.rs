//! Phones ring for a call that begins in a direct or group message.

use crate::Guest;
use crate::env::{CallPush, Channel, ChannelKind, Level, PlatformError, Presence, User};
use crate::ids::UserId;
use crate::rate::{self, Limited};
use crate::record::Record;
use crate::text::{Lang, Text, fill};

/// Most members of a channel whose phones ring: more than a group message can have.
const MEMBERS_MAX: u32 = 16;
/// What the apps know an invitation by.
const MARK: char = '\u{200b}';

impl Guest<'_> {
    /// Rings the phones of all other members, once each. Not those of people who want to be left alone, and
    /// nobody's for a caller who starts one call after another. A call goes on without: what fails is logged.
    pub(crate) fn push_start(&self, record: &Record, caller: &User) {
        if let Err(error) = self.push_all(record, caller) {
            let text = format!("phones do not ring for {}: {error}", record.call_id);
            self.env.log(Level::Warn, "push", &text);
        }
    }

    fn push_all(&self, record: &Record, caller: &User) -> Result<(), PlatformError> {
        let channel = self.env.channel(&record.channel_id)?;
        if !matches!(channel.kind, ChannelKind::Direct | ChannelKind::Group) {
            return Ok(());
        }
        if !rate::take(self.env, Limited::Rings, &caller.id)? {
            let text = format!("{} rings too often", caller.id);
            self.env.log(Level::Info, "push", &text);
            return Ok(());
        }
        let members = self.env.members(&channel.id, MEMBERS_MAX)?;
        let mut failed = None;
        for member in &members {
            if self.wants_to_be_called(member, record, caller) {
                let push = call_push(record, &channel, caller, member, &members);
                // The others' phones ring all the same.
                failed = self.env.push_call(&push).err().or(failed);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn wants_to_be_called(&self, member: &User, record: &Record, caller: &User) -> bool {
        let somebody = member.id != caller.id && !member.is_bot && member.delete_at == 0;
        somebody && !record.dismissed.contains(&member.id) && !self.is_busy(&member.id)
    }

    /// Whose state is not known can still be reached.
    fn is_busy(&self, user: &UserId) -> bool {
        matches!(
            self.env.presence(user),
            Ok(Presence::DoNotDisturb | Presence::OutOfOffice)
        )
    }
}

fn call_push(
    record: &Record,
    channel: &Channel,
    caller: &User,
    member: &User,
    members: &[User],
) -> CallPush {
    let lang = Lang::of(&member.locale);
    let name = line(caller.shown_name());
    let invitation = fill(Text::PushInvited.get(lang), &[("name", &name)]);
    CallPush {
        user_id: member.id.clone(),
        channel_id: channel.id.clone(),
        channel_kind: channel.kind,
        channel_name: match channel.kind {
            ChannelKind::Direct => name.clone(),
            _ => names_without(member, members),
        },
        post_id: record.post_id.clone(),
        root_id: record.thread_id.clone(),
        sender_id: caller.id.clone(),
        sender_name: name,
        message: format!("{MARK}{invitation}"),
        discreet_message: Text::PushInvitedDiscreetly.get(lang).to_owned(),
    }
}

/// A group message is named after the others in it.
fn names_without(reader: &User, members: &[User]) -> String {
    let others = members.iter().filter(|member| member.id != reader.id);
    let mut names: Vec<String> = others.map(|member| line(member.shown_name())).collect();
    names.sort_unstable();
    names.join(", ")
}

/// A name in one line.
fn line(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
