//! Teams, channels, membership, and the table of access.

use serde_json::json;

use super::*;
use crate::platform::local::access::{Action, Place, Standing, allowed};
use crate::platform::{ChannelPermission, Platform};

const NOBODY: Standing = Standing {
    active: true,
    system_admin: false,
    guest: false,
    member: false,
    channel_admin: false,
    team_member: false,
    team_admin: false,
};
const OPEN: Place = Place {
    personal: false,
    open: true,
    archived: false,
};

/// Read, Post, Join, ManageMembers, Edit, Archive as y/n.
#[track_caller]
fn row(who: Standing, place: Place, expected: &str) {
    let actions = [
        Action::Read,
        Action::Post,
        Action::Join,
        Action::ManageMembers,
        Action::Edit,
        Action::Archive,
    ];
    let got: String = actions
        .iter()
        .map(|a| if allowed(who, place, *a) { 'y' } else { 'n' })
        .collect();
    assert_eq!(got, expected, "{who:?} {place:?}");
}

#[test]
fn the_table() {
    let private = Place {
        open: false,
        ..OPEN
    };
    let archived = Place {
        archived: true,
        ..OPEN
    };
    let direct = Place {
        personal: true,
        open: false,
        archived: false,
    };
    let in_team = Standing {
        team_member: true,
        ..NOBODY
    };
    let member = Standing {
        member: true,
        ..in_team
    };
    let guest = Standing {
        guest: true,
        ..member
    };
    let guest_outside = Standing {
        guest: true,
        ..in_team
    };
    let channel_admin = Standing {
        channel_admin: true,
        ..member
    };
    let team_admin = Standing {
        team_admin: true,
        ..in_team
    };
    let admin = Standing {
        system_admin: true,
        ..NOBODY
    };
    //                       RPJMEA
    row(NOBODY, OPEN, "nnnnnn");
    row(in_team, OPEN, "ynynnn");
    row(in_team, private, "nnnnnn");
    row(member, OPEN, "yyyyyn");
    row(member, private, "yynyyn");
    row(member, archived, "ynnnnn");
    row(guest, OPEN, "yynnnn");
    row(guest_outside, OPEN, "nnnnnn");
    row(channel_admin, OPEN, "yyyyyy");
    row(channel_admin, archived, "ynnnny");
    row(team_admin, OPEN, "ynyyyy");
    row(admin, OPEN, "yynyyy");
    row(admin, private, "yynyyy");
    row(admin, archived, "ynnnny");
    row(admin, direct, "nnnnnn");
    row(member, direct, "yynnyn");
    row(in_team, direct, "nnnnnn");
    for who in [member, channel_admin, team_admin, admin, guest] {
        row(
            Standing {
                active: false,
                ..who
            },
            OPEN,
            "nnnnnn",
        );
    }
}

#[tokio::test]
async fn the_api_follows_the_table() {
    let world = World::new().await;
    let stranger = world.stranger("stranger").await;
    let member = world.member("member").await;
    let guest = world.guest("guest").await;
    let admin = world.admin().await;
    for (who, channel, status) in [
        (&stranger, &world.open, 403),
        (&member, &world.open, 200),
        (&member, &world.private, 403),
        (&guest, &world.open, 200),
        (&guest, &world.private, 403),
        (&admin, &world.private, 200),
    ] {
        for below in ["", "/members", "/stats", "/posts"] {
            let answer = world.get(who, &format!("/channels/{channel}{below}")).await;
            answer.expect(status);
        }
        let body = json!({"channel_id": channel, "message": "hi"});
        let post = world.post(who, "/posts", body).await;
        post.expect(if status == 200 { 201 } else { 403 });
    }
    // Guests do not wander about.
    world
        .get(&guest, &format!("/teams/{}/channels", world.team))
        .await
        .error(403);
    world.get(&guest, "/users").await.error(403);
    let body = json!({"team_id": world.team, "name": "g", "display_name": "G", "type": "O"});
    world.post(&guest, "/channels", body).await.error(403);
    let town = world
        .get(
            &member,
            &format!("/teams/{}/channels/name/town-square", world.team),
        )
        .await
        .expect(200)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let own = json!({"user_id": guest.id});
    world
        .post(&guest, &format!("/channels/{town}/members"), own)
        .await
        .error(403);
}

