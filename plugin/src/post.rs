//! The post of a call: made when it starts, completed when it ends.

use serde_json::{Map, Value, json};

use crate::Guest;
use crate::env::{Channel, PlatformError, Post, User};
use crate::ids::{PostId, UserId};
use crate::link::join_link;
use crate::record::Record;
use crate::refusal::Refusal;
use crate::text::{Lang, Text, escape_markdown, fill};

/// The type of our posts: clients draw them with their own component.
const KIND: &str = "custom_calls";

/// Who changes a call's post, before its id.
const LOCK_PREFIX: &str = "lp_";
/// Whoever died while changing it keeps the others from it for so long.
const LOCK_EXPIRES_S: u32 = 10;
/// A change takes a few calls of the platform; so is the pause between these tries.
const LOCK_TRIES: usize = 20;

impl Guest<'_> {
    /// The root of the thread a call is to be attached to: an undeleted root post of the channel.
    pub(crate) fn check_thread(&self, channel: &Channel, root: &PostId) -> Result<(), Refusal> {
        if root.is_empty() {
            return Ok(());
        }
        match self.env.post(root) {
            Ok(post)
                if post.channel_id == channel.id
                    && post.root_id.is_empty()
                    && post.delete_at == 0 =>
            {
                Ok(())
            }
            Ok(_) | Err(PlatformError::NotFound | PlatformError::Denied(_)) => {
                Err(Refusal::ThreadInvalid)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes the post of a call, as its owner.
    pub(crate) fn create_call_post(
        &self,
        record: &Record,
        owner: &User,
    ) -> Result<PostId, PlatformError> {
        let lang = Lang::of(&owner.locale);
        let message = fill(
            Text::PostStarted.get(lang),
            &[("name", escape_markdown(owner.shown_name()).as_str())],
        );
        let link = join_link(self.env, &record.channel_id);
        let props = json!({
            "start_at": record.start_at,
            "title": record.title,
            // What clients without our bundle show: they still can join by the link.
            "attachments": [{
                "fallback": message,
                "title": message,
                "text": fill(Text::PostJoin.get(lang), &[("link", link.as_str())]),
            }],
        });
        let post = self.env.create_post(Post {
            user_id: owner.id.clone(),
            channel_id: record.channel_id.clone(),
            root_id: record.thread_id.clone(),
            kind: KIND.to_owned(),
            message,
            props_json: props.to_string(),
            ..Post::default()
        })?;
        Ok(post.id)
    }

    /// Marks the post as that of an ended call. Repeating it with the same values changes nothing; a post
    /// that somebody deleted stays deleted.
    pub(crate) fn end_call_post(
        &self,
        record: &Record,
        end_at_ms: i64,
        participants: &[UserId],
    ) -> Result<(), PlatformError> {
        if record.post_id.is_empty() {
            return Ok(());
        }
        let lang = self
            .env
            .user(&record.owner_id)
            .map_or(Lang::En, |user| Lang::of(&user.locale));
        let message = Text::PostEnded.get(lang);
        self.change_call_post(&record.post_id, |post, props| {
            // Who ends it a second time may know less: a reader of a stale record, or this event again.
            let known = props.get("end_at").and_then(Value::as_i64);
            let known = known.filter(|at| *at > 0).unwrap_or(i64::MAX);
            let mut all: Vec<UserId> = props
                .get("participants")
                .and_then(|all| serde_json::from_value(all.clone()).ok())
                .unwrap_or_default();
            all.extend(
                participants
                    .iter()
                    .filter(|one| !all.contains(one))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
            props.insert("start_at".to_owned(), record.start_at.into());
            props.insert(
                "end_at".to_owned(),
                end_at_ms.min(known).max(record.start_at + 1).into(),
            );
            props.insert("participants".to_owned(), json!(all));
            props.insert(
                "attachments".to_owned(),
                json!([{ "fallback": message, "title": message }]),
            );
            post.message = message.to_owned();
        })
    }

    /// Changes a call's post, unless somebody deleted it. The end and the recordings of a call may come at
    /// the same time, and the platform takes posts whole: one changes it after the other.
    pub(crate) fn change_call_post(
        &self,
        id: &PostId,
        change: impl FnOnce(&mut Post, &mut Map<String, Value>),
    ) -> Result<(), PlatformError> {
        let key = format!("{LOCK_PREFIX}{id}");
        let mine = self.env.random(16);
        let mut taken = false;
        for _ in 0..LOCK_TRIES {
            taken = self
                .env
                .kv_compare_and_set(&key, None, Some(&mine), LOCK_EXPIRES_S)?;
            if taken {
                break;
            }
        }
        if !taken {
            let busy = "the call's post is being changed".to_owned();
            return Err(PlatformError::Unavailable(busy));
        }
        let changed = self.change_post(id, change);
        // Kept by an error, it expires.
        let _ = self.env.kv_compare_and_set(&key, Some(&mine), None, 0);
        changed
    }

    fn change_post(
        &self,
        id: &PostId,
        change: impl FnOnce(&mut Post, &mut Map<String, Value>),
    ) -> Result<(), PlatformError> {
        let mut post = match self.env.post(id) {
            Ok(post) if post.delete_at == 0 => post,
            Ok(_) | Err(PlatformError::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut props: Map<String, Value> =
            serde_json::from_str(&post.props_json).unwrap_or_default();
        change(&mut post, &mut props);
        post.props_json = Value::Object(props).to_string();
        match self.env.update_post(post) {
            Err(PlatformError::NotFound | PlatformError::Denied(_)) => Ok(()),
            other => other.map(|_| ()),
        }
    }
}
