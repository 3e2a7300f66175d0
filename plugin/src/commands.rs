//! `/call …`: every command is answered here, with or without our bundle in the browser.

use parley_settings::SidecarMode;

use crate::Guest;
use crate::access::{self, Action};
use crate::call::Start;
use crate::env::{CommandArgs, CommandResponse, Level};
use crate::link::join_link;
use crate::media::{LeaveReason, Who};
use crate::record::StartedBy;
use crate::refusal::Refusal;
use crate::text::{Lang, Text, escape_markdown, fill};

/// Longest command word repeated to the user.
const ECHO_CHARS_MAX: usize = 32;

impl Guest<'_> {
    /// Runs a slash command; the answer is for the asking user only.
    pub async fn on_command(&self, args: CommandArgs) -> CommandResponse {
        let lang = self.lang(&args.user_id);
        let words = args
            .command
            .trim()
            .strip_prefix("/call")
            .unwrap_or_default()
            .trim();
        let (word, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        let done = match word {
            "start" => self.command_start(&args, lang, rest.trim()).await,
            "join" => self.command_join(&args, lang).await,
            "leave" => self.command_leave(&args, lang).await,
            "end" => self.command_end(&args, lang).await,
            "host" => self.command_host(&args, lang, rest.trim()).await,
            "recording" => {
                let (user, channel) = (&args.user_id, &args.channel_id);
                self.command_recording(channel, user, lang, rest.trim())
                    .await
            }
            "link" => self.command_link(&args, lang),
            "stats" => self.command_stats(&args, lang).await,
            "logs" => Ok(Text::Logs.get(lang).to_owned()),
            "" | "help" => Ok(Text::Help.get(lang).to_owned()),
            other => Ok(unknown(other, lang)),
        };
        let text = done.unwrap_or_else(|refusal| {
            let line = format!("/call {word} refused: {}", refusal.code());
            self.env.log(Level::Debug, "command", &line);
            refusal.text(lang)
        });
        CommandResponse {
            text,
            goto_location: String::new(),
        }
    }

    async fn command_start(
        &self,
        args: &CommandArgs,
        lang: Lang,
        title: &str,
    ) -> Result<String, Refusal> {
        let link = join_link(self.env, &args.channel_id);
        let (user, channel) = (&args.user_id, &args.channel_id);
        // Who may not join learns nothing about a running call; who may not start may hear of one.
        access::check(self.env, &self.settings, Action::Join, user, channel, false)?;
        if self.live(channel).await?.is_some() {
            return Ok(fill(Text::AlreadyRunning.get(lang), &[("link", &link)]));
        }
        let grant = access::check(
            self.env,
            &self.settings,
            Action::Start,
            user,
            channel,
            false,
        )?;
        let start = Start {
            title: title.to_owned(),
            thread_id: args.root_id.clone(),
            by: StartedBy::Command,
        };
        let (_, _, started) = self
            .start_or_join(&grant.user, &grant.channel, &start)
            .await?;
        let text = if started {
            Text::Started
        } else {
            Text::AlreadyRunning
        };
        let mut answer = fill(text.get(lang), &[("link", &link)]);
        if let Some(note) = self.note_of_port(grant.user.is_admin(), lang).await {
            answer.push_str("\n\n");
            answer.push_str(&note);
        }
        Ok(answer)
    }

    /// What is wrong with the media port, if anything: firewalls may let in only the one that was set.
    async fn note_of_port(&self, for_admin: bool, lang: Lang) -> Option<String> {
        // A remote media server's port is not a setting of ours.
        if self.settings.sidecar_mode != SidecarMode::Embedded {
            return None;
        }
        // A media server that does not say is no reason to worry anybody.
        let ports = self.media.media_ports().await.unwrap_or_default();
        let wanted = self.settings.media_port;
        let port = *ports.first().filter(|_| !ports.contains(&wanted))?;
        if !for_admin {
            return Some(Text::OtherPort.get(lang).to_owned());
        }
        let (port, wanted) = (port.to_string(), wanted.to_string());
        let values = [("port", &*port), ("wanted", &*wanted)];
        Some(fill(Text::OtherPortForAdmin.get(lang), &values))
    }

    async fn command_join(&self, args: &CommandArgs, lang: Lang) -> Result<String, Refusal> {
        let (user, channel) = (&args.user_id, &args.channel_id);
        access::check(self.env, &self.settings, Action::Join, user, channel, false)?;
        let (_, room) = self.live(channel).await?.ok_or(Refusal::NoCall)?;
        let there = room.sessions.iter().any(|session| session.user_id == *user);
        let text = if there {
            Text::InCallAlready
        } else {
            Text::JoinHere
        };
        let link = join_link(self.env, channel);
        Ok(fill(text.get(lang), &[("link", &link)]))
    }

    async fn command_leave(&self, args: &CommandArgs, lang: Lang) -> Result<String, Refusal> {
        // No right is needed to leave.
        let (record, room) = self
            .live(&args.channel_id)
            .await?
            .ok_or(Refusal::NotInCall)?;
        if !room
            .sessions
            .iter()
            .any(|session| session.user_id == args.user_id)
        {
            return Err(Refusal::NotInCall);
        }
        let who = Who::User(args.user_id.clone());
        self.media
            .leave(&record.room(), who, LeaveReason::Left)
            .await?;
        Ok(Text::Left.get(lang).to_owned())
    }

    async fn command_end(&self, args: &CommandArgs, lang: Lang) -> Result<String, Refusal> {
        self.end_for_all(&args.channel_id, &args.user_id).await?;
        Ok(Text::EndedForAll.get(lang).to_owned())
    }

    /// Ends the channel's call for everyone. The rest follows from the media server's event.
    pub(crate) async fn end_for_all(
        &self,
        channel: &crate::ChannelId,
        user: &crate::UserId,
    ) -> Result<(), Refusal> {
        let (record, _) = self.call_of_host(channel, user, Action::End).await?;
        Ok(self.media.end_room(&record.room(), Some(user)).await?)
    }

    /// Makes who is named the call's host.
    async fn command_host(
        &self,
        args: &CommandArgs,
        lang: Lang,
        name: &str,
    ) -> Result<String, Refusal> {
        let (user, channel) = (&args.user_id, &args.channel_id);
        // Who is no member learns nothing about a running call.
        access::check(self.env, &self.settings, Action::End, user, channel, true)?;
        let name = name.strip_prefix('@').unwrap_or(name);
        match self.make_host_by_name(channel, user, name).await? {
            Some(host) => {
                let name = escape_markdown(host.shown_name());
                Ok(fill(Text::HostMade.get(lang), &[("name", &name)]))
            }
            None => Ok(Text::HostWhom.get(lang).to_owned()),
        }
    }

    fn command_link(&self, args: &CommandArgs, lang: Lang) -> Result<String, Refusal> {
        let (user, channel) = (&args.user_id, &args.channel_id);
        access::check(self.env, &self.settings, Action::Read, user, channel, false)?;
        Ok(fill(
            Text::Link.get(lang),
            &[("link", &join_link(self.env, channel))],
        ))
    }
}

fn unknown(word: &str, lang: Lang) -> String {
    let word: String = word
        .chars()
        .filter(|c| *c != '`' && !c.is_control())
        .take(ECHO_CHARS_MAX)
        .collect();
    let line = fill(Text::UnknownCommand.get(lang), &[("command", &word)]);
    format!("{line}\n\n{}", Text::Help.get(lang))
}
