//! What a platform that runs the guest under the other id makes of it.

use crate::testing::*;

fn drop_in() -> World {
    let world = World::new();
    *world.env.plugin_id.borrow_mut() = "com.mattermost.calls".to_owned();
    world
}

fn get(world: &World, who: &str, path: &str) -> serde_json::Value {
    let answer = world.http(who, "GET", path, "");
    assert_eq!(answer.status, 200, "{path}");
    json(&answer.body)
}

#[test]
fn l02_a_drop_in_answers_as_a_version_that_its_clients_know() {
    let version = get(&drop_in(), "", "/version")["version"].to_string();
    assert!(version.starts_with("\"1.12."), "{version}");
    assert_eq!(get(&World::new(), "", "/version")["version"], "0.1.0");
}

#[test]
fn a_drop_in_offers_signalling_over_the_data_channel() {
    let config = get(&drop_in(), "alice", "/config");
    assert_eq!(config["EnableDCSignaling"], true);
}

#[test]
fn links_carry_the_id_under_which_they_are_served() {
    let world = drop_in();
    let path = format!("/plugins/com.mattermost.calls/join/{}", id("town"));
    let told = world.command("alice", "town", "/call link");
    assert!(told.contains(&path), "{told}");
    let answer = world.http("", "GET", &format!("/join/{}", id("town")), "");
    let login = header(&answer, "Location");
    assert!(
        login.contains("%2Fplugins%2Fcom.mattermost.calls%2Fjoin%2F"),
        "{login}"
    );
}
