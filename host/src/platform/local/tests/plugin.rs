//! Slash commands, the plugin's HTTP routes, its settings.

use serde_json::json;

use super::*;
use crate::platform::Platform;

#[tokio::test]
async fn commands_run_in_the_plugin_and_answer_the_asker_only() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let port = world.listen().await;
    let (mut hers, mut his) = (
        world.connect(port, &carol).await,
        world.connect(port, &dave).await,
    );
    let body = json!({"command": "/call start Weekly", "channel_id": world.open, "team_id": "x"});
    let answer = world
        .post(&carol, "/commands/execute", body)
        .await
        .expect(200);
    assert_eq!(
        (answer["response_type"].as_str(), answer["text"].as_str()),
        (Some("ephemeral"), Some("done"))
    );
    let args = world.hooks.commands.lock().unwrap()[0].clone();
    assert_eq!(
        (args.command.as_str(), &args.user_id),
        ("/call start Weekly", &carol.id)
    );
    assert_eq!(
        (&args.channel_id, &args.team_id),
        (&world.open, &world.team)
    );
    let event = hers.event("ephemeral_message").await;
    assert!(event["data"]["post"].as_str().unwrap().contains("done"));
    assert!(
        his.drain()
            .await
            .iter()
            .all(|e| e["event"] != "ephemeral_message")
    );
}

#[tokio::test]
async fn commands_need_a_channel_one_may_write_in() {
    let world = World::new().await;
    let (carol, erin) = (world.member("carol").await, world.stranger("erin").await);
    let run = |who: &Person, command: &str, channel: &str| {
        let body = json!({"command": command, "channel_id": channel});
        let (world, who) = (&world, who.clone());
        async move { world.post(&who, "/commands/execute", body).await }
    };
    run(&erin, "/call start", &world.open).await.error(403);
    run(&carol, "/call start", &world.private).await.error(403);
    run(&carol, "call start", &world.open).await.error(400);
    let id = run(&carol, "/nope", &world.open).await.error(404);
    assert_eq!(id, "api.command.execute_command.not_found.app_error");
    assert!(world.hooks.commands.lock().unwrap().is_empty());
    run(&carol, "/CALL help", &world.open).await.expect(200);
}

#[tokio::test]
async fn autocomplete_has_the_platforms_shape() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let path = format!("/teams/{}/commands/autocomplete", world.team);
    let list = world.get(&carol, &path).await.expect(200);
    assert_eq!(list[0]["trigger"], "call");
    assert_eq!(list[0]["autocomplete_data"]["HelpText"], "Calls");
    let path = format!("/teams/{}/commands/autocomplete_suggestions", world.team);
    let list = world
        .get(&carol, &format!("{path}?user_input=%2Fca&channel_id=x"))
        .await
        .expect(200);
    assert_eq!(list[0]["Complete"], "call");
    assert_eq!(list[0]["Description"], "Calls");
    let german = json!({"locale": "de"});
    world
        .put(&carol, "/users/me/patch", german)
        .await
        .expect(200);
    let list = world
        .get(&carol, &format!("{path}?user_input=%2Fca"))
        .await
        .expect(200);
    assert_eq!(
        list[0]["Description"], "Anrufe",
        "each reads the own language"
    );
    let erin = world.stranger("erin").await;
    world
        .get(&erin, &format!("{path}?user_input=%2Fca"))
        .await
        .error(403);
}

#[tokio::test]
async fn plugin_requests_carry_our_word_on_who_asks_and_no_credentials() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let path = format!("/plugins/{PLUGIN}/some/path%20x?a=b&access_token=zz");
    let bearer = format!("Bearer {}", carol.token);
    let answer = world
        .raw(
            "POST",
            &path,
            &[
                ("authorization", &bearer),
                ("mattermost-user-id", "somebody-else"),
                ("mattermost-plugin-id", "x"),
                ("referer", "http://x/"),
                ("cookie", "MMAUTHTOKEN=abc; keep=1"),
                ("x-forwarded-for", "203.0.113.7"),
                ("x-custom", "yes"),
            ],
            "body",
        )
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (202, "plugin")
    );
    assert_eq!(answer.header("content-type"), "text/plain");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let got = world.hooks.requests.lock().unwrap()[0].clone();
    assert_eq!(
        (got.method.as_str(), got.path.as_str()),
        ("POST", "/some/path%20x")
    );
    assert_eq!(
        (got.query.as_str(), got.body.as_slice()),
        ("a=b", b"body".as_slice())
    );
    assert_eq!(got.user_id, carol.id);
    let header = |name: &str| -> Vec<&str> {
        let all = got
            .headers
            .iter()
            .filter(|(k, _)| k.eq_ignore_ascii_case(name));
        all.map(|(_, v)| v.as_str()).collect()
    };
    assert_eq!(header("mattermost-user-id"), [carol.id.as_str()]);
    assert_eq!(header("cookie"), ["keep=1"]);
    assert_eq!(header("x-custom"), ["yes"]);
    for gone in [
        "authorization",
        "mattermost-plugin-id",
        "referer",
        "x-forwarded-for",
    ] {
        assert!(header(gone).is_empty(), "{gone}");
    }
}

