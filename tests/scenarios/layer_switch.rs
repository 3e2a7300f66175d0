//! Simulcast: a small tile gets the low layer, a large one the high layer, switched at key frames.

use std::time::Duration;

use parley_bench::client::{ClientEvent, Track, VideoFrame, synthetic_picture};
use parley_media::channel::{CameraView, View};
use parley_tests::world::{Tab, World};
use serde_json::json;

/// Pictures per second of both layers.
const RATE: u32 = 20;

async fn camera_on(world: &World, tab: &Tab) {
    let stream = json!({"videoStreamID": "my-camera"}).to_string();
    world.send(tab, "video_on", json!({"data": stream})).await;
    world.sidecar.with(tab.address, |seat, at| {
        seat.client
            .publish(Track::Camera, "my-camera", true, at)
            .expect("a sound client");
    });
    world
        .until("the camera is negotiated", Duration::from_secs(5), || {
            world.count(tab, |e| matches!(e, ClientEvent::Published(Track::Camera))) > 0
        })
        .await;
}

fn look(world: &World, viewer: &Tab, at_whom: &Tab, height: u16) {
    let view = View {
        screen: true,
        cameras: vec![CameraView {
            session: at_whom.connection.clone(),
            height,
        }],
    };
    world.sidecar.with(viewer.address, |seat, at| {
        seat.client.show(view, at).expect("a sound client")
    });
}

/// Sends both layers, a key frame whenever one is asked for.
async fn film(world: &World, tab: &Tab, first: u32, time: Duration) -> u32 {
    let pictures = u32::try_from(time.as_millis()).unwrap_or(u32::MAX) * RATE / 1000;
    let mut asked = 0;
    for picture in first..first + pictures {
        let wanted = world.count(tab, |e| {
            matches!(e, ClientEvent::KeyframeWanted(Track::Camera))
        });
        let keyframe = picture == 0 || wanted > asked;
        asked = wanted;
        for (rid, size) in [("l", 150), ("h", 2_000)] {
            let content = [format!("layer {rid}").into_bytes(), vec![0; size]].concat();
            let mut body = synthetic_picture(keyframe, &content);
            if keyframe && rid == "l" {
                // Width and height of the low layer: 320x180.
                body[6..10].copy_from_slice(&[0x40, 0x01, 0xb4, 0x00]);
            }
            let frame = VideoFrame {
                rid: Some(rid),
                picture: u16::try_from(picture % 32_768).unwrap_or_default(),
                body: &body,
                rtp_time: picture * (90_000 / RATE),
            };
            world.sidecar.with(tab.address, |seat, at| {
                seat.client
                    .send_video(Track::Camera, frame, at)
                    .expect("a sound client");
            });
        }
        world
            .pass(Duration::from_millis(u64::from(1000 / RATE)))
            .await;
    }
    first + pictures
}

/// Layers seen since the last [`World::forget`], in order of arrival, without repetitions.
fn layers(world: &World, tab: &Tab) -> Vec<char> {
    world.sidecar.with(tab.address, |seat, _| {
        let mut seen = Vec::new();
        for event in &seat.events {
            let ClientEvent::Received(packet) = event else {
                continue;
            };
            let text = String::from_utf8_lossy(&packet.payload).into_owned();
            if let Some(at) = text.find("layer ")
                && let Some(layer) = text[at + 6..].chars().next()
                && seen.last() != Some(&layer)
            {
                seen.push(layer);
            }
        }
        seen
    })
}

#[tokio::test(start_paused = true)]
async fn the_layer_follows_the_size_shown() {
    let world = World::new(&["alice", "bob"]).await;
    let (alice, bob) = (world.join("alice").await, world.join("bob").await);
    camera_on(&world, &alice).await;
    look(&world, &bob, &alice, 90);
    let next = film(&world, &alice, 0, Duration::from_secs(4)).await;
    assert_eq!(layers(&world, &bob).last(), Some(&'l'), "a small tile");

    world.forget(&bob);
    look(&world, &bob, &alice, 720);
    let next = film(&world, &alice, next, Duration::from_secs(10)).await;
    assert_eq!(
        layers(&world, &bob).last(),
        Some(&'h'),
        "a large picture: {:?}",
        layers(&world, &bob)
    );

    world.forget(&bob);
    look(&world, &bob, &alice, 90);
    film(&world, &alice, next, Duration::from_secs(4)).await;
    let seen = layers(&world, &bob);
    assert!(
        seen == ['l'] || seen == ['h', 'l'],
        "back at once and for good: {seen:?}"
    );
}
