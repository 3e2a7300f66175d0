//! The post of a recording: made once, when the platform has its files, however often that is asked for and
//! whoever dies in between.
//!
//! The store says who is at it and which posts stand; before a post is made the thread is looked through
//! for it, for one who died between the two. (In a channel without the thread there is nothing to look
//! through: who dies just then leaves a post that is made again.)

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::message;
use crate::Guest;
use crate::env::{File, Level, PlatformError, Post, RecordingError};
use crate::ids::{PostId, UserId, is_id};
use crate::media::{self, MadeRecording, RecordingFile};
use crate::text::{Lang, Text};

/// The platform's type: clients of the published protocol know it.
const KIND: &str = "custom_calls_recording";
/// Before the recording's id.
const PREFIX: &str = "rec_";
/// Files of one post: Mattermost takes no more.
const FILES_PER_POST_MAX: usize = 10;
/// Who has not come to an end after this time died: a request of the guest lasts 15 s at most.
const CLAIM_MS: i64 = 20_000;
/// How long it is known that a recording was posted: the media server asks while it has its own copy, for
/// days.
const KNOWN_S: u32 = 90 * 86_400;

/// What the store knows of a recording's posts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Claim {
    /// Unix ms when somebody began; 0 = nobody is at it.
    at: i64,
    /// Those that stand, in order.
    posts: Vec<PostId>,
    /// All of them do.
    done: bool,
    /// Somebody was told that it cannot be posted.
    told: bool,
}

/// A claim that is ours, with the bytes that a compare-and-set compares.
struct Held {
    key: String,
    raw: Option<Vec<u8>>,
    claim: Claim,
}

/// Why it was not posted.
enum Failure {
    Later(&'static str),
    /// Never: what people are told, and what the admin reads.
    Never(Text, &'static str),
}

type Result<T> = std::result::Result<T, Failure>;

impl From<PlatformError> for Failure {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::Unavailable(_) => Self::Later("the platform does not answer"),
            // It was there a moment ago: the next time this is seen from the start.
            PlatformError::NotFound => Self::Later("something was deleted meanwhile"),
            PlatformError::Denied(_) | PlatformError::Invalid(_) => {
                Self::Never(Text::ParkedRefused, "the platform refuses the post")
            }
        }
    }
}

