//! Signing in and out, sessions, CSRF, roles, deactivation.

use serde_json::json;

use super::*;

async fn sign_in(world: &World, name: &str, password: &str) -> Answer {
    let body = json!({"login_id": name, "password": password, "token": "", "deviceId": ""});
    world
        .raw("POST", "/api/v4/users/login", &[], body.to_string())
        .await
}

async fn with_password(world: &World) -> Person {
    world
        .account(Account {
            username: "carol".into(),
            password: "correct horse".into(),
            ..Account::default()
        })
        .await
}

#[tokio::test]
async fn login_gives_user_token_and_cookies() {
    let world = World::new().await;
    let carol = with_password(&world).await;
    let answer = sign_in(&world, "carol", "correct horse").await;
    let user = answer.expect(200);
    assert_eq!(user["id"], carol.id);
    assert_eq!(user["email"], "carol@localhost");
    assert!(user.get("password").is_none());
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("token").len(), 26);
    let cookies = answer.cookies();
    let find = |name: &str| cookies.iter().find(|c| c.starts_with(name)).unwrap();
    assert!(find("MMAUTHTOKEN=").contains("; HttpOnly"));
    assert!(find("MMAUTHTOKEN=").contains("; SameSite=Lax"));
    assert!(!find("MMUSERID=").contains("HttpOnly"));
    assert!(!find("MMCSRF=").contains("HttpOnly"));
    let person = Person {
        id: carol.id.clone(),
        token: answer.header("token").to_owned(),
    };
    assert_eq!(
        world.get(&person, "/users/me").await.expect(200)["username"],
        "carol"
    );
}

#[tokio::test]
async fn https_cookies_are_secure() {
    let world = World::with(|config| config.site_url = "https://chat.example/".into()).await;
    with_password(&world).await;
    let answer = sign_in(&world, "carol", "correct horse").await;
    assert!(answer.cookies().iter().all(|c| c.contains("; Secure")));
}

#[tokio::test]
async fn wrong_password_unknown_name_and_blank_are_told_apart_only_where_harmless() {
    let world = World::new().await;
    with_password(&world).await;
    let wrong = sign_in(&world, "carol", "wrong horse").await.error(401);
    let unknown = sign_in(&world, "nobody", "wrong horse").await.error(401);
    assert_eq!(wrong, "api.user.login.invalid_credentials_email_username");
    assert_eq!(wrong, unknown);
    assert_eq!(
        sign_in(&world, "carol", "").await.error(400),
        "api.user.login.blank_pwd.app_error"
    );
}

#[tokio::test]
async fn many_wrong_passwords_lock_the_name_for_a_while() {
    let world = World::new().await;
    with_password(&world).await;
    for _ in 0..10 {
        sign_in(&world, "carol", "wrong horse").await.error(401);
    }
    sign_in(&world, "carol", "correct horse").await.error(429);
    // Another name is not affected.
    sign_in(&world, "nobody", "wrong horse").await.error(401);
}

#[tokio::test]
async fn a_cookie_needs_the_csrf_token_for_changes() {
    let world = World::new().await;
    let carol = with_password(&world).await;
    let answer = sign_in(&world, "carol", "correct horse").await;
    let cookie = answer.cookie_header();
    let csrf = cookie.split("MMCSRF=").nth(1).unwrap().to_owned();
    let path = format!("/api/v4/users/{}/patch", carol.id);
    let patch = json!({"nickname": "C"}).to_string();
    let send = |headers: Vec<(&'static str, String)>| {
        let (world, path, patch, cookie) = (&world, &path, &patch, &cookie);
        async move {
            let mut all = vec![("cookie", cookie.as_str())];
            all.extend(headers.iter().map(|(k, v)| (*k, v.as_str())));
            world.raw("PUT", path, &all, patch.clone()).await
        }
    };
    assert_eq!(
        send(vec![]).await.error(401),
        "api.context.session_expired.app_error"
    );
    send(vec![("x-csrf-token", "x".repeat(26))])
        .await
        .error(401);
    send(vec![("x-csrf-token", csrf)]).await.expect(200);
    send(vec![("x-requested-with", "XMLHttpRequest".into())])
        .await
        .expect(200);
    // Reading needs none; a bearer neither.
    world
        .raw("GET", "/api/v4/users/me", &[("cookie", &cookie)], "")
        .await
        .expect(200);
    world
        .put(&carol, "/users/me/patch", json!({"nickname": "D"}))
        .await
        .expect(200);
}

#[tokio::test]
async fn logout_ends_the_session_and_tells_the_plugin() {
    let world = World::new().await;
    let carol = with_password(&world).await;
    let answer = world.post(&carol, "/users/logout", json!({})).await;
    assert_eq!(answer.expect(200), json!({"status": "OK"}));
    assert!(answer.cookies().iter().all(|c| c.contains("Max-Age=0")));
    world.get(&carol, "/users/me").await.error(401);
    world
        .heard(|e| matches!(e, PlatformEvent::LoginRevoked { user_id, .. } if *user_id == carol.id))
        .await;
    // Signed out already: still fine.
    world
        .post(&carol, "/users/logout", json!({}))
        .await
        .expect(200);
}

