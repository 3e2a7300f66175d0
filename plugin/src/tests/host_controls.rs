//! What the host does with the others, by HTTP.

use serde_json::json as j;

use crate::env::{Env, Value};
use crate::testing::*;

fn path(action: &str) -> String {
    format!("/calls/{}/host/{action}", id("town"))
}

/// Host alice, bob of an official client, carol of ours; bob unmuted with his hand up and his screen.
fn call() -> World {
    let world = World::new();
    world.join_official("alice", "conn1", "town");
    world.advance_ms(1);
    world.join_official("bob", "conn2", "town");
    world.advance_ms(1);
    world.join("carol", "conn3", "town");
    world.send("bob", "conn2", "unmute", &[]);
    world.send("bob", "conn2", "raise_hand", &[]);
    let screen = Value::Text(r#"{"screenStreamID":"scr"}"#.to_owned());
    world.send("bob", "conn2", "screen_on", &[("data", screen)]);
    world.events();
    world
}

fn of(connection: &str) -> String {
    j!({ "session_id": id(connection) }).to_string()
}

fn post(world: &World, who: &str, action: &str, body: &str) -> u16 {
    world.http(who, "POST", &path(action), body).status
}

#[test]
fn only_host_and_admins_control_and_refusals_are_400() {
    let world = call();
    for action in [
        "make",
        "mute",
        "mute-others",
        "screen-off",
        "lower-hand",
        "remove",
        "end",
    ] {
        assert_eq!(post(&world, "carol", action, &of("conn2")), 400, "{action}");
    }
    assert_eq!(world.names(), [""; 0]);
    assert_eq!(post(&world, "alice", "mute", &of("conn9")), 400);
    assert_eq!(post(&world, "alice", "mute", "{}"), 400);
    assert_eq!(post(&world, "alice", "dance", "{}"), 404);
    assert_eq!(post(&world, "root", "mute", &of("conn2")), 200);
    let idle = format!("/calls/{}/host/mute", id("dm"));
    assert_eq!(world.http("alice", "POST", &idle, &of("conn2")).status, 400);
}

#[test]
fn who_is_muted_is_muted_at_once_and_told() {
    let world = call();
    assert_eq!(post(&world, "alice", "mute", &of("conn2")), 200);
    let events = world.events();
    let told: Vec<_> = events.iter().filter(|e| e.name == "host_mute").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].scope(), format!("user {}", id("bob")));
    assert_eq!(told[0].data["channel_id"], id("town"));
    assert_eq!(told[0].data["session_id"], id("conn2"));
    assert_eq!(told[0].to.channel_id, channel("town"));
    assert_eq!(events.iter().filter(|e| e.name == "user_muted").count(), 3);
    // The client's own message changes nothing more, and it may unmute itself again.
    world.send("bob", "conn2", "mute", &[]);
    assert_eq!(world.names(), [""; 0]);
    world.send("bob", "conn2", "unmute", &[]);
    assert!(world.names().contains(&"user_unmuted".to_owned()));
}

#[test]
fn all_others_are_muted_and_the_host_is_not() {
    let world = call();
    world.send("alice", "conn1", "unmute", &[]);
    world.send("carol", "conn3", "unmute", &[]);
    world.events();
    assert_eq!(post(&world, "alice", "mute-others", ""), 200);
    let events = world.events();
    let told = events.iter().filter(|e| e.name == "host_mute");
    let mut muted: Vec<_> = told.map(|e| e.data["session_id"].clone()).collect();
    muted.sort_by_key(ToString::to_string);
    assert_eq!(muted, [id("conn2"), id("conn3")]);
}

#[test]
fn screen_and_hand_are_taken_down() {
    let world = call();
    assert_eq!(post(&world, "alice", "screen-off", &of("conn2")), 200);
    let names = world.names();
    assert!(names.contains(&"user_screen_off".to_owned()), "{names:?}");
    assert!(names.contains(&"host_screen_off".to_owned()), "{names:?}");
    assert_eq!(post(&world, "alice", "lower-hand", &of("conn2")), 200);
    let events = world.events();
    assert!(events.iter().any(|e| e.name == "user_unraise_hand"));
    let lowered = events.iter().find(|e| e.name == "host_lower_hand").unwrap();
    assert_eq!(lowered.data["host_id"], id("alice"));
    assert_eq!(
        lowered.data["call_id"],
        world.record("town").unwrap().call_id.as_str()
    );
}

