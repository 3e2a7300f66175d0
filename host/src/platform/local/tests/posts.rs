//! Posts, threads, edits, files, and who hears of them.

use serde_json::json;

use super::*;
use crate::platform::{Platform, Post};

#[tokio::test]
async fn a_post_has_the_platforms_shape_and_echoes_the_pending_id() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let body = json!({"channel_id": world.open, "message": "Hello", "pending_post_id": "p:1",
        "props": {"from_webhook": "true", "mine": 1}});
    let post = world.post(&carol, "/posts", body).await.expect(201);
    assert_eq!(post["pending_post_id"], "p:1");
    assert_eq!(post["user_id"], carol.id);
    assert_eq!(post["props"], json!({"mine": 1}));
    for key in [
        "create_at",
        "update_at",
        "edit_at",
        "delete_at",
        "reply_count",
    ] {
        assert!(post[key].is_i64(), "{key}");
    }
    for key in ["embeds", "emojis", "files", "images", "reactions"] {
        assert!(!post["metadata"][key].is_null(), "{key}");
    }
    let empty = json!({"channel_id": world.open, "message": "  "});
    world.post(&carol, "/posts", empty).await.error(400);
    let long = json!({"channel_id": world.open, "message": "x".repeat(16_384)});
    let id = world.post(&carol, "/posts", long).await.error(400);
    assert_eq!(id, "model.post.is_valid.message_length.app_error");
}

#[tokio::test]
async fn lists_are_newest_first_in_pages_with_neighbours() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(world.say(&carol, &world.open, &format!("post {n}")).await);
    }
    ids.reverse();
    let path = format!("/channels/{}/posts", world.open);
    let order = |list: Value| -> Vec<String> {
        list["order"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(order(world.get(&carol, &path).await.expect(200)), ids);
    let page = world
        .get(&carol, &format!("{path}?page=1&per_page=2"))
        .await
        .expect(200);
    assert_eq!(page["next_post_id"], ids[1]);
    assert_eq!(page["prev_post_id"], ids[4]);
    assert_eq!(order(page), ids[2..4]);
    let before = world
        .get(&carol, &format!("{path}?before={}&per_page=2", ids[1]))
        .await;
    assert_eq!(order(before.expect(200)), ids[2..4]);
    let after = world
        .get(&carol, &format!("{path}?after={}&per_page=2", ids[3]))
        .await;
    assert_eq!(order(after.expect(200)), ids[1..3]);
}

#[tokio::test]
async fn since_returns_new_edited_and_deleted_posts() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let old = world.say(&carol, &world.open, "old").await;
    let edited = world.say(&carol, &world.open, "to edit").await;
    let deleted = world.say(&carol, &world.open, "to delete").await;
    world.clock.advance_ms(1_000);
    let now = world.local.clock.now_ms();
    world
        .put(
            &carol,
            &format!("/posts/{edited}/patch"),
            json!({"message": "edited"}),
        )
        .await
        .expect(200);
    world
        .delete(&carol, &format!("/posts/{deleted}"))
        .await
        .expect(200);
    let path = format!("/channels/{}/posts?since={now}", world.open);
    let posts = &world.get(&carol, &path).await.expect(200)["posts"];
    assert!(posts.get(&old).is_none());
    assert_eq!(posts[&edited]["message"], "edited");
    assert_ne!(posts[&edited]["edit_at"], 0);
    assert_ne!(posts[&deleted]["delete_at"], 0);
    assert_eq!(posts[&deleted]["message"], "");
    world
        .get(&carol, &format!("/posts/{deleted}"))
        .await
        .error(404);
}