#[tokio::test]
async fn the_sandbox_asks_the_same_table() {
    use ChannelPermission::{CreatePost, ReadChannel};
    let world = World::new().await;
    let member = world.member("member").await;
    let local = &world.local;
    let may = |user: &str, what| {
        let (user, channel) = (user.to_owned(), world.open.clone());
        async move {
            local
                .has_channel_permission(&user, &channel, what)
                .await
                .unwrap()
        }
    };
    assert!(may(&member.id, ReadChannel).await);
    assert!(may(&member.id, CreatePost).await);
    assert!(!may("nobody", ReadChannel).await);
    assert!(
        !local
            .has_channel_permission(&member.id, "nowhere", ReadChannel)
            .await
            .unwrap()
    );
    local.set_archived(&world.open, true).await.unwrap();
    assert!(may(&member.id, ReadChannel).await);
    assert!(!may(&member.id, CreatePost).await);
    assert_ne!(local.get_channel(&world.open).await.unwrap().delete_at, 0);
    assert_eq!(
        local
            .get_channels_of_user(&member.id)
            .await
            .unwrap()
            .iter()
            .filter(|c| c.id == world.open)
            .count(),
        0
    );
    local.set_archived(&world.open, false).await.unwrap();
    local.set_active(&member.id, false).await.unwrap();
    assert!(!may(&member.id, ReadChannel).await);
    assert_ne!(local.get_user(&member.id).await.unwrap().delete_at, 0);
}

