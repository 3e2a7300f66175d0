//! Posts for one user that are not stored.

use serde_json::{Value, json};

use super::Local;
use super::error::ApiResult;
use super::event::Target;
use super::ids::new_id;

/// The post's JSON.
pub(crate) fn post(
    now: i64,
    user_id: &str,
    channel_id: &str,
    root_id: &str,
    message: &str,
    props: &Value,
) -> Value {
    json!({
        "id": new_id(),
        "create_at": now,
        "update_at": now,
        "edit_at": 0,
        "delete_at": 0,
        "is_pinned": false,
        "user_id": user_id,
        "channel_id": channel_id,
        "root_id": root_id,
        "original_id": "",
        "message": message,
        "type": "system_ephemeral",
        "props": props,
        "hashtags": "",
        "pending_post_id": "",
        "reply_count": 0,
        "file_ids": [],
        "metadata": {"embeds": [], "emojis": [], "files": [], "images": {}, "reactions": []},
    })
}

/// Shows it to every client of the user.
pub(crate) async fn send(
    local: &Local,
    user_id: &str,
    channel_id: &str,
    post: &Value,
) -> ApiResult<()> {
    let data = json!({"post": post.to_string()});
    let to = Target {
        channel_id: channel_id.to_owned(),
        ..Target::user(user_id)
    };
    local
        .db
        .run(move |tx| {
            tx.event("ephemeral_message", data, to);
            Ok(())
        })
        .await
}
