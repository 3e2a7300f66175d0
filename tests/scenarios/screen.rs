//! A shared screen reaches everybody, one sharer at a time.

use std::time::Duration;

use parley_bench::client::{ClientEvent, Track, VideoFrame, synthetic_picture};
use parley_tests::world::{Tab, World};
use serde_json::json;

pub(crate) async fn share(world: &World, tab: &Tab) {
    let stream = json!({"screenStreamID": "my-screen"}).to_string();
    world.send(tab, "screen_on", json!({"data": stream})).await;
    world.sidecar.with(tab.address, |seat, at| {
        seat.client
            .publish(Track::Screen, "my-screen", false, at)
            .expect("a sound client");
    });
    world
        .until("the screen is negotiated", Duration::from_secs(5), || {
            world.count(tab, |e| matches!(e, ClientEvent::Published(Track::Screen))) > 0
        })
        .await;
}

/// Sends pictures at 20 per second; every picture of which `key` says so is a key frame.
pub(crate) async fn show(world: &World, tab: &Tab, pictures: u16, key: impl Fn(u16) -> bool) {
    for picture in 0..pictures {
        let body = synthetic_picture(key(picture), format!("picture {picture}").as_bytes());
        let frame = VideoFrame {
            rid: None,
            picture,
            body: &body,
            rtp_time: u32::from(picture) * 4500 + 1,
        };
        world.sidecar.with(tab.address, |seat, at| {
            seat.client
                .send_video(Track::Screen, frame, at)
                .expect("a sound client");
        });
        world.pass(Duration::from_millis(50)).await;
    }
}

fn pictures(world: &World, tab: &Tab) -> usize {
    world.sidecar.with(tab.address, |seat, _| {
        let pictures = seat.events.iter().filter(|e| match e {
            ClientEvent::Received(p) => p.payload.windows(7).any(|w| w == b"picture"),
            _ => false,
        });
        pictures.count()
    })
}

#[tokio::test(start_paused = true)]
async fn viewers_see_the_screen_from_a_key_frame_on() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    share(&world, &alice).await;
    show(&world, &alice, 40, |n| n % 20 == 0).await;
    assert!(
        pictures(&world, &bob) >= 20,
        "{} pictures",
        pictures(&world, &bob)
    );
    assert_eq!(
        pictures(&world, &alice),
        0,
        "nobody sees their own screen back"
    );
    let call = world.call_state(&bob).await;
    assert_eq!(call["screen_sharing_session_id"], json!(alice.connection));
}

#[tokio::test(start_paused = true)]
async fn a_second_sharer_is_refused_and_the_first_goes_on() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    share(&world, &alice).await;
    let stream = json!({"screenStreamID": "bobs"}).to_string();
    world.send(&bob, "screen_on", json!({"data": stream})).await;
    world.pass(Duration::from_millis(50)).await;
    let error = world.to(&bob, "error").next().expect("a refusal");
    assert_eq!(error.data["code"], json!("screen_taken"));
    let call = world.call_state(&bob).await;
    assert_eq!(call["screen_sharing_session_id"], json!(alice.connection));
}