#[tokio::test]
async fn sessions_run_out_and_are_limited_in_number() {
    let world = World::new().await;
    let carol = with_password(&world).await;
    for _ in 0..crate::platform::local::limits::SESSIONS_PER_USER_MAX {
        world.clock.advance_ms(1);
        world.local.create_session(&carol.id).await.unwrap();
    }
    world.get(&carol, "/users/me").await.error(401);
    let token = world.local.create_session(&carol.id).await.unwrap();
    let carol = Person { token, ..carol };
    world.clock.advance_ms(29 * 24 * 3_600_000);
    world.get(&carol, "/users/me").await.expect(200);
    world.clock.advance_ms(29 * 24 * 3_600_000);
    world.get(&carol, "/users/me").await.expect(200);
    world.clock.advance_ms(31 * 24 * 3_600_000);
    world.get(&carol, "/users/me").await.error(401);
}

#[tokio::test]
async fn sign_up_is_closed_unless_opened() {
    let body = json!({"email": "d@example.org", "username": "dave", "password": "long enough"});
    let closed = World::new().await;
    let answer = closed
        .raw("POST", "/api/v4/users", &[], body.to_string())
        .await;
    assert_eq!(answer.error(403), "api.user.create_user.no_open_server");
    let admin = closed.admin().await;
    closed
        .post(&admin, "/users", body.clone())
        .await
        .expect(201);

    let open = World::with(|config| config.open_signup = true).await;
    let made = open
        .raw("POST", "/api/v4/users", &[], body.to_string())
        .await
        .expect(201);
    assert_eq!(made["roles"], "system_user");
    let dave = made["id"].as_str().unwrap().to_owned();
    let dave = Person {
        token: open.local.create_session(&dave).await.unwrap(),
        id: dave,
    };
    assert_eq!(
        open.get(&dave, "/users/me/teams").await.expect(200)[0]["name"],
        "home"
    );
    let again = open
        .raw("POST", "/api/v4/users", &[], body.to_string())
        .await;
    assert_eq!(again.error(400), "app.user.save.username_exists.app_error");
    for (field, value) in [
        ("username", "No Good"),
        ("password", "short"),
        ("email", "nothing"),
    ] {
        let mut wrong = json!({"email": "e@x.org", "username": "erin", "password": "long enough"});
        wrong[field] = value.into();
        open.raw("POST", "/api/v4/users", &[], wrong.to_string())
            .await
            .error(400);
    }
}

#[tokio::test]
async fn nobody_makes_themselves_an_administrator() {
    let world = World::with(|config| config.open_signup = true).await;
    let body = json!({"email": "d@example.org", "username": "dave", "password": "long enough",
        "roles": "system_admin"});
    let made = world
        .raw("POST", "/api/v4/users", &[], body.to_string())
        .await
        .expect(201);
    assert_eq!(made["roles"], "system_user");
    let dave = world.stranger("dan").await;
    let path = format!("/users/{}/roles", dave.id);
    world
        .put(&dave, &path, json!({"roles": "system_user system_admin"}))
        .await
        .error(403);
    world
        .put(&dave, "/users/me/patch", json!({"roles": "system_admin"}))
        .await
        .expect(200);
    assert_eq!(
        world.get(&dave, "/users/me").await.expect(200)["roles"],
        "system_user"
    );
}

#[tokio::test]
async fn others_see_no_mail_address_and_no_notification_settings() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let seen = world
        .get(&dave, &format!("/users/{}", carol.id))
        .await
        .expect(200);
    assert_eq!(seen["email"], "");
    assert!(seen.get("notify_props").is_none());
    let admin = world.admin().await;
    let seen = world.get(&admin, "/users/username/carol").await.expect(200);
    assert_eq!(seen["email"], "carol@localhost");
    assert!(
        seen["notify_props"]
            .as_object()
            .unwrap()
            .values()
            .all(Value::is_string)
    );
    let many = world
        .post(&dave, "/users/ids", json!([carol.id, dave.id]))
        .await
        .expect(200);
    assert_eq!(many.as_array().unwrap().len(), 2);
    world
        .post(&dave, "/users/ids", json!(["nonsense"]))
        .await
        .error(400);
}

