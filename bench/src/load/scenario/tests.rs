use super::*;

fn named(name: &str) -> Scenario {
    Scenario::named(name).expect("a workload of the table")
}

fn expected(scenario: &Scenario) -> f64 {
    scenario.expected().voices + scenario.expected().pictures
}

#[test]
fn names_are_unique_and_found_whatever_their_case() {
    for (name, _) in Scenario::all() {
        assert_eq!(named(&name.to_lowercase()).name, name);
    }
    let refused = |name| Scenario::named(name).expect_err("no workload of the table");
    assert!(refused("W99").contains("W1-10"));
    assert!(refused("w10").contains("TCP"));
}

#[test]
fn small_rooms_stand_beside_the_scenarios_own() {
    let alone = named("W1");
    assert_eq!((alone.rooms(), alone.room_of(49)), (1, 0));
    let scenario = named("W1").with_rooms(3);
    assert_eq!((scenario.rooms(), scenario.roles.len()), (3, 56));
    let rooms: Vec<usize> = (48..56).map(|index| scenario.room_of(index)).collect();
    assert_eq!(rooms, [0, 0, 1, 1, 1, 2, 2, 2]);
    // Two of three hear the voice and see the screen.
    let each = expected(&scenario) - expected(&alone);
    assert_eq!(each, 2.0 * 2.0 * (50.0 + 280.0));
}

#[test]
fn who_hears_whom_is_counted_per_room() {
    assert_eq!(expected(&named("W1")), 3.0 * 49.0 * 50.0);
    assert_eq!(expected(&named("W1-10")), 10.0 * 49.0 * 50.0);
    assert_eq!(expected(&named("W2")), 25.0 * 2.0 * 3.0 * 50.0);
    assert_eq!(expected(&named("W2-2")), 50.0 * 2.0 * 50.0);
    assert_eq!(named("W3").expected().pictures, 50.0 * 280.0);
    let fewer = named("W1").with_participants(20);
    assert_eq!((fewer.roles.len(), fewer.rooms()), (20, 1));
    assert_eq!(expected(&fewer), 3.0 * 19.0 * 50.0);
}

#[test]
fn feeds_come_to_what_is_expected() {
    for (name, _) in Scenario::all() {
        let scenario = named(name);
        let Some(feeds) = scenario.feeds() else {
            assert!(!scenario.is_exact(), "{name}");
            continue;
        };
        let rate =
            |feed: &Feed| (feed.packets * feed.listeners.len()) as f64 / feed.every.as_secs_f64();
        let sum: f64 = feeds.iter().map(rate).sum();
        assert!((sum - expected(&scenario)).abs() < 1e-6, "{name}: {sum}");
        assert!(feeds.iter().all(|feed| feed.phase < feed.every), "{name}");
    }
    let feeds = named("W2").feeds().expect("voices");
    assert_eq!((feeds.len(), &feeds[1].listeners[..]), (50, &[0, 2, 3][..]));
}

#[test]
fn a_gallery_shows_nine_others_each_as_often() {
    let scenario = named("W6");
    let mut viewers = [0; 25];
    for index in 0..25 {
        let shown = scenario.shown_to(index);
        assert_eq!(shown.len(), 9);
        assert!(!shown.contains(&index));
        shown.iter().for_each(|at| viewers[*at] += 1);
    }
    assert_eq!(viewers, [9; 25]);
    assert_eq!(named("W4").shown_to(3), [2]);
    assert_eq!(expected(&scenario), 25.0 * 9.0 * 6.0 * 20.0);
    assert_eq!(scenario.sent().pictures, 25.0 * 10.0 * 20.0);
}

#[test]
fn over_an_impaired_way_all_but_the_sender_see_one_camera() {
    let scenario = named("W8");
    assert_eq!(scenario.viewers(), [1, 2, 3, 4, 5, 6]);
    let layers = scenario.layers().into_iter().collect::<Vec<_>>();
    assert_eq!(layers, [(1, "l"), (3, "m"), (6, "h")]);
    assert!(!scenario.is_comparable() && named("W1").is_comparable());
    assert!(scenario.usual_window() > named("W1").usual_window());
}

#[test]
fn a_load_grows_by_copies_or_viewers() {
    let mut scenario = named("W2");
    scenario.grow();
    scenario.grow();
    assert_eq!((scenario.rooms(), scenario.roles.len()), (75, 300));
    assert_eq!(expected(&scenario), 3.0 * expected(&named("W2")));
    let mut scenario = named("W5");
    scenario.grow();
    assert_eq!((scenario.rooms(), scenario.roles.len()), (1, 550));
}