#[tokio::test]
async fn threads_bring_their_root_and_count_replies() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let root = world.say(&carol, &world.open, "root").await;
    for n in 0..3 {
        let body = json!({"channel_id": world.open, "message": format!("r{n}"), "root_id": root});
        let reply = world.post(&dave, "/posts", body).await.expect(201);
        assert_eq!(reply["root_id"], root);
    }
    let list = world
        .get(
            &carol,
            &format!("/channels/{}/posts?per_page=2", world.open),
        )
        .await
        .expect(200);
    assert_eq!(list["order"].as_array().unwrap().len(), 2);
    assert_eq!(list["posts"][&root]["reply_count"], 3);
    let thread = world
        .get(&carol, &format!("/posts/{root}/thread"))
        .await
        .expect(200);
    assert_eq!(thread["order"].as_array().unwrap().len(), 4);
    // Author and answerer follow; others can begin and stop.
    let path = |who: &str| format!("/users/{who}/teams/{}/threads/{root}", world.team);
    let seen = world.get(&carol, &path("me")).await.expect(200);
    assert_eq!(
        (
            seen["reply_count"].as_i64(),
            seen["unread_replies"].as_i64()
        ),
        (Some(3), Some(3))
    );
    world
        .delete(&carol, &format!("{}/following", path("me")))
        .await
        .expect(200);
    world.get(&carol, &path("me")).await.error(404);
    world
        .put(&carol, &format!("{}/following", path("me")), json!({}))
        .await
        .expect(200);
    world.get(&carol, &path("me")).await.expect(200);
    world.get(&carol, &path(&dave.id)).await.error(403);
    // A reply's root must be a root of the same channel.
    let other = world.say(&dave, &world.open, "other").await;
    let reply = thread["order"][0].as_str().unwrap();
    for (channel, root) in [(&world.open, reply), (&world.private, other.as_str())] {
        world
            .local
            .add_to_channel(&world.private, &dave.id)
            .await
            .unwrap();
        let body = json!({"channel_id": channel, "message": "x", "root_id": root});
        let id = world.post(&dave, "/posts", body).await.error(400);
        assert_eq!(id, "api.post.create_post.root_id.app_error");
    }
}

#[tokio::test]
async fn only_authors_edit_and_nobody_edits_the_plugins_posts() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let id = world.say(&carol, &world.open, "mine").await;
    let patch = json!({"message": "yours"});
    world
        .put(&dave, &format!("/posts/{id}/patch"), patch.clone())
        .await
        .error(403);
    world
        .delete(&dave, &format!("/posts/{id}"))
        .await
        .error(403);
    let made = world
        .local
        .create_post(Post {
            user_id: carol.id.clone(),
            channel_id: world.open.clone(),
            kind: "custom_calls".into(),
            message: "Call started".into(),
            props_json: r#"{"start_at":1}"#.into(),
            ..Post::default()
        })
        .await
        .unwrap();
    world
        .put(&carol, &format!("/posts/{}/patch", made.id), patch)
        .await
        .error(403);
    let fake = json!({"channel_id": world.open, "message": "x", "type": "custom_calls"});
    world.post(&carol, "/posts", fake).await.error(400);
    let updated = Post {
        message: "Call ended".into(),
        ..made.clone()
    };
    let updated = world.local.update_post(updated).await.unwrap();
    assert_eq!(
        (updated.message.as_str(), updated.kind.as_str()),
        ("Call ended", "custom_calls")
    );
    assert_eq!(world.local.get_post(&made.id).await.unwrap(), updated);
}

#[tokio::test]
async fn members_hear_of_posts_edits_and_deletions_and_others_do_not() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let erin = world.stranger("erin").await;
    let port = world.listen().await;
    let mut hears = world.connect(port, &dave).await;
    let mut deaf = world.connect(port, &erin).await;
    let id = world.say(&carol, &world.open, "hey @dave").await;
    let event = hears.event("posted").await;
    assert_eq!(event["broadcast"]["channel_id"], world.open);
    let data = &event["data"];
    let post: Value = serde_json::from_str(data["post"].as_str().unwrap()).unwrap();
    assert_eq!(
        (post["id"].as_str(), post["message"].as_str()),
        (Some(id.as_str()), Some("hey @dave"))
    );
    assert_eq!(data["sender_name"], "@carol");
    assert_eq!(data["channel_type"], "O");
    assert_eq!(data["mentions"], json!([dave.id]).to_string());
    world
        .put(
            &carol,
            &format!("/posts/{id}/patch"),
            json!({"message": "ho"}),
        )
        .await
        .expect(200);
    assert!(hears.event("post_edited").await["data"]["post"].is_string());
    world
        .delete(&carol, &format!("/posts/{id}"))
        .await
        .expect(200);
    hears.event("post_deleted").await;
    let members = world
        .get(&dave, &format!("/channels/{}/members/me", world.open))
        .await
        .expect(200);
    assert_eq!(members["mention_count"], 1);
    let view = json!({"channel_id": world.open});
    let viewed = world
        .post(&dave, "/channels/members/me/view", view)
        .await
        .expect(200);
    assert!(
        viewed["last_viewed_at_times"][&world.open]
            .as_i64()
            .unwrap()
            > 0
    );
    let seen = deaf.drain().await;
    assert!(
        seen.iter()
            .all(|e| !e["event"].as_str().unwrap().starts_with("post")),
        "{seen:?}"
    );
}

