//! The call link: one page for all who may not, a way in for who may.

use parley_host::hooks::HttpResponse;
use parley_host::platform::ChannelKind;
use parley_tests::platform::id;
use parley_tests::world::World;

fn location(response: &HttpResponse) -> &str {
    let header = response
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("location"));
    header.map_or("", |(_, value)| value)
}

#[tokio::test(start_paused = true)]
async fn the_link_leads_to_the_channel_and_asks() {
    let world = World::new(&["alice"]).await;
    let answer = world.command("alice", "/call link").await;
    let path = format!("/join/{}", id("town"));
    assert!(
        answer.contains(&format!(
            "http://chat.example/sub/plugins/app.parley.calls{path}"
        )),
        "{answer}"
    );
    let response = world.http("alice", "GET", &path).await;
    assert_eq!(response.status, 303);
    assert_eq!(
        location(&response),
        format!(
            "http://chat.example/sub/team/channels/{}?join_call=true",
            id("town")
        )
    );
}

#[tokio::test(start_paused = true)]
async fn signed_out_people_sign_in_first() {
    let world = World::new(&["alice"]).await;
    let response = world
        .http("", "GET", &format!("/join/{}", id("town")))
        .await;
    assert_eq!(response.status, 303);
    assert!(
        location(&response).starts_with("http://chat.example/sub/login?redirect_to="),
        "{response:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_may_not_cannot_tell_why() {
    let world = World::new(&["alice"]).await;
    world.platform.add_channel("secret", ChannelKind::Private);
    world.platform.add_channel("old", ChannelKind::Open);
    world.platform.add_member("old", "alice");
    world
        .platform
        .change_channel("old", |channel| channel.delete_at = 1);
    let secret = world
        .http("alice", "GET", &format!("/join/{}", id("secret")))
        .await;
    assert_eq!(secret.status, 404);
    for other in ["old", "nowhere"] {
        let page = world
            .http("alice", "GET", &format!("/join/{}", id(other)))
            .await;
        assert_eq!(
            (page.status, &page.body),
            (secret.status, &secret.body),
            "{other}"
        );
    }
}
