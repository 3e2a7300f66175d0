//! Posts.

use std::collections::BTreeMap;

use rusqlite::params;
use serde_json::{Map, Value, json};

use super::super::db::Tx;
use super::super::error::{ApiError, ApiResult};
use super::super::event::Target;
use super::super::ids::new_id;
use super::super::limits;
use super::super::model::{Channel, FileInfo, Post, User};
use super::{channels, files, threads, users};

fn missing() -> ApiError {
    ApiError::not_found("app.post.get.app_error", "post")
}

/// A checked new post.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewPost {
    pub(crate) user_id: String,
    pub(crate) channel_id: String,
    pub(crate) root_id: String,
    pub(crate) message: String,
    pub(crate) kind: String,
    pub(crate) props: String,
    pub(crate) file_ids: Vec<String>,
    /// Whose files these are; empty = the author's.
    pub(crate) files_of: String,
    pub(crate) pending_post_id: String,
}

pub(crate) fn check_message(message: &str) -> ApiResult<()> {
    if message.chars().count() > limits::MESSAGE_CHARS_MAX {
        return Err(ApiError::bad(
            "model.post.is_valid.message_length.app_error",
            "Post Message property is longer than the maximum permitted length.",
        ));
    }
    Ok(())
}

fn check_props(props: &str) -> ApiResult<()> {
    let object = serde_json::from_str::<Map<String, Value>>(props).is_ok();
    if object && props.len() <= limits::PROPS_BYTES_MAX {
        return Ok(());
    }
    Err(ApiError::bad(
        "model.post.is_valid.props.app_error",
        "Invalid props.",
    ))
}

/// Stores and announces a post. The channel must exist and not be archived.
pub(crate) fn insert(tx: &Tx<'_>, new: &NewPost) -> ApiResult<Post> {
    check_message(&new.message)?;
    check_props(&new.props)?;
    let author = users::get(tx, &new.user_id)?;
    let channel = channels::get(tx, &new.channel_id)?;
    if channel.delete_at != 0 {
        return Err(ApiError::bad(
            "api.post.create_post.can_not_post_to_deleted.error",
            "Can not post to deleted channel.",
        ));
    }
    if !new.root_id.is_empty() {
        let root = get(tx, &new.root_id).ok();
        let fits = root.is_some_and(|root| {
            root.channel_id == new.channel_id && root.root_id.is_empty() && root.delete_at == 0
        });
        if !fits {
            return Err(ApiError::bad(
                "api.post.create_post.root_id.app_error",
                "Invalid RootId parameter.",
            ));
        }
    }
    if new.message.trim().is_empty() && new.file_ids.is_empty() && new.kind.is_empty() {
        return Err(ApiError::bad(
            "model.post.is_valid.msg.app_error",
            "Invalid message.",
        ));
    }
    if new.file_ids.len() > limits::FILES_PER_POST_MAX {
        return Err(ApiError::body("file_ids"));
    }
    let id = new_id();
    // Two posts of one millisecond would have no order of their own.
    let last = tx.number(
        "SELECT max(create_at) FROM posts WHERE channel_id = ?1",
        [&channel.id],
    )?;
    let at = tx.now.max(last + 1);
    tx.exec(
        "INSERT INTO posts (id, create_at, update_at, user_id, channel_id, root_id, message, \
         type, props, file_ids) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            id,
            at,
            new.user_id,
            new.channel_id,
            new.root_id,
            new.message,
            new.kind,
            new.props,
            json!(new.file_ids).to_string(),
        ],
    )?;
    let files_of = match new.files_of.as_str() {
        "" => &new.user_id,
        other => other,
    };
    for file in &new.file_ids {
        files::bind(tx, file, &id, files_of, &new.channel_id)?;
    }
    tx.exec(
        "UPDATE channels SET last_post_at = ?2, total_msg_count = total_msg_count + 1 WHERE id = ?1",
        params![channel.id, at],
    )?;
    tx.exec(
        "UPDATE channel_members SET msg_count = msg_count + 1, last_viewed_at = ?3 \
         WHERE channel_id = ?1 AND user_id = ?2",
        params![channel.id, new.user_id, at],
    )?;
    if !new.root_id.is_empty() {
        // The thread's root shows a count: clients that ask `?since=` must hear of it.
        tx.exec(
            "UPDATE posts SET update_at = ?2 WHERE id = ?1",
            params![new.root_id, at],
        )?;
        threads::follow(tx, &new.root_id, &new.user_id, true)?;
        let root = get(tx, &new.root_id)?;
        if tx.number(
            "SELECT count(*) FROM thread_members WHERE post_id = ?1 AND user_id = ?2",
            [&root.id, &root.user_id],
        )? == 0
        {
            threads::follow(tx, &root.id, &root.user_id, true)?;
        }
    }
    let post = get(tx, &id)?;
    announce(tx, &post, &channel, &author, &new.pending_post_id)?;
    Ok(post)
}

