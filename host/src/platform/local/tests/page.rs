//! The page, static files, the sub-path, the demo.

use serde_json::json;

use super::*;

fn assets() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    put("page/index.html", "<html><base href=\"/\"><div id=root>");
    put("page/favicon.svg", "<svg/>");
    put("page/static/page/main-abc.js", "page()");
    put("plugin/main.js", "plugin()");
    put("plugin/worker-1234.js", "work()");
    put("secret.txt", "secret");
    dir
}

#[tokio::test]
async fn unknown_addresses_give_the_page_with_its_security_headers() {
    let dir = assets();
    let world = World::with(|config| config.web_dir = dir.path().to_owned()).await;
    for path in ["/", "/team/channels/open", "/login", "/a.b/c"] {
        let answer = world.raw("GET", path, &[], "").await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains("id=root"), "{path}");
        assert_eq!(
            answer.header("content-security-policy"),
            "frame-ancestors 'self'; script-src 'self'"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    }
    for path in ["/api/v4/nope", "/api/nope", "/plugins/nope/x"] {
        world.raw("GET", path, &[], "").await.error_id(404);
    }
    world.raw("POST", "/anything", &[], "").await.error_id(404);
    // A page would tell a monitor that all is well.
    for path in ["/metrics", "/healthz", "/live", "/ready"] {
        world.raw("GET", path, &[], "").await.error_id(404);
    }
}

#[tokio::test]
async fn static_files_are_served_and_nothing_else() {
    let dir = assets();
    let world = World::with(|config| config.web_dir = dir.path().to_owned()).await;
    let manifests = world
        .raw("GET", "/api/v4/plugins/webapp", &[], "")
        .await
        .expect(200);
    assert_eq!(manifests[0]["id"], PLUGIN);
    let bundle = manifests[0]["webapp"]["bundle_path"].as_str().unwrap();
    let bundle = bundle.replace("/static/", "/static/plugins/");
    for (path, text) in [
        (bundle.as_str(), "plugin()"),
        ("/static/plugins/app.parley.calls/worker-1234.js", "work()"),
        ("/static/page/main-abc.js", "page()"),
        ("/favicon.svg", "<svg/>"),
    ] {
        let answer = world.raw("GET", path, &[], "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (200, text),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    for path in [
        "/static/plugins/other/main.js",
        "/static/plugins/app.parley.calls/../../secret.txt",
        "/static/plugins/app.parley.calls/%2e%2e/secret.txt",
        "/static/..%2f..%2fsecret.txt",
        "/static/nope.js",
    ] {
        let answer = world.raw("GET", path, &[], "").await;
        assert!(!answer.text().contains("secret"), "{path}");
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn without_assets_the_page_says_what_to_do() {
    let world = World::with(|config| config.web_dir = "/nonexistent".into()).await;
    let answer = world.raw("GET", "/", &[], "").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("npm run build"));
    assert_eq!(
        world
            .raw("GET", "/api/v4/plugins/webapp", &[], "")
            .await
            .expect(200),
        json!([])
    );
}

#[tokio::test]
async fn everything_works_below_a_sub_path() {
    let dir = assets();
    let world = World::with(|config| {
        config.site_url = "http://localhost:8065/chat/".into();
        config.web_dir = dir.path().to_owned();
    })
    .await;
    assert_eq!(
        crate::platform::Platform::site_url(&*world.local),
        "http://localhost:8065/chat"
    );
    let carol = world.member("carol").await;
    world.get(&carol, "/users/me").await.expect(200);
    let link = world
        .local
        .create_sign_in_link(&carol.id, "/team/channels/open")
        .await
        .unwrap();
    assert!(link.starts_with("/chat/login/one-time?token="));
    let used = world
        .raw("GET", link.strip_prefix("/chat").unwrap(), &[], "")
        .await;
    assert_eq!(used.header("location"), "/chat/team/channels/open");
    assert!(used.cookies().iter().all(|c| c.contains("; Path=/chat;")));
    for path in ["", "/", "/team/channels/open"] {
        let page = world.raw("GET", path, &[], "").await;
        assert_eq!(page.status, 200, "{path:?}");
        assert!(page.text().contains("<base href=\"/chat/\">"), "{path:?}");
    }
    world
        .raw("GET", "/static/page/main-abc.js", &[], "")
        .await
        .expect(200);
    world
        .raw("GET", &format!("/plugins/{PLUGIN}/join/x?y=1"), &[], "")
        .await;
    let got = world.hooks.requests.lock().unwrap().pop().unwrap();
    assert_eq!((got.path.as_str(), got.query.as_str()), ("/join/x", "y=1"));
    world
        .raw("GET", &format!("/plugins/{PLUGIN}/"), &[], "")
        .await;
    assert_eq!(
        world.hooks.requests.lock().unwrap().pop().unwrap().path,
        "/"
    );
    let port = world.listen().await;
    world.connect(port, &carol).await;
    // Outside of it there is only the way in.
    let outside = Request::builder()
        .uri("/api/v4/system/ping")
        .body(Body::empty())
        .unwrap();
    assert_eq!(world.send(outside).await.status, 404);
    let root = Request::builder().uri("/").body(Body::empty()).unwrap();
    assert_eq!(world.send(root).await.header("location"), "/chat/");
}

#[tokio::test]
async fn the_demo_seeds_once_and_its_links_sign_in() {
    let world = World::new().await;
    let links = world.local.seed_demo().await.unwrap();
    let again = world.local.seed_demo().await.unwrap();
    assert_eq!(
        (&links.alice_id, &links.channel_id),
        (&again.alice_id, &again.channel_id)
    );
    world.clock.advance_ms(365 * 24 * 3_600_000);
    assert_eq!(world.raw("GET", &links.alice, &[], "").await.status, 401);
    for (link, name) in [(&again.alice, "Alice"), (&again.bob, "Bob")] {
        let used = world.raw("GET", link, &[], "").await;
        assert_eq!(used.header("location"), "/demo/channels/lounge");
        let cookie = used.cookie_header();
        let me = world
            .raw("GET", "/api/v4/users/me", &[("cookie", &cookie)], "")
            .await
            .expect(200);
        assert_eq!(me["first_name"], name);
        let channel = format!("/api/v4/channels/{}", links.channel_id);
        world
            .raw("GET", &channel, &[("cookie", &cookie)], "")
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn answers_have_mattermosts_headers_and_strings() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let ping = world.raw("GET", "/api/v4/system/ping", &[], "").await;
    assert_eq!(ping.expect(200)["status"], "OK");
    assert_eq!(ping.header("content-type"), "application/json");
    assert_eq!(ping.header("x-request-id").len(), 26);
    assert!(ping.header("x-version-id").starts_with("11.0.0.parley."));
    assert_eq!(ping.header("expires"), "0");
    for path in ["/config/client?format=old", "/license/client?format=old"] {
        let anonymous = world
            .raw("GET", &format!("/api/v4{path}"), &[], "")
            .await
            .expect(200);
        let signed_in = world.get(&carol, path).await.expect(200);
        assert!(
            signed_in
                .as_object()
                .unwrap()
                .values()
                .all(Value::is_string)
        );
        assert!(signed_in.as_object().unwrap().len() >= anonymous.as_object().unwrap().len());
    }
    let picture = world.get(&carol, "/users/me/image").await;
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert!(
        picture
            .header("content-security-policy")
            .contains("sandbox")
    );
}
