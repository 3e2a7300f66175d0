//! Many cameras at once, each shown by everybody else: whoever has the room gets all of them in the layer
//! that it shows, soon.

use parley_media::channel::{CameraView, ClientMessage, View};
use str0m::media::Mid;

use crate::support::{Profile, Sim};
use crate::video::publish;

const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
/// Name, lines, packets of a picture: 0.2, 0.5 and 1.1 Mbit/s.
const LAYERS: [(&str, u16, usize); 3] = [("l", 180, 1), ("m", 360, 3), ("h", 720, 6)];
/// Shown so high: by the second layer.
const HEIGHT: u16 = 240;
const PICTURES_PER_SECOND: usize = 20;

fn call() -> (Sim, Vec<Mid>) {
    let mut sim = Sim::call(&NAMES, Profile::Ours);
    let mut cameras = vec![];
    for name in NAMES {
        cameras.push(publish(&mut sim, name, false, &LAYERS.map(|(rid, ..)| rid)));
        sim.client(name).heights = LAYERS.map(|(rid, height, _)| (rid, height)).into();
    }
    for name in NAMES {
        let others = NAMES.iter().filter(|other| **other != name);
        let view = View {
            screen: false,
            cameras: others
                .map(|other| CameraView {
                    session: (*other).into(),
                    height: HEIGHT,
                })
                .collect(),
        };
        sim.client(name).send(&ClientMessage::View(view));
    }
    (sim, cameras)
}

fn film(sim: &mut Sim, cameras: &[Mid], seconds: usize) {
    for _ in 0..seconds * PICTURES_PER_SECOND {
        for (name, camera) in NAMES.iter().zip(cameras) {
            let now = sim.now;
            let client = sim.client(name);
            let asked = client.keyframe_requests.drain(..).count() > 0;
            for (rid, _, packets) in LAYERS {
                let first = !client.video_seq.contains_key(&format!("{camera}{rid}"));
                let picture = (packets, 1_100);
                client.send_frame(now, *camera, Some(rid), first || asked, picture);
            }
        }
        sim.run_ms(1_000 / PICTURES_PER_SECOND as u64);
    }
}

#[test]
fn who_has_the_room_sees_all_cameras_as_they_are_shown() {
    let (mut sim, cameras) = call();
    film(&mut sim, &cameras, 14);
    for name in NAMES {
        sim.client(name).heard.clear();
    }
    film(&mut sim, &cameras, 1);
    let all = 9 * LAYERS[1].2 * PICTURES_PER_SECOND;
    for name in NAMES {
        let got = sim.client(name).heard.len();
        assert!(got > all * 9 / 10, "{name} {got} of {all}");
    }
}
