//! Threads: a root, its replies, who follows.

use rusqlite::params;
use serde_json::{Value, json};

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::event::Target;
use super::super::limits;
use super::super::model::Post;
use super::posts::{get, get_live, to_json, to_list};

/// Root and replies, newest first.
pub(crate) fn thread(tx: &Tx<'_>, id: &str) -> ApiResult<Value> {
    to_list(tx, &newest_first(tx, id)?, &[], "", "")
}

/// The root, then the replies, oldest first.
pub(crate) fn posts(tx: &Tx<'_>, id: &str) -> ApiResult<Vec<Post>> {
    let mut posts = newest_first(tx, id)?;
    posts.reverse();
    Ok(posts)
}

/// The newest replies, and the root at the end.
fn newest_first(tx: &Tx<'_>, id: &str) -> ApiResult<Vec<Post>> {
    let post = get_live(tx, id)?;
    let root = if post.root_id.is_empty() {
        post.id
    } else {
        post.root_id
    };
    let sql = format!(
        "SELECT {} FROM posts WHERE (id = ?1 OR root_id = ?1) AND delete_at = 0 \
         ORDER BY root_id = '', create_at DESC, id DESC LIMIT ?2",
        Post::COLUMNS
    );
    let mut posts = tx.all(
        &sql,
        params![root, limits::THREAD_POSTS_MAX],
        Post::from_row,
    )?;
    if posts.iter().all(|p| p.id != root) {
        // More than one answer holds: the root instead of the oldest of them.
        posts.truncate(limits::THREAD_POSTS_MAX as usize - 1);
        posts.push(get(tx, &root)?);
    }
    Ok(posts)
}

/// Follows or unfollows a thread.
pub(crate) fn follow(tx: &Tx<'_>, root_id: &str, user_id: &str, following: bool) -> ApiResult<()> {
    let sql = "SELECT following FROM thread_members WHERE post_id = ?1 AND user_id = ?2";
    let before = tx.one(sql, [root_id, user_id], |row| row.get::<_, bool>(0))?;
    if before == Some(following) {
        return Ok(());
    }
    tx.exec(
        "INSERT INTO thread_members (post_id, user_id, following, last_viewed) \
         VALUES (?1, ?2, ?3, ?4) ON CONFLICT (post_id, user_id) DO UPDATE SET following = ?3",
        params![root_id, user_id, following, tx.now],
    )?;
    let sql = "SELECT count(*) FROM posts WHERE root_id = ?1 AND delete_at = 0";
    tx.event(
        "thread_follow_changed",
        json!({"thread_id": root_id, "state": following, "reply_count": tx.number(sql, [root_id])?}),
        Target::user(user_id),
    );
    Ok(())
}

/// A thread as its follower sees it.
pub(crate) fn user_thread(tx: &Tx<'_>, root_id: &str, user_id: &str) -> ApiResult<Value> {
    let post = get_live(tx, root_id)?;
    let sql = "SELECT last_viewed FROM thread_members \
               WHERE post_id = ?1 AND user_id = ?2 AND following = 1";
    let viewed = tx
        .one(sql, [root_id, user_id], |row| row.get::<_, i64>(0))?
        .ok_or_else(|| ApiError::not_found("app.user.get_thread.app_error", "thread"))?;
    let replies = "SELECT count(*) FROM posts WHERE root_id = ?1 AND delete_at = 0";
    let unread = "SELECT count(*) FROM posts WHERE root_id = ?1 AND delete_at = 0 AND create_at > ?2 \
                  AND user_id <> ?3";
    let last = "SELECT max(create_at) FROM posts WHERE root_id = ?1 AND delete_at = 0";
    let people = "SELECT DISTINCT user_id FROM posts WHERE (root_id = ?1 OR id = ?1) \
                  AND delete_at = 0 LIMIT 50";
    let participants: Vec<Value> = tx
        .all(people, [root_id], |row| row.get::<_, String>(0))?
        .into_iter()
        .map(|id| json!({"id": id}))
        .collect();
    Ok(json!({
        "id": root_id,
        "reply_count": tx.number(replies, [root_id])?,
        "last_reply_at": tx.number(last, [root_id])?,
        "last_viewed_at": viewed,
        "participants": participants,
        "post": to_json(tx, &post, "")?,
        "unread_replies": tx.number(unread, params![root_id, viewed, user_id])?,
        "unread_mentions": 0,
        "is_urgent": false,
        "delete_at": 0,
    }))
}
