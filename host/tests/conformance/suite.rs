//! What every platform adapter has to do, whatever is behind it.

use std::time::{Duration, Instant};

use parley_host::platform::files::{Files, NewUpload, Progress};
use parley_host::platform::{
    Broadcast, CallPush, ChannelKind, ChannelPermission, File, Platform, PlatformError, Post,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a case finds wrong.
type Outcome = Result<(), String>;

/// Ids of what was there before.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct World {
    pub(crate) plugin_id: String,
    pub(crate) team: String,
    /// Open, of the team.
    pub(crate) channel: String,
    /// Member of the channel, with this user name.
    pub(crate) member: String,
    pub(crate) member_name: String,
    /// In no channel.
    pub(crate) stranger: String,
}

/// An id that nothing has.
const NOBODY: &str = "nobodynobodynobodynobody01";

/// Runs all cases; returns what is wrong, by case. Nothing wrong = it conforms.
pub(crate) async fn failures<P: Platform + Files>(platform: &P, world: &World) -> Vec<String> {
    let mut found = Vec::new();
    macro_rules! run {
        ($($case:ident),* $(,)?) => { $(
            if let Err(error) = $case(platform, world).await {
                found.push(format!("{}: {error}", stringify!($case)));
            }
        )* };
    }
    run!(
        about_itself,
        users,
        places,
        membership,
        permissions,
        people_are_called,
        posts_are_kept,
        posts_are_updated,
        bad_posts_are_refused,
        files_are_sent,
        threads_are_read,
        files_come_in_pieces,
        uploads_are_checked,
        events_and_ephemeral_posts,
        keys_are_compared,
        one_of_many_wins,
        keys_are_listed,
        keys_expire,
    );
    found
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, wanted: T) -> Outcome {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{what}: {found:?} instead of {wanted:?}"))
}

fn fine<T>(what: &str, outcome: Result<T, PlatformError>) -> Result<T, String> {
    outcome.map_err(|error| format!("{what}: {error}"))
}

/// The error, without its text.
fn refused<T: std::fmt::Debug>(
    what: &str,
    outcome: Result<T, PlatformError>,
    wanted: fn(&PlatformError) -> bool,
) -> Outcome {
    match outcome {
        Err(error) if wanted(&error) => Ok(()),
        other => Err(format!("{what}: {other:?}")),
    }
}

fn not_found(error: &PlatformError) -> bool {
    *error == PlatformError::NotFound
}

fn invalid(error: &PlatformError) -> bool {
    matches!(error, PlatformError::Invalid(_))
}

async fn about_itself(platform: &dyn Platform, world: &World) -> Outcome {
    same("plugin id", platform.plugin_id(), world.plugin_id.clone())?;
    let site = platform.site_url();
    same("site has a scheme", site.starts_with("http"), true)?;
    same("site ends with a slash", site.ends_with('/'), false)?;
    let settings: Value = serde_json::from_str(&platform.settings_json())
        .map_err(|error| format!("settings: {error}"))?;
    same("settings are an object", settings.is_object(), true)
}

async fn users(platform: &dyn Platform, world: &World) -> Outcome {
    let user = fine("member", platform.get_user(&world.member).await)?;
    same("id", &user.id, &world.member)?;
    same("name", &user.username, &world.member_name)?;
    same("shown as nothing", user.display_name.is_empty(), false)?;
    same("deleted", user.delete_at, 0)?;
    same("bot", user.is_bot, false)?;
    refused("nobody", platform.get_user(NOBODY).await, not_found)
}

