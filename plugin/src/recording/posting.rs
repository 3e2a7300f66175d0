//! The post of a recording: made once, when the platform has its files, however often that is asked for and
//! whoever dies in between.
//!
//! The store says who is at it and which files have been posted; before a post is made the thread is looked
//! through as well, for one who died between the two. (In a channel without the thread there is nothing to
//! look through: who dies just then leaves a post that is made again.) What counts are the files: one that
//! the platform lost and got anew needs a post of its own.

use serde_json::{Map, Value, json};

use super::claim::Held;
use super::message;
use crate::Guest;
use crate::env::{File, Level, PlatformError, Post, RecordingError};
use crate::ids::{PostId, UserId, is_id};
use crate::media::{self, MadeRecording, RecordingFile};
use crate::text::{Lang, Text};

/// The platform's type: clients of the published protocol know it.
const KIND: &str = "custom_calls_recording";
/// Files of one post: Mattermost takes no more.
const FILES_PER_POST_MAX: usize = 10;

/// Why it was not posted.
pub(super) enum Failure {
    /// It is to be asked for again.
    Later(&'static str),
    /// Never: what people are told, and what the admin reads.
    Never(Text, &'static str),
}

pub(super) type Result<T> = std::result::Result<T, Failure>;

impl From<PlatformError> for Failure {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::Unavailable(_) => Self::Later("the platform does not answer"),
            // It was there a moment ago: the next time this is seen from the start.
            PlatformError::NotFound => Self::Later("something was deleted meanwhile"),
            PlatformError::Denied(_) | PlatformError::Invalid(_) => {
                Self::Later("the platform does not let the plugin look")
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
        if let Some(post) = held.claim.post_of(&made) {
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
        for post in self.standing(made, &root)? {
            held.claim.add(post.id, post.file_ids);
        }
        let lacking: Vec<RecordingFile> = made
            .files
            .iter()
            .filter(|file| !held.claim.has(&file.file_id))
            .cloned()
            .collect();
        let mut posts: Vec<&[RecordingFile]> = lacking.chunks(FILES_PER_POST_MAX).collect();
        if posts.is_empty() && held.claim.posts.is_empty() {
            // Nothing was recorded: it is said, too.
            posts.push(&[]);
        }
        let count = held.claim.posts.len() + posts.len();
        for files in posts {
            let post = self.make_recording_post(made, held, &root, files, count)?;
            let files = files.iter().map(|file| file.file_id.clone());
            held.claim.add(post, files);
            self.write_claim(held)?;
        }
        let Some(first) = held.claim.posts.first().cloned() else {
            return Err(Failure::Later("no post was made"));
        };
        self.mention_in_call_post(made, &first)?;
        held.claim.done = true;
        held.claim.at = 0;
        self.write_claim(held)?;
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
        // Who speaks is timed from the recording's beginning, each part from its own.
        let media = files.iter().filter(|file| !file.is_text);
        let starts: Map<String, Value> = media
            .map(|file| (file.file_id.clone(), file.starts_at_ms.into()))
            .collect();
        let props = json!({
            "call_post_id": made.labels.post_id,
            "recording_id": made.id,
            "captions": captions,
            "parley": { "starts_at_ms": starts },
        });
        // Without a thread those that follow go below the first.
        let below = held.claim.posts.first().filter(|_| root.is_empty());
        let post = Post {
            user_id: self.env.bot_id()?,
            channel_id: made.labels.channel_id.clone(),
            root_id: below.unwrap_or(root).clone(),
            kind: KIND.to_owned(),
            message: match held.claim.posts.len() {
                0 => message::first(self.env, made, lang),
                before => message::more(before + 1, count, lang),
            },
            props_json: props.to_string(),
            file_ids: files.iter().map(|file| file.file_id.clone()).collect(),
            ..Post::default()
        };
        match self.env.create_post(post) {
            Ok(post) => Ok(post.id),
            // Whoever deletes the thread at this moment has not refused the recording.
            Err(PlatformError::Denied(why) | PlatformError::Invalid(why)) => {
                if self.root_of(made)? != *root {
                    return Err(Failure::Later("the thread was deleted meanwhile"));
                }
                let line = format!("{}: refused: {why}", made.id);
                self.env.log(Level::Warn, "recording", &line);
                let reason = "the platform refuses the post";
                Err(Failure::Never(Text::ParkedRefused, reason))
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

    /// The recording's posts that the thread has, oldest first.
    fn standing(&self, made: &MadeRecording, root: &PostId) -> Result<Vec<Post>> {
        if root.is_empty() {
            return Ok(Vec::new());
        }
        let bot = self.env.bot_id()?;
        let mut posts = self.env.thread(root)?;
        posts.retain(|post| {
            let props: Value = serde_json::from_str(&post.props_json).unwrap_or_default();
            post.kind == KIND && post.user_id == bot && props["recording_id"] == made.id.as_str()
        });
        Ok(posts)
    }

    /// The call's own post names its recordings, if it is still there.
    fn mention_in_call_post(&self, made: &MadeRecording, post: &PostId) -> Result<()> {
        let call_post = &made.labels.post_id;
        if call_post.is_empty() {
            return Ok(());
        }
        let media = made.files.iter().find(|file| !file.is_text);
        let mention = json!({
            "file_id": media.map_or("", |file| file.file_id.as_str()),
            "post_id": post,
        });
        self.change_call_post(call_post, |_, props| {
            let recordings = props.entry("recordings").or_insert_with(|| json!({}));
            if !recordings.is_object() {
                *recordings = json!({});
            }
            recordings[made.id.as_str()] = mention;
        })?;
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
            released = self.write_claim(held).is_ok();
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
                data: format!(
                    "parley-sidecar --data-dir DATA_FOLDER recordings export {} NEW_FOLDER\n",
                    made.id
                )
                .into_bytes(),
            };
            let message = text.get(self.lang(user));
            if let Err(error) = self.env.send_file(user, message, file) {
                let line = format!("{}: not told that it is parked: {error}", made.id);
                self.env.log(Level::Warn, "recording", &line);
            }
        }
    }
}
