//! The link of a channel: into it, to the login, or to a page that tells nothing.

use crate::testing::*;

#[test]
fn the_link_leads_to_the_channel_or_to_the_login() {
    let world = World::new();
    let link = |who: &str, at: &str| world.http(who, "GET", &format!("/join/{}", id(at)), "");
    let leads = |who: &str, at: &str| {
        let answer = link(who, at);
        assert_eq!(answer.status, 303);
        header(&answer, "Location")
    };
    let site = "https://chat.example.com/sub";
    assert_eq!(
        leads("alice", "town"),
        format!("{site}/team/channels/{}?join_call=true", id("town"))
    );
    assert_eq!(
        leads("alice", "dm"),
        format!("{site}/team/messages/@bob?join_call=true")
    );
    assert_eq!(
        leads("bob", "dm"),
        format!("{site}/team/messages/@alice?join_call=true")
    );
    let back = format!(
        "%2Fsub%2Fplugins%2Fapp.parley.calls%2Fjoin%2F{}",
        id("town")
    );
    assert_eq!(
        leads("", "town"),
        format!("{site}/login?redirect_to={back}")
    );
    *world.env.site.borrow_mut() = "http://localhost:8065".to_owned();
    assert!(leads("", "town").ends_with(&format!(
        "redirect_to=%2Fplugins%2Fapp.parley.calls%2Fjoin%2F{}",
        id("town")
    )));
}

#[test]
fn a_link_to_nowhere_tells_nothing() {
    let world = World::new();
    let page = |who: &str, path: &str| world.http(who, "GET", path, "");
    let private = page("bob", &format!("/join/{}", id("other")));
    let unknown = page("bob", &format!("/join/{}", id("nowhere")));
    world.env.archive("town");
    let archived = page("bob", &format!("/join/{}", id("town")));
    assert_eq!(private.status, 404);
    assert_eq!(private, unknown);
    assert_eq!(private, archived);
    // Nor does it lead anywhere else.
    for path in [
        "/join/https:%2F%2Fevil.example",
        "/join/..",
        "/join/%0d%0aX: y",
    ] {
        assert_eq!(page("bob", path), private, "{path}");
        assert_eq!(page("", path).status, 404, "{path}");
    }
    assert_eq!(page("bob", "/join//evil.example/x").status, 404);

    let policy = header(&private, "Content-Security-Policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    let html = String::from_utf8(private.body).unwrap();
    assert!(html.contains("lang=\"en\"") && html.contains("<h1>") && !html.contains("<script"));
    world
        .env
        .edit_user("bob", |user| user.locale = "de".to_owned());
    let german = page("bob", &format!("/join/{}", id("nowhere")));
    assert!(
        String::from_utf8(german.body)
            .unwrap()
            .contains("Hier ist kein Anruf")
    );
}
