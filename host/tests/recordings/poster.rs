//! Posts of recordings as the plugin makes them: once, in a thread, by the bot.

use std::sync::Arc;

use parley_host::media::recordings::{NotPosted, PostFuture, RecordingHandler};
use parley_host::platform::{Platform, PlatformError, Post};
use parley_proto::v1::Recording;
use serde_json::{Value, json};

/// See the module. The labels say where: `channel_id` and `root_id`.
pub(crate) struct ThreadPoster<P>(pub(crate) Arc<P>);

impl<P: Platform> ThreadPoster<P> {
    async fn post(&self, recording: &Recording) -> Result<String, PlatformError> {
        let label = |name: &str| recording.labels.get(name).cloned().unwrap_or_default();
        let mark = |post: &Post| {
            let props: Value = serde_json::from_str(&post.props_json).unwrap_or_default();
            props["recording_id"].as_str().map(str::to_owned)
        };
        let thread = self.0.get_thread(&label("root_id")).await?;
        let ours = |post: &&Post| mark(post).as_ref() == Some(&recording.recording_id);
        if let Some(post) = thread.iter().find(ours) {
            return Ok(post.id.clone());
        }
        let post = Post {
            user_id: self.0.bot_id().await?,
            channel_id: label("channel_id"),
            root_id: label("root_id"),
            message: "A recording".into(),
            props_json: json!({"recording_id": recording.recording_id}).to_string(),
            file_ids: recording
                .files
                .iter()
                .map(|file| file.file_id.clone())
                .collect(),
            ..Post::default()
        };
        Ok(self.0.create_post(post).await?.id)
    }
}

impl<P: Platform> RecordingHandler for ThreadPoster<P> {
    fn post_recording<'a>(&'a self, recording: &'a Recording) -> PostFuture<'a> {
        Box::pin(async move {
            self.post(recording)
                .await
                .map_err(|error| NotPosted::Later(error.to_string()))
        })
    }
}