#[tokio::test]
async fn people_join_teams_and_open_channels_on_their_own() {
    let world = World::new().await;
    let dave = world.stranger("dave").await;
    let body = json!({"team_id": world.team, "user_id": dave.id});
    let path = format!("/teams/{}/members", world.team);
    let member = world.post(&dave, &path, body.clone()).await.expect(201);
    assert_eq!(member["roles"], "team_user");
    world.post(&dave, &path, body).await.expect(201);
    let body = json!({"user_id": dave.id});
    let path = format!("/channels/{}/members", world.open);
    let member = world.post(&dave, &path, body.clone()).await.expect(201);
    assert_eq!(member["roles"], "channel_user");
    world.post(&dave, &path, body.clone()).await.expect(201);
    world
        .post(&dave, &format!("/channels/{}/members", world.private), body)
        .await
        .error(403);
    let ids = (world.open.clone(), dave.id.clone());
    world
        .heard(|e| {
            let (channel_id, user_id) = ids.clone();
            *e == PlatformEvent::JoinedChannel {
                channel_id,
                user_id,
            }
        })
        .await;
    let teams = world.get(&dave, "/users/me/teams").await.expect(200);
    assert_eq!(teams[0]["name"], "team");
    let channels = world
        .get(&dave, &format!("/users/me/teams/{}/channels", world.team))
        .await
        .expect(200);
    assert_eq!(channels.as_array().unwrap().len(), 3);
    let members = format!("/users/me/teams/{}/channels/members", world.team);
    assert_eq!(
        world
            .get(&dave, &members)
            .await
            .expect(200)
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[tokio::test]
async fn leaving_removing_and_archiving_reach_the_plugin_and_the_clients() {
    let world = World::new().await;
    let (carol, dave) = (world.member("carol").await, world.member("dave").await);
    let port = world.listen().await;
    let mut socket = world.connect(port, &carol).await;
    world
        .delete(&dave, &format!("/channels/{}/members/me", world.open))
        .await
        .expect(200);
    let seen = socket.event("user_removed").await;
    assert_eq!(seen["data"]["user_id"], dave.id);
    let ids = (world.open.clone(), dave.id.clone());
    world
        .heard(|e| {
            let (channel_id, user_id) = ids.clone();
            *e == PlatformEvent::LeftChannel {
                channel_id,
                user_id,
            }
        })
        .await;
    let path = format!("/channels/{}", world.open);
    world.delete(&carol, &path).await.error(403);
    let admin = world.admin().await;
    world.delete(&admin, &path).await.expect(200);
    let seen = socket.event("channel_deleted").await;
    assert_eq!(seen["data"]["channel_id"], world.open);
    let channel_id = world.open.clone();
    world
        .heard(|e| {
            *e == PlatformEvent::ChannelArchived {
                channel_id: channel_id.clone(),
            }
        })
        .await;
    let body = json!({"channel_id": world.open, "message": "hi"});
    let id = world.post(&carol, "/posts", body).await.error(400);
    assert_eq!(id, "api.post.create_post.can_not_post_to_deleted.error");
    world
        .post(&admin, &format!("{path}/restore"), json!({}))
        .await
        .expect(200);
    world.say(&carol, &world.open, "again").await;
}

#[tokio::test]
async fn direct_and_group_channels_are_found_again_and_closed_to_others() {
    let world = World::new().await;
    let (a, b, c) = (
        world.member("anna").await,
        world.member("ben").await,
        world.member("cleo").await,
    );
    let made = world
        .post(&a, "/channels/direct", json!([a.id, b.id]))
        .await
        .expect(201);
    let again = world
        .post(&b, "/channels/direct", json!([b.id, a.id]))
        .await
        .expect(201);
    assert_eq!(made["id"], again["id"]);
    assert_eq!(
        (made["type"].as_str(), made["team_id"].as_str()),
        (Some("D"), Some(""))
    );
    let mut ids = [a.id.as_str(), b.id.as_str()];
    ids.sort_unstable();
    assert_eq!(made["name"], ids.join("__"));
    let direct = made["id"].as_str().unwrap();
    world
        .get(&c, &format!("/channels/{direct}"))
        .await
        .error(403);
    let admin = world.admin().await;
    world
        .get(&admin, &format!("/channels/{direct}/posts"))
        .await
        .error(403);
    world
        .post(&c, "/channels/direct", json!([a.id, b.id]))
        .await
        .error(403);

    let made = world
        .post(&a, "/channels/group", json!([b.id, c.id]))
        .await
        .expect(201);
    let again = world
        .post(&c, "/channels/group", json!([a.id, b.id, c.id]))
        .await
        .expect(201);
    assert_eq!(made["id"], again["id"]);
    assert_eq!(made["display_name"], "anna, ben, cleo");
    world
        .post(&a, "/channels/group", json!([b.id]))
        .await
        .error(400);
    let group = made["id"].as_str().unwrap();
    let body = json!({"user_id": admin.id});
    world
        .post(&a, &format!("/channels/{group}/members"), body)
        .await
        .error(403);
    // The page finds them by name below any team.
    let by_name = format!("/teams/{}/channels/name/{}", world.team, ids.join("__"));
    assert_eq!(world.get(&a, &by_name).await.expect(200)["id"], direct);
    world.get(&c, &by_name).await.error(404);
}

#[tokio::test]
async fn private_channels_do_not_leak_by_name() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    let path = |name: &str| format!("/teams/{}/channels/name/{name}", world.team);
    let hidden = world.get(&carol, &path("private")).await.error(404);
    let unknown = world.get(&carol, &path("no-such")).await;
    assert_eq!(unknown.status, 404);
    assert!(hidden.starts_with("app.channel.get"));
    world
        .get(&carol, "/teams/name/team/channels/name/open")
        .await
        .expect(200);
}

#[tokio::test]
async fn names_and_types_are_checked() {
    let world = World::new().await;
    let carol = world.member("carol").await;
    for (name, shown, kind, status) in [
        ("fine-name", "Fine", "O", 201),
        ("fine-name", "Again", "O", 400),
        ("Not Fine", "x", "O", 400),
        ("ok", "", "O", 400),
        ("ok", "Ok", "D", 400),
        ("ok2", "Ok", "P", 201),
    ] {
        let body =
            json!({"team_id": world.team, "name": name, "display_name": shown, "type": kind});
        let answer = world.post(&carol, "/channels", body).await;
        assert_eq!(
            answer.status.as_u16(),
            status,
            "{name} {shown} {kind}: {}",
            answer.text()
        );
    }
    let body = |name: &str| json!({"name": name, "display_name": "T", "type": "O"});
    world.post(&carol, "/teams", body("api")).await.error(400);
    let team = world
        .post(&carol, "/teams", body("second"))
        .await
        .expect(201);
    let members = format!("/teams/{}/members", team["id"].as_str().unwrap());
    assert_eq!(
        world.get(&carol, &members).await.expect(200)[0]["roles"],
        "team_user team_admin"
    );
    world.get(&carol, "/channels/nonsense").await.error(400);
    world
        .get(&carol, &format!("/channels/{}", "a".repeat(26)))
        .await
        .error(404);
}