#[tokio::test]
async fn deactivation_ends_sessions_and_sockets_within_a_second() {
    let world = World::new().await;
    let (admin, carol) = (world.admin().await, with_password(&world).await);
    let port = world.listen().await;
    let mut socket = world.connect(port, &carol).await;
    let path = format!("/users/{}", carol.id);
    world.delete(&admin, &path).await.expect(200);
    assert!(socket.closed().await);
    world.get(&carol, "/users/me").await.error(401);
    let id = sign_in(&world, "carol", "correct horse").await.error(401);
    assert_eq!(id, "api.user.login.inactive.app_error");
    world
        .heard(|e| {
            *e == PlatformEvent::UserDeactivated {
                user_id: carol.id.clone(),
            }
        })
        .await;
    world
        .heard(|e| matches!(e, PlatformEvent::LoginRevoked { .. }))
        .await;
    world
        .heard(|e| matches!(e, PlatformEvent::Disconnected { .. }))
        .await;
    world
        .put(&admin, &format!("{path}/active"), json!({"active": true}))
        .await
        .expect(200);
    sign_in(&world, "carol", "correct horse").await.expect(200);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let world = World::new().await;
    let first = world.local.first_admin().unwrap();
    assert_eq!(first.password.len(), 26);
    let answer = sign_in(&world, &first.username, &first.password).await;
    let id = answer.expect(200)["id"].as_str().unwrap().to_owned();
    let admin = Person {
        id: id.clone(),
        token: answer.header("token").to_owned(),
    };
    assert_eq!(
        world
            .delete(&admin, &format!("/users/{id}"))
            .await
            .error(400),
        "api.user.last_admin.app_error"
    );
    world.get(&admin, "/users/me").await.expect(200);
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_other_sessions() {
    let world = World::new().await;
    let carol = with_password(&world).await;
    let other = world.local.create_session(&carol.id).await.unwrap();
    let other = Person {
        token: other,
        ..carol.clone()
    };
    let body = |old: &str| json!({"current_password": old, "new_password": "battery staple"});
    world
        .put(&carol, "/users/me/password", body("guess"))
        .await
        .error(400);
    world
        .put(&carol, "/users/me/password", body("correct horse"))
        .await
        .expect(200);
    world.get(&carol, "/users/me").await.expect(200);
    world.get(&other, "/users/me").await.error(401);
    sign_in(&world, "carol", "battery staple").await.expect(200);
}

#[tokio::test]
async fn one_time_links_work_once_and_for_ten_minutes() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let link = world
        .local
        .create_sign_in_link(&carol.id, "/team/channels/open")
        .await
        .unwrap();
    let used = world.raw("GET", &link, &[], "").await;
    assert_eq!(used.status, 303);
    assert_eq!(used.header("location"), "/team/channels/open");
    let cookie = used.cookie_header();
    let me = world
        .raw("GET", "/api/v4/users/me", &[("cookie", &cookie)], "")
        .await
        .expect(200);
    assert_eq!(me["id"], carol.id);
    assert_eq!(world.raw("GET", &link, &[], "").await.status, 401);

    let link = world
        .local
        .create_sign_in_link(&carol.id, "/team")
        .await
        .unwrap();
    world.clock.advance_ms(10 * 60_000 + 1);
    assert_eq!(world.raw("GET", &link, &[], "").await.status, 401);
    assert!(
        world
            .local
            .create_sign_in_link(&carol.id, "//evil.example")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn preferences_and_status_are_ones_own() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let all = json!([{"user_id": carol.id, "category": "theme", "name": "", "value": "{}"}]);
    world
        .put(&carol, "/users/me/preferences", all.clone())
        .await
        .expect(200);
    assert_eq!(
        world.get(&carol, "/users/me/preferences").await.expect(200),
        all
    );
    let path = format!("/users/{}/preferences", carol.id);
    world.put(&dave, &path, all.clone()).await.error(403);
    world.get(&dave, &path).await.error(403);
    world
        .post(&carol, "/users/me/preferences/delete", all)
        .await
        .expect(200);
    assert_eq!(
        world.get(&carol, "/users/me/preferences").await.expect(200),
        json!([])
    );

    let status = format!("/users/{}/status", carol.id);
    assert_eq!(
        world.get(&dave, &status).await.expect(200)["status"],
        "offline"
    );
    let port = world.listen().await;
    let _socket = world.connect(port, &carol).await;
    assert_eq!(
        world.get(&dave, &status).await.expect(200)["status"],
        "online"
    );
    world
        .put(&carol, &status, json!({"status": "dnd"}))
        .await
        .expect(200);
    let many = world
        .post(&dave, "/users/status/ids", json!([carol.id]))
        .await
        .expect(200);
    assert_eq!(many[0]["status"], "dnd");
    world
        .put(&dave, &status, json!({"status": "away"}))
        .await
        .error(403);
}

#[tokio::test]
async fn another_site_cannot_sign_its_visitors_in() {
    let world = World::new().await;
    with_password(&world).await;
    let body = json!({"login_id": "carol", "password": "correct horse"}).to_string();
    let from = |site: &'static str| {
        let (world, body) = (&world, body.clone());
        async move {
            world
                .raw(
                    "POST",
                    "/api/v4/users/login",
                    &[("sec-fetch-site", site)],
                    body,
                )
                .await
        }
    };
    from("cross-site").await.error(403);
    from("same-origin").await.expect(200);
}