fn announce(
    tx: &Tx<'_>,
    post: &Post,
    channel: &Channel,
    author: &User,
    pending: &str,
) -> ApiResult<()> {
    let mentioned = mentions(tx, post, channel)?;
    for user in &mentioned {
        tx.exec(
            "UPDATE channel_members SET mention_count = mention_count + 1 \
             WHERE channel_id = ?1 AND user_id = ?2",
            [&channel.id, user],
        )?;
    }
    let mut data = json!({
        "post": to_json(tx, post, pending)?.to_string(),
        "channel_type": channel.kind,
        "channel_name": channel.name,
        "channel_display_name": channel.display_name,
        "sender_name": format!("@{}", author.username),
        "team_id": channel.team_id,
        "set_online": true,
    });
    if let Some(map) = data.as_object_mut() {
        if !mentioned.is_empty() {
            map.insert("mentions".into(), json!(mentioned).to_string().into());
        }
        let root = if post.root_id.is_empty() {
            &post.id
        } else {
            &post.root_id
        };
        let sql = "SELECT user_id FROM thread_members WHERE post_id = ?1 AND following = 1";
        let followers = tx.all(sql, [root], |row| row.get::<_, String>(0))?;
        if !followers.is_empty() {
            map.insert("followers".into(), json!(followers).to_string().into());
        }
    }
    tx.event("posted", data, Target::channel(&channel.id));
    Ok(())
}

/// Members other than the author who are addressed: the other one in a direct channel, `@name`,
/// `@all`, `@channel`, `@here`.
fn mentions(tx: &Tx<'_>, post: &Post, channel: &Channel) -> ApiResult<Vec<String>> {
    if channel.kind != "D" && !post.message.contains('@') {
        return Ok(Vec::new());
    }
    let sql = "SELECT users.id, users.username FROM users JOIN channel_members m \
               ON m.user_id = users.id WHERE m.channel_id = ?1 AND users.id <> ?2";
    let members = tx.all(sql, [&channel.id, &post.user_id], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    let message = post.message.to_lowercase();
    let words: Vec<&str> = message
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '@' | '.' | '-' | '_')))
        .filter_map(|word| word.strip_prefix('@'))
        .collect();
    let all = words
        .iter()
        .any(|w| matches!(*w, "all" | "channel" | "here"));
    let hit = |name: &str| {
        words
            .iter()
            .any(|w| *w == name || w.trim_end_matches(['.', '-', '_']) == name)
    };
    Ok(members
        .into_iter()
        .filter(|(_, name)| channel.kind == "D" || all || hit(name))
        .map(|(id, _)| id)
        .collect())
}

/// Present or deleted.
pub(crate) fn get(tx: &Tx<'_>, id: &str) -> ApiResult<Post> {
    let sql = format!("SELECT {} FROM posts WHERE id = ?1", Post::COLUMNS);
    tx.one(&sql, [id], Post::from_row)?.ok_or_else(missing)
}

/// A post that is not deleted.
pub(crate) fn get_live(tx: &Tx<'_>, id: &str) -> ApiResult<Post> {
    get(tx, id).and_then(|post| {
        if post.delete_at == 0 {
            Ok(post)
        } else {
            Err(missing())
        }
    })
}

pub(crate) fn to_json(tx: &Tx<'_>, post: &Post, pending: &str) -> ApiResult<Value> {
    let root = if post.root_id.is_empty() {
        &post.id
    } else {
        &post.root_id
    };
    let sql = "SELECT count(*) FROM posts WHERE root_id = ?1 AND delete_at = 0";
    let infos: Vec<FileInfo> = files::infos(tx, &post.file_ids)?;
    Ok(post.to_json(pending, tx.number(sql, [root])?, &infos))
}

/// Changes text and props (`None` = as before). `edited`: a person did it, so `edit_at` moves.
pub(crate) fn update(
    tx: &Tx<'_>,
    post: &Post,
    message: Option<&str>,
    props: Option<&str>,
    edited: bool,
) -> ApiResult<Post> {
    let message = message.unwrap_or(&post.message);
    let props = props.unwrap_or(&post.props);
    check_message(message)?;
    check_props(props)?;
    let at = tx.now.max(post.update_at + 1);
    let edit_at = if edited { at } else { post.edit_at };
    tx.exec(
        "UPDATE posts SET message = ?2, props = ?3, update_at = ?4, edit_at = ?5 WHERE id = ?1",
        params![post.id, message, props, at, edit_at],
    )?;
    let now = get(tx, &post.id)?;
    let text = to_json(tx, &now, "")?.to_string();
    tx.event(
        "post_edited",
        json!({"post": text}),
        Target::channel(&post.channel_id),
    );
    Ok(now)
}

