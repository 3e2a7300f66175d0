//! Several shards as one core: which of them has a room, what is asked of all, and what stays one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parley_core::api::{
    Capabilities, Command, CommandError, ConnectionId, CoreConfig, FindBy, Join, Labels, Limits,
    ParticipantId, Reply, RoomEndReason, RoomId, RoomPolicy, RoomRef, SessionId, SessionRef,
};
use parley_sidecar::clock::{SharedClock, SystemClock};
use parley_sidecar::core_client::{CallError, CoreClient as _};
use parley_sidecar::shard::{self, MediaSockets, ShardSet, Shards};

const SHARDS: usize = 3;

fn start(rooms_max: usize) -> Shards {
    let address = ["127.0.0.1".parse().unwrap()];
    let sockets = MediaSockets::bind_sets(&address, 0, true, SHARDS).unwrap();
    let config = CoreConfig {
        node: 0,
        shard: 0,
        seed: 1,
        media_addresses: vec![],
        limits: Limits {
            rooms_max,
            ..Limits::default()
        },
    };
    let clock: SharedClock = Arc::new(SystemClock);
    shard::spawn(config, sockets, &clock, vec![]).unwrap()
}

fn room(name: &str, generation: u64) -> RoomRef {
    RoomRef {
        room: RoomId(name.into()),
        generation,
    }
}

fn open(name: &str, generation: u64) -> Command {
    Command::OpenRoom {
        room: room(name, generation),
        policy: RoomPolicy::default(),
        labels: Labels::new(),
    }
}

fn end(name: &str, generation: u64) -> Command {
    Command::EndRoom {
        room: room(name, generation),
        actor: None,
        reason: RoomEndReason::Ended,
    }
}

fn join(name: &str, session: &str, connection: &str) -> Command {
    Command::Join(Join {
        session: SessionRef {
            room: room(name, 1),
            session: SessionId(session.into()),
        },
        participant: ParticipantId("p".into()),
        connection: ConnectionId(connection.into()),
        labels: Labels::new(),
        capabilities: Capabilities::default(),
        replaces_session: false,
        unmuted: false,
    })
}

async fn names(set: &ShardSet) -> Vec<String> {
    match set.command(Command::ListRooms).await.unwrap() {
        Reply::Rooms(rooms) => rooms.into_iter().map(|view| view.room.room.0).collect(),
        other => panic!("{other:?}"),
    }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, CallError>) -> CommandError {
    match answer.unwrap_err() {
        CallError::Refused(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_asked_of_all_is_as_of_one_in_the_order_of_ids() {
    let Shards { set, .. } = start(100);
    for n in [5, 1, 4, 8, 0, 7, 2, 6, 3] {
        set.command(open(&format!("r{n}"), 1)).await.unwrap();
    }
    let expected: Vec<String> = (0..9).map(|n| format!("r{n}")).collect();
    assert_eq!(names(&set).await, expected);
    for n in 0..9 {
        for session in ["a", "b"] {
            let name = format!("r{n}");
            let connection = format!("c-{session}");
            set.command(join(&name, session, &connection))
                .await
                .unwrap();
        }
    }
    // Three rooms on each.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let sessions = set
        .reports()
        .iter()
        .map(|r| r.core.sessions)
        .collect::<Vec<_>>();
    assert_eq!(sessions, [6, 6, 6]);
    let health = set.health();
    assert!(health.ready);
    assert_eq!((health.counters.rooms, health.counters.sessions), (9, 18));
    let by = FindBy::Participant(ParticipantId("p".into()));
    let Reply::Found(found) = set.command(Command::FindSessions { by }).await.unwrap() else {
        panic!()
    };
    let found = found
        .iter()
        .map(|f| (f.room.room.0.clone(), f.session.session.0.clone()));
    let expected = expected
        .iter()
        .flat_map(|r| ["a", "b"].map(|s| (r.clone(), s.to_owned())));
    assert!(found.eq(expected));
    let connection = ConnectionId("c-a".into());
    let detached = set.command(Command::Detach { connection }).await.unwrap();
    assert!(matches!(detached, Reply::Count(9)), "{detached:?}");
}

#[tokio::test]
async fn a_room_is_on_one_shard_however_many_open_it_at_once() {
    let Shards {
        set, mut events, ..
    } = start(100);
    for round in 0..50 {
        let opening = (0..8).map(|_| set.command(open("r", round + 1)));
        let answers = futures::future::join_all(opening).await;
        let created = answers
            .into_iter()
            .filter(|answer| matches!(answer, Ok(Reply::Room { created: true, .. })));
        assert_eq!(created.count(), 1, "round {round}");
        assert_eq!(names(&set).await, ["r"]);
        if round % 2 == 0 {
            set.command(end("r", round + 1)).await.unwrap();
            assert_eq!(names(&set).await, [""; 0]);
        }
    }
    // In order, although rooms of one name were on several shards.
    let mut last = (0, 0);
    while let Ok(event) = events.try_recv() {
        let this = (event.room.generation, event.seq);
        assert!(this > last, "{this:?} after {last:?}");
        last = this;
    }
    assert!(last.0 == 50, "{last:?}");
}

#[tokio::test]
async fn rooms_that_are_nowhere_are_answered_as_by_one_core() {
    let Shards { set, .. } = start(100);
    let get = |name: &str, generation| Command::GetRoom {
        room: room(name, generation),
    };
    assert_eq!(
        refused(set.command(get("none", 0)).await),
        CommandError::NoRoom
    );
    assert!(matches!(set.command(end("none", 1)).await, Ok(Reply::Done)));
    let unsaid = set.command(open("r", 0)).await;
    assert!(matches!(
        refused(unsaid),
        CommandError::Invalid {
            field: "generation",
            ..
        }
    ));
    for n in 0..5 {
        let name = format!("r{n}");
        set.command(open(&name, 7)).await.unwrap();
        let older = set.command(open(&name, 6)).await;
        assert_eq!(refused(older), CommandError::Stale("generation"));
        assert!(set.command(get(&name, 7)).await.is_ok());
    }
}

#[tokio::test]
async fn the_limit_of_rooms_is_the_nodes() {
    let Shards { set, .. } = start(4);
    for n in 0..4 {
        set.command(open(&n.to_string(), 1)).await.unwrap();
    }
    let over = CommandError::Limit("rooms");
    assert_eq!(refused(set.command(open("4", 1)).await), over);
    set.command(open("0", 2)).await.unwrap();
    set.command(end("1", 1)).await.unwrap();
    set.command(open("4", 1)).await.unwrap();
    assert_eq!(refused(set.command(open("5", 1)).await), over);
}

#[tokio::test]
async fn the_threads_have_their_names_and_end_with_the_last_handle() {
    let Shards {
        set,
        mut ended,
        events,
    } = start(4);
    let names = || -> BTreeSet<String> {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let comm = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
        let names = tasks.filter_map(|task| comm(task.unwrap()).ok());
        names.map(|name| name.trim().to_owned()).collect()
    };
    // A thread names itself when it first runs.
    set.command(Command::ListRooms).await.unwrap();
    let names = names();
    for shard in 0..SHARDS {
        assert!(names.contains(&format!("shard-{shard}")), "{names:?}");
    }
    drop((set, events));
    for _ in 0..SHARDS {
        tokio::time::timeout(Duration::from_secs(10), ended.first())
            .await
            .expect("each ends");
    }
}