#[tokio::test]
async fn ephemeral_posts_reach_one_user_and_are_not_stored() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let port = world.listen().await;
    let (mut hers, mut his) = (
        world.connect(port, &carol).await,
        world.connect(port, &dave).await,
    );
    let post = Post {
        channel_id: world.open.clone(),
        message: "only you".into(),
        ..Post::default()
    };
    world.local.send_ephemeral(&carol.id, post).await.unwrap();
    let event = hers.event("ephemeral_message").await;
    let post: Value = serde_json::from_str(event["data"]["post"].as_str().unwrap()).unwrap();
    assert_eq!(
        (post["message"].as_str(), post["type"].as_str()),
        (Some("only you"), Some("system_ephemeral"))
    );
    assert!(
        his.drain()
            .await
            .iter()
            .all(|e| e["event"] != "ephemeral_message")
    );
    let list = world
        .get(&carol, &format!("/channels/{}/posts", world.open))
        .await
        .expect(200);
    assert_eq!(list["order"], json!([]));
}

#[tokio::test]
async fn files_are_bound_to_posts_and_safe_to_open() {
    let world = World::new().await;
    let (carol, erin) = (world.member("carol").await, world.stranger("erin").await);
    let form = |name: &str, kind: &str, bytes: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"channel_id\"\r\n\r\n{}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: {kind}\r\n\r\n{bytes}\r\n--b--\r\n",
            world.open
        )
    };
    let upload = |who: &Person, body: String| {
        let bearer = format!("Bearer {}", who.token);
        let world = &world;
        async move {
            let headers = [
                ("authorization", bearer.as_str()),
                ("content-type", "multipart/form-data; boundary=b"),
            ];
            world.raw("POST", "/api/v4/files", &headers, body).await
        }
    };
    let made = upload(&carol, form("../evil.html", "text/html", "<script>"))
        .await
        .expect(201);
    let info = &made["file_infos"][0];
    assert_eq!(
        (info["name"].as_str(), info["size"].as_i64()),
        (Some("evil.html"), Some(8))
    );
    let file = info["id"].as_str().unwrap();
    upload(&erin, form("a.txt", "text/plain", "x"))
        .await
        .error(403);
    let body = json!({"channel_id": world.open, "message": "", "file_ids": [file]});
    let post = world.post(&carol, "/posts", body.clone()).await.expect(201);
    assert_eq!(post["metadata"]["files"][0]["id"], file);
    world.post(&carol, "/posts", body).await.error(400);
    let got = world.get(&carol, &format!("/files/{file}")).await;
    assert_eq!(
        (got.status.as_u16(), got.text().as_str()),
        (200, "<script>")
    );
    assert_eq!(got.header("content-type"), "application/octet-stream");
    assert!(got.header("content-disposition").starts_with("attachment"));
    assert_eq!(got.header("x-content-type-options"), "nosniff");
    world.get(&erin, &format!("/files/{file}")).await.error(403);
    let id = post["id"].as_str().unwrap();
    world
        .delete(&carol, &format!("/posts/{id}"))
        .await
        .expect(200);
    world
        .get(&carol, &format!("/files/{file}"))
        .await
        .error(404);
}