/// Deletes a post, with its thread if it is a root.
pub(crate) fn delete(tx: &Tx<'_>, post: &Post, by: &str) -> ApiResult<()> {
    let at = tx.now.max(post.update_at + 1);
    tx.exec(
        "UPDATE posts SET delete_at = ?2, update_at = ?2, message = '', props = '{}' \
         WHERE (id = ?1 OR root_id = ?1) AND delete_at = 0",
        params![post.id, at],
    )?;
    files::delete_of_deleted_posts(tx)?;
    let text = post.to_json("", 0, &[]).to_string();
    tx.event(
        "post_deleted",
        json!({"post": text, "delete_by": by}),
        Target::channel(&post.channel_id),
    );
    Ok(())
}

/// Which posts of a channel.
#[derive(Debug, Clone)]
pub(crate) enum Window {
    Page { page: u32, per_page: u32 },
    Since(i64),
    Before { id: String, per_page: u32 },
    After { id: String, per_page: u32 },
}

/// A post list, newest first.
pub(crate) fn list(tx: &Tx<'_>, channel_id: &str, window: &Window) -> ApiResult<Value> {
    let columns = Post::COLUMNS;
    let select = |condition: &str, order: &str| {
        format!(
            "SELECT {columns} FROM posts WHERE channel_id = ?1 AND {condition} \
             ORDER BY create_at {order}, id {order} LIMIT ?2 OFFSET ?3"
        )
    };
    let position = |id: &str| -> ApiResult<i64> {
        let post = get(tx, id)?;
        if post.channel_id == channel_id {
            Ok(post.create_at)
        } else {
            Err(missing())
        }
    };
    let posts = match window {
        Window::Page { page, per_page } => tx.all(
            &select("delete_at = 0", "DESC"),
            params![channel_id, per_page, page.saturating_mul(*per_page)],
            Post::from_row,
        )?,
        Window::Since(at) => tx.all(
            &select("update_at >= ?4", "DESC"),
            params![channel_id, limits::POSTS_SINCE_MAX, 0, at],
            Post::from_row,
        )?,
        Window::Before { id, per_page } => tx.all(
            &select("delete_at = 0 AND create_at < ?4", "DESC"),
            params![channel_id, per_page, 0, position(id)?],
            Post::from_row,
        )?,
        Window::After { id, per_page } => {
            let mut posts = tx.all(
                &select("delete_at = 0 AND create_at > ?4", "ASC"),
                params![channel_id, per_page, 0, position(id)?],
                Post::from_row,
            )?;
            posts.reverse();
            posts
        }
    };
    let neighbour = |post: Option<&Post>, condition: &str, order: &str| -> ApiResult<String> {
        let Some(post) = post else {
            return Ok(String::new());
        };
        let sql = select(condition, order);
        let found = tx.one(
            &sql,
            params![channel_id, 1, 0, post.create_at],
            Post::from_row,
        )?;
        Ok(found.map(|post| post.id).unwrap_or_default())
    };
    let (next, previous) = if matches!(window, Window::Since(_)) {
        (String::new(), String::new())
    } else {
        (
            neighbour(posts.first(), "delete_at = 0 AND create_at > ?4", "ASC")?,
            neighbour(posts.last(), "delete_at = 0 AND create_at < ?4", "DESC")?,
        )
    };
    // Roots of the replies come along, in `posts` only.
    let mut extra = Vec::new();
    for post in &posts {
        let known = |id: &str| posts.iter().chain(&extra).any(|p: &Post| p.id == id);
        if !post.root_id.is_empty() && !known(&post.root_id) {
            extra.push(get(tx, &post.root_id)?);
        }
    }
    to_list(tx, &posts, &extra, &next, &previous)
}

pub(super) fn to_list(
    tx: &Tx<'_>,
    posts: &[Post],
    extra: &[Post],
    next: &str,
    previous: &str,
) -> ApiResult<Value> {
    let mut map = BTreeMap::new();
    for post in posts.iter().chain(extra) {
        map.insert(post.id.clone(), to_json(tx, post, "")?);
    }
    let order: Vec<&str> = posts.iter().map(|post| post.id.as_str()).collect();
    Ok(json!({
        "order": order,
        "posts": map,
        "next_post_id": next,
        "prev_post_id": previous,
        "has_next": !previous.is_empty(),
        "first_inaccessible_post_time": 0,
    }))
}