async fn places(platform: &dyn Platform, world: &World) -> Outcome {
    let channel = fine("channel", platform.get_channel(&world.channel).await)?;
    same("kind", channel.kind, ChannelKind::Open)?;
    same("team of it", &channel.team_id, &world.team)?;
    same("archived", channel.delete_at, 0)?;
    let team = fine("team", platform.get_team(&world.team).await)?;
    same("team", &team.id, &world.team)?;
    let teams = fine("teams", platform.get_teams_of_user(&world.member).await)?;
    same("in the team", teams.contains(&team), true)?;
    let channels = fine(
        "channels",
        platform.get_channels_of_user(&world.member).await,
    )?;
    same("in the channel", channels.contains(&channel), true)?;
    let theirs = fine(
        "channels",
        platform.get_channels_of_user(&world.stranger).await,
    )?;
    same("stranger in the channel", theirs.contains(&channel), false)?;
    refused("no channel", platform.get_channel(NOBODY).await, not_found)?;
    refused("no team", platform.get_team(NOBODY).await, not_found)
}

async fn membership(platform: &dyn Platform, world: &World) -> Outcome {
    let member = platform.get_member(&world.channel, &world.member).await;
    let member = fine("member", member)?.map(|member| member.user_id);
    same("member", member, Some(world.member.clone()))?;
    let stranger = platform.get_member(&world.channel, &world.stranger).await;
    same("stranger", fine("stranger", stranger)?, None)
}

async fn permissions(platform: &dyn Platform, world: &World) -> Outcome {
    for permission in [
        ChannelPermission::ReadChannel,
        ChannelPermission::CreatePost,
    ] {
        for (user, channel, wanted) in [
            (&*world.member, &*world.channel, true),
            (&world.stranger, &world.channel, false),
            (NOBODY, &world.channel, false),
            (&world.member, NOBODY, false),
        ] {
            let may = platform
                .has_channel_permission(user, channel, permission)
                .await;
            let what = format!("{permission:?} of {user} in {channel}");
            same(&what, fine(&what, may)?, wanted)?;
        }
    }
    Ok(())
}

async fn people_are_called(platform: &dyn Platform, world: &World) -> Outcome {
    let members = fine("members", platform.get_members(&world.channel, 100).await)?;
    let here = |id: &String| members.iter().any(|user| user.id == *id);
    same("member is one", here(&world.member), true)?;
    same("stranger is one", here(&world.stranger), false)?;
    let one = fine("one of them", platform.get_members(&world.channel, 1).await)?;
    same("limited", one.len(), 1)?;
    fine("presence", platform.get_presence(&world.member).await)?;
    refused("nobody", platform.get_presence(NOBODY).await, not_found)?;
    let push = CallPush {
        user_id: world.member.clone(),
        channel_id: world.channel.clone(),
        channel_kind: ChannelKind::Group,
        channel_name: "Everybody".into(),
        post_id: NOBODY.into(),
        root_id: String::new(),
        sender_id: world.stranger.clone(),
        sender_name: "Stranger".into(),
        message: "Stranger is inviting you to a call".into(),
        discreet_message: "You have been invited to a call".into(),
    };
    fine("push", platform.push_call(push).await)
}

/// Everything that JSON can say, but what Go's JSON would change.
fn props() -> Value {
    json!({
        "text": "äöü \"quoted\"", "whole": 1_795_288_602_654i64, "part": 1.5, "yes": true,
        "nothing": null, "empty": {}, "list": [1, "two", {"three": [null]}],
    })
}

fn post(world: &World) -> Post {
    Post {
        user_id: world.member.clone(),
        channel_id: world.channel.clone(),
        kind: "custom_calls".into(),
        message: "A call".into(),
        props_json: props().to_string(),
        ..Post::default()
    }
}

fn parsed(post: &Post) -> Value {
    serde_json::from_str(&post.props_json).unwrap_or_default()
}

async fn posts_are_kept(platform: &dyn Platform, world: &World) -> Outcome {
    let made = fine("create", platform.create_post(post(world)).await)?;
    same("has an id", made.id.is_empty(), false)?;
    same("has a time", made.create_at > 0, true)?;
    let found = fine("get", platform.get_post(&made.id).await)?;
    same("props", parsed(&found), props())?;
    let wanted = Post {
        id: made.id.clone(),
        create_at: made.create_at,
        props_json: found.props_json.clone(),
        ..post(world)
    };
    same("post", found, wanted)?;
    refused("no post", platform.get_post(NOBODY).await, not_found)
}