impl Guest<'_> {
    /// Makes the post of a recording whose files the platform has, or finds it if it stands already.
    /// `recording`: an encoded `parley.media.v1.Recording`. Idempotent by recording id. A recording of many
    /// files has several posts; the first is returned.
    pub async fn on_recording(
        &self,
        recording: &[u8],
    ) -> std::result::Result<PostId, RecordingError> {
        let parked = |reason: &str| Err(RecordingError::Parked(reason.to_owned()));
        let Ok(made) = media::made_recording(recording) else {
            return parked("the recording is not readable");
        };
        if !is_id(made.id.as_str()) || made.labels.channel_id.is_empty() {
            return parked("not a recording of this plugin");
        }
        let mut held = match self.claim(&made) {
            Ok(held) => held,
            Err(failure) => return Err(self.failed(&made, None, failure)),
        };
        if held.claim.done
            && let Some(post) = held.claim.posts.first()
        {
            return Ok(post.clone());
        }
        let posted = self.post_recording(&made, &mut held);
        posted.map_err(|failure| self.failed(&made, Some(&mut held), failure))
    }

    fn post_recording(&self, made: &MadeRecording, held: &mut Held) -> Result<PostId> {
        if made.files.iter().any(|file| file.file_id.is_empty()) {
            return Err(Failure::Later("a file is not uploaded yet"));
        }
        let root = self.root_of(made)?;
        let standing = self.standing(made, &root)?;
        let mut files: Vec<&[RecordingFile]> = made.files.chunks(FILES_PER_POST_MAX).collect();
        if files.is_empty() {
            // Nothing was recorded: it is said, too.
            files.push(&[]);
        }
        let count = files.len();
        for (at, files) in files.into_iter().enumerate() {
            if held.claim.posts.len() > at {
                continue;
            }
            let post = match standing.get(&(at + 1)) {
                Some(post) => post.clone(),
                None => self.make_recording_post(made, held, &root, files, at + 1, count)?,
            };
            held.claim.posts.push(post);
            self.write(held)?;
        }
        let Some(first) = held.claim.posts.first().cloned() else {
            return Err(Failure::Later("no post was made"));
        };
        self.mention_in_call_post(made, &first)?;
        held.claim.done = true;
        self.write(held)?;
        let line = format!("{} posted", made.id);
        self.env.log(Level::Info, "recording", &line);
        Ok(first)
    }

    fn make_recording_post(
        &self,
        made: &MadeRecording,
        held: &Held,
        root: &PostId,
        files: &[RecordingFile],
        part: usize,
        count: usize,
    ) -> Result<PostId> {
        let lang = Lang::of(&made.labels.lang);
        let captions: Vec<Value> = files
            .iter()
            .filter(|file| file.is_text)
            .map(|file| {
                json!({
                    "title": Text::CaptionsTitle.get(lang),
                    "language": lang.code(),
                    "file_id": file.file_id,
                })
            })
            .collect();
        let props = json!({
            "call_post_id": made.labels.post_id,
            "recording_id": made.id,
            "captions": captions,
            "parley": { "part": part },
        });
        // Without a thread those that follow go below the first.
        let below = held.claim.posts.first().filter(|_| root.is_empty());
        let post = Post {
            user_id: self.env.bot_id()?,
            channel_id: made.labels.channel_id.clone(),
            root_id: below.unwrap_or(root).clone(),
            kind: KIND.to_owned(),
            message: match part {
                1 => message::first(self.env, made, lang),
                part => message::more(part, count, lang),
            },
            props_json: props.to_string(),
            file_ids: files.iter().map(|file| file.file_id.clone()).collect(),
            ..Post::default()
        };
        match self.env.create_post(post) {
            Ok(post) => Ok(post.id),
            // Whoever deletes the thread at this moment has not refused the recording.
            Err(PlatformError::Denied(_) | PlatformError::Invalid(_))
                if self.root_of(made)? != *root =>
            {
                Err(Failure::Later("the thread was deleted meanwhile"))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The thread's root; empty = it is gone, the post goes into the channel itself.
    fn root_of(&self, made: &MadeRecording) -> Result<PostId> {
        let labels = &made.labels;
        match self.env.channel(&labels.channel_id) {
            Ok(channel) if channel.delete_at == 0 => {}
            Ok(_) | Err(PlatformError::NotFound) => {
                let reason = "the channel is archived or gone";
                return Err(Failure::Never(Text::ParkedArchived, reason));
            }
            Err(error) => return Err(error.into()),
        }
        let root = match labels.thread_id.is_empty() {
            true => &labels.post_id,
            false => &labels.thread_id,
        };
        if root.is_empty() {
            return Ok(PostId::default());
        }
        match self.env.post(root) {
            Ok(post) if post.delete_at == 0 && post.channel_id == labels.channel_id => {
                Ok(root.clone())
            }
            Ok(_) | Err(PlatformError::NotFound) => Ok(PostId::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// The recording's posts that the thread has, by their numbers.
    fn standing(&self, made: &MadeRecording, root: &PostId) -> Result<BTreeMap<usize, PostId>> {
        if root.is_empty() {
            return Ok(BTreeMap::new());
        }
        let bot = self.env.bot_id()?;
        let posts = self.env.thread(root)?.into_iter();
        let ours = posts.filter(|post| post.kind == KIND && post.user_id == bot);
        Ok(ours
            .filter_map(|post| {
                let props: Value = serde_json::from_str(&post.props_json).ok()?;
                let part = usize::try_from(props["parley"]["part"].as_u64()?).ok()?;
                (props["recording_id"] == made.id.as_str()).then_some((part, post.id))
            })
            .collect())
    }

    /// The call's own post names its recordings, if it is still there.
    fn mention_in_call_post(&self, made: &MadeRecording, post: &PostId) -> Result<()> {
        let call_post = &made.labels.post_id;
        if call_post.is_empty() {
            return Ok(());
        }
        let mut call_post = match self.env.post(call_post) {
            Ok(post) if post.delete_at == 0 => post,
            Ok(_) | Err(PlatformError::NotFound) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let mut props: Map<String, Value> =
            serde_json::from_str(&call_post.props_json).unwrap_or_default();
        let recordings = props.entry("recordings").or_insert_with(|| json!({}));
        if !recordings.is_object() {
            *recordings = json!({});
        }
        let media = made.files.iter().find(|file| !file.is_text);
        recordings[made.id.as_str()] = json!({
            "file_id": media.map_or("", |file| file.file_id.as_str()),
            "post_id": post,
        });
        call_post.props_json = Value::Object(props).to_string();
        match self.env.update_post(call_post) {
            Err(PlatformError::NotFound | PlatformError::Denied(_)) => Ok(()),
            other => Ok(other.map(|_| ())?),
        }
    }

    fn claim(&self, made: &MadeRecording) -> Result<Held> {
        let key = format!("{PREFIX}{}", made.id);
        let raw = self.env.kv_get(&key)?;
        let claim: Claim = match &raw {
            Some(raw) => serde_json::from_slice(raw).unwrap_or_default(),
            None => Claim::default(),
        };
        let now_ms = self.env.now_ms();
        let mut held = Held { key, raw, claim };
        if held.claim.done {
            return Ok(held);
        }
        // A clock that was put back makes nobody wait longer.
        if (0..CLAIM_MS).contains(&(now_ms - held.claim.at)) {
            return Err(Failure::Later("it is being posted"));
        }
        held.claim.at = now_ms;
        self.write(&mut held)?;
        Ok(held)
    }

    fn write(&self, held: &mut Held) -> Result<()> {
        // Strings and numbers only: this cannot fail.
        let new = serde_json::to_vec(&held.claim).unwrap_or_default();
        let old = held.raw.as_deref();
        if !self
            .env
            .kv_compare_and_set(&held.key, old, Some(&new), KNOWN_S)?
        {
            return Err(Failure::Later("somebody else is posting it"));
        }
        held.raw = Some(new);
        Ok(())
    }

    /// Lets go of the claim, and tells whom it concerns if it will never be posted.
    fn failed(
        &self,
        made: &MadeRecording,
        held: Option<&mut Held>,
        failure: Failure,
    ) -> RecordingError {
        let told = held.as_ref().is_none_or(|held| held.claim.told);
        let mut released = false;
        if let Some(held) = held {
            held.claim.at = 0;
            held.claim.told |= matches!(failure, Failure::Never(..));
            released = self.write(held).is_ok();
        }
        match failure {
            Failure::Later(reason) => RecordingError::Later(reason.to_owned()),
            Failure::Never(text, reason) => {
                if !told && released {
                    self.tell_parked(made, text);
                }
                RecordingError::Parked(reason.to_owned())
            }
        }
    }

    /// To who started it, and to who was the host.
    fn tell_parked(&self, made: &MadeRecording, text: Text) {
        let mut users: Vec<&UserId> = vec![&made.starter_id, &made.labels.host_id];
        users.retain(|user| !user.is_empty());
        users.dedup();
        for user in users {
            let file = File {
                name: format!("recording-{}.txt", made.id),
                data: format!("parley-sidecar recordings export {}\n", made.id).into_bytes(),
            };
            let message = text.get(self.lang(user));
            if let Err(error) = self.env.send_file(user, message, file) {
                let line = format!("{}: not told that it is parked: {error}", made.id);
                self.env.log(Level::Warn, "recording", &line);
            }
        }
    }
}
