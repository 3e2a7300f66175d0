//! Phones that ring, and those that do not.

use crate::env::{CallPush, ChannelKind, Presence};
use crate::testing::*;

const DIRECT: &str = "ALICE is inviting you to a call";

/// The pushes so far, and who got them.
fn pushed(world: &World) -> (Vec<CallPush>, Vec<String>) {
    let all = world.env.pushed.take();
    let to = all.iter().map(|push| push.user_id.to_string()).collect();
    (all, to)
}

/// Everybody of the town in one group message.
fn with_group(world: &World) {
    let people = ["alice", "bob", "carol", "eve"];
    world.env.add_channel("group", ChannelKind::Group, &people);
}

#[test]
fn l47_a_call_in_a_direct_message_rings_the_other_persons_phones_once() {
    for started_by_command in [true, false] {
        let world = World::new();
        if started_by_command {
            world.command("alice", "dm", "/call start");
        } else {
            world.join("alice", "conn1", "dm");
        }
        let (all, to) = pushed(&world);
        assert_eq!(to, [id("bob")]);
        let push = &all[0];
        let record = world.record("dm").unwrap();
        assert_eq!(push.message, format!("\u{200b}{DIRECT}"));
        assert!(!push.discreet_message.contains("ALICE"));
        assert_eq!(
            (&*push.sender_name, &*push.channel_name),
            ("ALICE", "ALICE")
        );
        assert_eq!(push.sender_id, user("alice"));
        assert_eq!(
            (&push.post_id, push.root_id.as_str()),
            (&record.post_id, "")
        );
        assert_eq!(push.channel_id, channel("dm"));
        assert_eq!(push.channel_kind, ChannelKind::Direct);
        // Whoever joins or asks again rings nobody.
        world.command("bob", "dm", "/call start");
        world.join("bob", "conn2", "dm");
        assert_eq!(pushed(&world).1, [""; 0]);
    }
}

#[test]
fn l47_in_a_group_message_everybody_else_is_called_in_their_own_language() {
    let world = World::new();
    with_group(&world);
    world
        .env
        .edit_user("carol", |user| user.locale = "de-AT".to_owned());
    world.command("alice", "group", "/call start");
    let (all, mut to) = pushed(&world);
    to.sort();
    assert_eq!(to, [id("bob"), id("carol"), id("eve")]);
    let carol = all.iter().find(|push| push.user_id == user("carol"));
    let carol = carol.unwrap();
    assert_eq!(carol.channel_name, "ALICE, BOB, EVE");
    assert!(carol.message.contains("lädt dich"), "{}", carol.message);
}

#[test]
fn l47_nobody_is_called_in_a_channel() {
    let world = World::new();
    world.command("alice", "town", "/call start");
    assert_eq!(pushed(&world).1, [""; 0]);
}

#[test]
fn l47_who_wants_to_be_left_alone_is() {
    let world = World::new();
    with_group(&world);
    let say = |name: &str, presence| {
        world
            .env
            .presences
            .borrow_mut()
            .insert(user(name), presence);
    };
    say("bob", Presence::DoNotDisturb);
    say("carol", Presence::OutOfOffice);
    say("eve", Presence::Offline);
    world.command("alice", "group", "/call start");
    assert_eq!(pushed(&world).1, [id("eve")]);
    world.command("alice", "group", "/call end");
    // Gone, and no person.
    world.env.edit_user("eve", |user| user.delete_at = 1);
    say("bob", Presence::Online);
    say("carol", Presence::Away);
    world.env.edit_user("carol", |user| user.is_bot = true);
    world.command("alice", "group", "/call start");
    assert_eq!(pushed(&world).1, [id("bob")]);
}

#[test]
fn who_starts_one_call_after_another_does_not_make_phones_ring_each_time() {
    let world = World::new();
    let call = |caller: &str| {
        world.command(caller, "dm", "/call start");
        let started = world.record("dm").is_some();
        world.command(caller, "dm", "/call end");
        started
    };
    assert!((0..8).all(|_| call("alice")), "the calls themselves go on");
    assert_eq!(pushed(&world).1.len(), 5);
    assert!(call("bob"));
    assert_eq!(pushed(&world).1, [id("alice")], "another one's may ring");
    world.advance_ms(60_000);
    assert!(call("alice"));
    assert_eq!(pushed(&world).1, [id("bob")]);
}

#[test]
fn a_push_that_fails_keeps_neither_the_call_nor_the_other_pushes() {
    let world = World::new();
    with_group(&world);
    world.env.deaf.borrow_mut().insert(user("bob"));
    let answer = world.command("alice", "group", "/call start");
    assert!(answer.contains("You started a call"), "{answer}");
    assert_eq!(pushed(&world).1, [id("carol"), id("eve")]);
    assert_eq!(world.env.warned.borrow().len(), 1);
}