#[test]
fn a_chosen_host_counts_while_present() {
    let world = call();
    let make = |who: &str| j!({ "new_host_id": id(who) }).to_string();
    assert_eq!(post(&world, "alice", "make", &make("eve")), 400);
    assert_eq!(post(&world, "alice", "make", &make("bob")), 200);
    let events = world.events();
    assert!(events.iter().all(|e| e.name == "call_host_changed"));
    assert_eq!(events[0].data["hostID"], id("bob"));
    assert_eq!(events.len(), 3);
    assert_eq!(
        post(&world, "alice", "mute", &of("conn2")),
        400,
        "no host any more"
    );
    world.send("bob", "conn2", "leave", &[]);
    let events = world.events();
    let next = events
        .iter()
        .find(|e| e.name == "call_host_changed")
        .unwrap();
    assert_eq!(next.data["hostID"], id("alice"));
}

#[test]
fn the_command_makes_who_is_named_host() {
    let world = call();
    let say = |who: &str, text: &str| world.command(who, "town", text);
    let not_allowed = "Only the host of the call or a system admin can do this.";
    assert_eq!(say("carol", "/call host @bob"), not_allowed);
    assert_eq!(say("eve", "/call host @bob"), not_allowed);
    for nobody in ["/call host", "/call host @", "/call host @root"] {
        let answer = say("alice", nobody);
        assert!(answer.starts_with("Nobody of that name"), "{answer}");
    }
    assert_eq!(world.names(), [""; 0]);
    assert_eq!(
        say("alice", "/call host @Bob"),
        "BOB is the host of the call now."
    );
    assert_eq!(world.events()[0].data["hostID"], id("bob"));
    assert_eq!(say("alice", "/call host carol"), not_allowed);
    assert_eq!(
        say("root", "/call host carol"),
        "CAROL is the host of the call now."
    );
    let idle = world.command("alice", "dm", "/call host @bob");
    assert!(idle.starts_with("There is no call"), "{idle}");
    // Strangers do not learn whether there is a call.
    assert_eq!(world.command("eve", "dm", "/call host @bob"), not_allowed);
}

#[test]
fn l43_who_is_removed_and_stays_is_forced_out_after_3_s() {
    let world = call();
    assert_eq!(post(&world, "alice", "remove", &of("conn2")), 200);
    let events = world.events();
    // Everybody hears of it; the client concerned leaves by itself.
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(events.iter().all(|e| e.name == "host_removed"));
    let data = &events[0].data;
    assert_eq!(
        (&data["user_id"], &data["session_id"]),
        (&j!(id("bob")), &j!(id("conn2")))
    );
    assert_eq!(world.sidecar.only_room().room.sessions.len(), 3);
    let timer = format!("remove_{}", id("conn2"));
    assert_eq!(world.sidecar.only_room().timers.get(&timer), Some(&3_000));
    world.sidecar.fire(&timer);
    world.pump();
    let names = world.names();
    assert!(names.contains(&"user_screen_off".to_owned()), "{names:?}");
    assert!(names.contains(&"user_left".to_owned()), "{names:?}");
    assert_eq!(world.sidecar.only_room().room.sessions.len(), 2);
    // The timer of somebody who is gone already does nothing.
    world.sidecar.fire(&timer);
    world.pump();
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn our_own_client_is_out_at_once() {
    let world = call();
    assert_eq!(post(&world, "alice", "remove", &of("conn3")), 200);
    let events = world.events();
    let removed = events.iter().find(|e| e.name == "parley_removed").unwrap();
    assert_eq!(removed.data["reason"], "removed");
    assert_eq!(removed.scope(), format!("user {}", id("carol")));
    assert_eq!(world.sidecar.only_room().room.sessions.len(), 2);
}

#[test]
fn l43_the_host_ends_the_call_by_either_route() {
    let world = call();
    assert_eq!(post(&world, "alice", "end", ""), 200);
    assert!(world.names().contains(&"call_end".to_owned()));
    assert!(
        world
            .env
            .kv_get(&format!("c_{}", id("town")))
            .unwrap()
            .is_none()
    );
}