#[tokio::test]
async fn plugin_requests_without_a_good_session_arrive_signed_out() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let path = format!("/plugins/{PLUGIN}/version");
    let cookie = format!("MMAUTHTOKEN={}", carol.token);
    let csrf = crate::platform::local::ids::csrf_of(&carol.token);
    for (method, headers, user) in [
        ("GET", vec![], ""),
        ("GET", vec![("mattermost-user-id", carol.id.as_str())], ""),
        ("GET", vec![("authorization", "Bearer nonsense")], ""),
        ("GET", vec![("cookie", cookie.as_str())], carol.id.as_str()),
        ("POST", vec![("cookie", cookie.as_str())], ""),
        (
            "POST",
            vec![("cookie", cookie.as_str()), ("x-csrf-token", csrf.as_str())],
            &carol.id,
        ),
    ] {
        world.raw(method, &path, &headers, "").await;
        let got = world.hooks.requests.lock().unwrap().pop().unwrap();
        assert_eq!(got.user_id, user, "{method} {headers:?}");
        let named = got
            .headers
            .iter()
            .any(|(k, _)| k.eq_ignore_ascii_case("mattermost-user-id"));
        assert_eq!(named, !user.is_empty());
    }
    let with_query = format!("{path}?access_token={}", carol.token);
    world.raw("GET", &with_query, &[], "").await;
    assert_eq!(
        world.hooks.requests.lock().unwrap().pop().unwrap().user_id,
        carol.id
    );
}

#[tokio::test]
async fn plugin_routes_have_edges() {
    let world = World::new().await;
    world
        .raw("GET", "/plugins/other/x", &[], "")
        .await
        .error_id(404);
    world
        .raw("GET", &format!("/plugins/{PLUGIN}"), &[], "")
        .await
        .error_id(404);
    let carol = world.member("carol").await;
    let bearer = format!("Bearer {}", carol.token);
    let signed_in = [("authorization", bearer.as_str())];
    let large = vec![0u8; 2 * 1024 * 1024 + 1];
    let path = format!("/plugins/{PLUGIN}/x");
    let answer = world.raw("POST", &path, &signed_in, large.clone()).await;
    assert_eq!(answer.status, 413);
    let fits = vec![0u8; 2 * 1024 * 1024];
    let answer = world.raw("POST", &path, &signed_in, fits.clone()).await;
    assert_eq!(answer.status, 202);
    let taken = world.hooks.requests.lock().unwrap().pop().unwrap();
    assert_eq!(taken.body.len(), fits.len());
    // Nobody keeps what strangers send.
    let answer = world.raw("POST", &path, &[], large).await;
    assert_eq!(answer.status, 202);
    let taken = world.hooks.requests.lock().unwrap().pop().unwrap();
    assert_eq!((taken.body.len(), taken.user_id.as_str()), (0, ""));
}

#[tokio::test]
async fn settings_are_checked_by_the_plugin_and_survive() {
    let world = World::new().await;
    assert_eq!(world.local.settings_json(), "{}");
    world.local.set_settings(&json!({"a": 1})).await.unwrap();
    assert_eq!(world.local.settings_json(), r#"{"a":1}"#);
    assert!(
        world
            .local
            .set_settings(&json!({"a": "wrong"}))
            .await
            .is_err()
    );
    assert_eq!(world.local.settings_json(), r#"{"a":1}"#);
    let (admin, carol) = (world.admin().await, world.member("carol").await);
    world.get(&carol, "/config").await.error(403);
    let mut config = world.get(&admin, "/config").await.expect(200);
    assert_eq!(config["PluginSettings"]["Plugins"][PLUGIN]["a"], 1);
    config["PluginSettings"]["Plugins"][PLUGIN]["a"] = 2.into();
    config["Unknown"] = json!({"kept": true});
    let now = world
        .put(&admin, "/config", config.clone())
        .await
        .expect(200);
    assert_eq!(now["Unknown"]["kept"], true);
    assert_eq!(world.local.settings_json(), r#"{"a":2}"#);
    config["PluginSettings"]["Plugins"][PLUGIN]["a"] = "wrong".into();
    world.put(&admin, "/config", config).await.error(400);
}

#[tokio::test]
async fn a_file_of_the_plugins_comes_from_its_bot_and_only_its_user_opens_it() {
    let world = World::new().await;
    // Somebody has the bot's usual name.
    let (namesake, erin) = (world.member("calls").await, world.stranger("erin").await);
    let file = crate::platform::File {
        name: "call-logs-1.txt".into(),
        data: b"rtc connected".to_vec(),
    };
    let sent = world.local.send_file(&erin.id, "Your logs", file).await;
    let sent = sent.unwrap();
    assert_ne!(sent.user_id, namesake.id);
    let path = format!("/channels/{}/posts", sent.channel_id);
    let posts = world.get(&erin, &path).await.expect(200);
    let post = &posts["posts"][&sent.id];
    assert_eq!(post["message"], "Your logs");
    let file = format!("/files/{}", post["file_ids"][0].as_str().unwrap());
    assert_eq!(world.get(&erin, &file).await.text(), "rtc connected");
    world.get(&namesake, &file).await.error(403);
    let bot = world.local.get_user(&sent.user_id).await.unwrap();
    assert_eq!((bot.is_bot, &*bot.username), (true, "calls-1"));
    // Nobody can sign in as it.
    for password in ["", "password"] {
        let body = json!({"login_id": bot.username, "password": password});
        let path = "/api/v4/users/login";
        let answer = world.raw("POST", path, &[], body.to_string()).await;
        assert_ne!(answer.status, 200);
    }
}

#[tokio::test]
async fn what_the_process_was_given_holds_over_what_is_stored() {
    let world = World::with(|config| config.overrides.set("MediaPort", 9000)).await;
    world
        .local
        .set_settings(&json!({"mediaport": 8000, "EnableVideo": false}))
        .await
        .unwrap();
    let settings = crate::settings::effective(&world.local.settings_json());
    assert_eq!((settings.media_port, settings.enable_video), (9000, false));
    // And a bad value that it hides is refused all the same.
    let bad = json!({"mediaport": "many"});
    let refused = world.local.set_settings(&bad).await;
    assert_eq!(refused.unwrap_err().key, "MediaPort");
}