async fn files_are_sent(platform: &dyn Platform, world: &World) -> Outcome {
    let data: Vec<u8> = "Grüße\n\0".bytes().cycle().take(300_000).collect();
    let send = |to| {
        let file = File {
            name: "call-logs-1.txt".into(),
            data: data.clone(),
        };
        platform.send_file(to, "Your logs", file)
    };
    let post = fine("send", send(&world.member).await)?;
    same("message", &*post.message, "Your logs")?;
    let bot = fine("bot", platform.get_user(&post.user_id).await)?;
    same("from a bot", bot.is_bot, true)?;
    let channel = fine("channel", platform.get_channel(&post.channel_id).await)?;
    same("kind", channel.kind, ChannelKind::Direct)?;
    for (user, wanted) in [(&world.member, true), (&world.stranger, false)] {
        let may =
            platform.has_channel_permission(user, &post.channel_id, ChannelPermission::ReadChannel);
        same("may read it", fine("may read it", may.await)?, wanted)?;
    }
    let again = fine("send again", send(&world.member).await)?;
    same("one place", again.channel_id, post.channel_id)?;
    refused("to nobody", send(NOBODY).await, not_found)
}

async fn threads_are_read(platform: &dyn Platform, world: &World) -> Outcome {
    let root = fine("root", platform.create_post(post(world)).await)?;
    let bot = fine("bot", platform.bot_id().await)?;
    let known = fine("bot as a user", platform.get_user(&bot).await)?;
    same("is a bot", known.is_bot, true)?;
    let mut wanted = vec![root.id.clone()];
    for (author, message) in [
        (&world.member, "one"),
        (&bot, "two"),
        (&world.member, "three"),
    ] {
        let reply = Post {
            user_id: author.clone(),
            root_id: root.id.clone(),
            kind: String::new(),
            message: message.into(),
            ..post(world)
        };
        let made = fine(message, platform.create_post(reply).await)?;
        same("author", &made.user_id, author)?;
        wanted.push(made.id);
        // Two posts of one millisecond have no order.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    fine("another post", platform.create_post(post(world)).await)?;
    let thread = fine("thread", platform.get_thread(&root.id).await)?;
    let found: Vec<_> = thread.iter().map(|post| post.id.clone()).collect();
    same("root, then replies", found, wanted)?;
    same("props", parsed(&thread[2]), props())?;
    refused("no thread", platform.get_thread(NOBODY).await, not_found)
}

fn upload(world: &World, bytes: usize) -> NewUpload {
    NewUpload {
        channel_id: world.channel.clone(),
        name: "recording-1.webm".into(),
        content_type: "video/webm".into(),
        bytes: bytes as u64,
    }
}

async fn files_come_in_pieces<P: Platform + Files>(platform: &P, world: &World) -> Outcome {
    let data: Vec<u8> = (0..12_000_000u32).map(|at| (at % 253) as u8).collect();
    let id = fine(
        "create",
        platform.create_upload(upload(world, data.len())).await,
    )?;
    let begun = fine("begun", platform.upload_state(&id).await)?;
    let wanted = Progress {
        offset: 0,
        file_id: None,
    };
    same("begun", begun, wanted)?;
    // The source ends early: what came is kept.
    let first = 7_000_000;
    let part = fine("part", platform.upload(&id, 0, &mut &data[..first]).await)?;
    same("so far", part.offset, first as u64)?;
    same("not whole", &part.file_id, &None)?;
    same(
        "asked",
        fine("state", platform.upload_state(&id).await)?,
        part,
    )?;
    let wrong = platform.upload(&id, 5, &mut &*data).await;
    refused("another offset", wrong, invalid)?;
    let rest = platform
        .upload(&id, first as u64, &mut &data[first..])
        .await;
    let done = fine("rest", rest)?;
    same("all", done.offset, data.len() as u64)?;
    // Who died before this answer asks again.
    same(
        "whole",
        &fine("state", platform.upload_state(&id).await)?,
        &done,
    )?;
    let file = done.file_id.unwrap_or_default();
    let facts = fine("facts", platform.file_facts(&file).await)?;
    same("length", facts.bytes, data.len() as u64)?;
    let made = Post {
        user_id: fine("bot", platform.bot_id().await)?,
        file_ids: vec![file.clone()],
        ..post(world)
    };
    let made = fine("post", platform.create_post(made).await)?;
    let found = fine("get", platform.get_post(&made.id).await)?;
    same("files", found.file_ids.clone(), vec![file])?;
    let changed = Post {
        message: "other words".into(),
        file_ids: Vec::new(),
        ..found.clone()
    };
    fine("update", platform.update_post(changed).await)?;
    let now = fine("get", platform.get_post(&made.id).await)?;
    same("files stay", now.file_ids, found.file_ids)
}

async fn uploads_are_checked<P: Platform + Files>(platform: &P, world: &World) -> Outcome {
    let largest = platform.file_bytes_max();
    same("takes files", largest > 0, true)?;
    let nothing = NewUpload {
        bytes: 0,
        ..upload(world, 1)
    };
    refused("nothing", platform.create_upload(nothing).await, invalid)?;
    let huge = NewUpload {
        bytes: largest + 1,
        ..upload(world, 1)
    };
    refused("too much", platform.create_upload(huge).await, invalid)?;
    let nowhere = NewUpload {
        channel_id: NOBODY.into(),
        ..upload(world, 1)
    };
    let outcome = platform.create_upload(nowhere).await;
    same("nowhere", outcome.is_err(), true)?;
    refused("no upload", platform.upload_state(NOBODY).await, not_found)?;
    refused("no file", platform.file_facts(NOBODY).await, not_found)?;
    let bytes = platform.upload(NOBODY, 0, &mut &b"x"[..]).await;
    refused("into nothing", bytes, not_found)
}

async fn posts_are_updated(platform: &dyn Platform, world: &World) -> Outcome {
    let made = fine("create", platform.create_post(post(world)).await)?;
    let changed = Post {
        message: "It ended".into(),
        props_json: json!({"end_at": 5}).to_string(),
        ..made.clone()
    };
    fine("update", platform.update_post(changed).await)?;
    let found = fine("get", platform.get_post(&made.id).await)?;
    same("message", &*found.message, "It ended")?;
    same("props", parsed(&found), json!({"end_at": 5}))?;
    same("kind", &found.kind, &made.kind)?;
    same("author", &found.user_id, &made.user_id)?;
    same("time", found.create_at, made.create_at)?;
    let unknown = Post {
        id: NOBODY.into(),
        ..made
    };
    refused("no post", platform.update_post(unknown).await, not_found)
}

async fn bad_posts_are_refused(platform: &dyn Platform, world: &World) -> Outcome {
    for props_json in ["[]", "{", "5"] {
        let bad = Post {
            props_json: props_json.into(),
            ..post(world)
        };
        refused(props_json, platform.create_post(bad).await, invalid)?;
    }
    Ok(())
}

async fn events_and_ephemeral_posts(platform: &dyn Platform, world: &World) -> Outcome {
    let to_channel = Broadcast {
        channel_id: world.channel.clone(),
        omit_user_ids: vec![world.stranger.clone()],
        ..Broadcast::default()
    };
    let to_user = Broadcast {
        user_id: world.member.clone(),
        ..Broadcast::default()
    };
    for (data, to) in [
        (props().to_string(), to_channel),
        ("{}".into(), to_user.clone()),
    ] {
        fine(
            "event",
            platform.publish_event("conformance", &data, to).await,
        )?;
    }
    let bad = platform.publish_event("conformance", "[]", to_user).await;
    refused("event without an object", bad, invalid)?;
    let own = Post {
        user_id: String::new(),
        ..post(world)
    };
    fine(
        "ephemeral",
        platform.send_ephemeral(&world.member, own).await,
    )
}

/// A key of this run alone.
fn key(name: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    format!(
        "conf_{}_{name}",
        now.unwrap_or_default().as_nanos() % 1_000_000_000_000
    )
}

async fn keys_are_compared(platform: &dyn Platform, _: &World) -> Outcome {
    let key = key("compare");
    let set = async |old: Option<&[u8]>, new: Option<&[u8]>| {
        let (old, new) = (old.map(<[u8]>::to_vec), new.map(<[u8]>::to_vec));
        fine("set", platform.kv_compare_and_set(&key, old, new, 0).await)
    };
    let get = async || fine("get", platform.kv_get(&key).await);
    // Bytes that are no text.
    let (one, two): (&[u8], &[u8]) = (&[0, 255, 1], &[254]);
    same("absent", get().await?, None)?;
    same("wrong old", set(Some(two), Some(one)).await?, false)?;
    same("first", set(None, Some(one)).await?, true)?;
    same("again as first", set(None, Some(two)).await?, false)?;
    same("kept", get().await?, Some(one.to_vec()))?;
    same("wrong old again", set(Some(two), Some(two)).await?, false)?;
    same("second", set(Some(one), Some(two)).await?, true)?;
    same("changed", get().await?, Some(two.to_vec()))?;
    same("wrong delete", set(Some(one), None).await?, false)?;
    same("delete", set(Some(two), None).await?, true)?;
    same("gone", get().await?, None)
}

async fn one_of_many_wins(platform: &dyn Platform, _: &World) -> Outcome {
    let key = key("race");
    let tries = (0..40u8).map(|n| platform.kv_compare_and_set(&key, None, Some(vec![n + 1]), 0));
    let outcomes = futures::future::join_all(tries).await;
    let mut winners = Vec::new();
    for (n, outcome) in outcomes.into_iter().enumerate() {
        if fine("set", outcome)? {
            winners.push(n as u8 + 1);
        }
    }
    same("winners", winners.len(), 1)?;
    same(
        "kept",
        fine("get", platform.kv_get(&key).await)?,
        Some(winners),
    )
}

async fn keys_are_listed(platform: &dyn Platform, _: &World) -> Outcome {
    let prefix = key("list_");
    for name in ["b", "a", "d", "c"] {
        let key = format!("{prefix}{name}");
        let set = platform
            .kv_compare_and_set(&key, None, Some(vec![1]), 0)
            .await;
        same("set", fine("set", set)?, true)?;
    }
    let list = async |after: &str, limit| {
        let after = if after.is_empty() {
            String::new()
        } else {
            format!("{prefix}{after}")
        };
        let keys = fine("list", platform.kv_list_keys(&prefix, &after, limit).await)?;
        let names = keys
            .iter()
            .map(|key| key.trim_start_matches(&prefix).to_owned());
        Ok::<_, String>(names.collect::<Vec<_>>().join(" "))
    };
    same("all", &*list("", 10).await?, "a b c d")?;
    same("limited", &*list("", 2).await?, "a b")?;
    same("after", &*list("b", 10).await?, "c d")?;
    let others = platform.kv_list_keys(&key("other_"), "", 10).await;
    same("another prefix", fine("list", others)?, Vec::new())
}

async fn keys_expire(platform: &dyn Platform, _: &World) -> Outcome {
    let key = key("expire");
    let set = platform
        .kv_compare_and_set(&key, None, Some(vec![1]), 1)
        .await;
    same("set", fine("set", set)?, true)?;
    let start = Instant::now();
    while fine("get", platform.kv_get(&key).await)?.is_some() {
        same("expires", start.elapsed() < Duration::from_secs(10), true)?;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let again = platform
        .kv_compare_and_set(&key, None, Some(vec![2]), 0)
        .await;
    same("free again", fine("set", again)?, true)
}
