//! The call that every network carries: a camera in three layers, a voice, and one who sees and hears them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parley_media::channel::{CameraView, ClientMessage, View};
use str0m::media::Mid;

use super::Course;
use super::measures::{Measures, quantile};
use super::screening::Screening;
use crate::support::{Profile, Sim};
use crate::video::publish;

/// Name, picture height, packets of a frame and bytes of each, lowest first: 25 frames per second of
/// 150, 500 and 1500 kbit/s.
const LAYERS: [(&str, u16, usize, usize); 3] =
    [("l", 180, 1, 730), ("m", 360, 3, 810), ("h", 720, 7, 1_050)];
/// A key frame is so much larger.
const KEY_FRAME_TIMES: usize = 4;
const SECONDS: u64 = 60;
/// Rates of steps change then.
const FALL: Duration = Duration::from_secs(20);
const RISE: Duration = Duration::from_secs(40);
/// The estimate has found its way by then.
const SETTLED: Duration = Duration::from_secs(5);
const FREEZE: Duration = Duration::from_millis(300);
const VOICE_LATE: Duration = Duration::from_millis(200);
const VOICE_RELIEVED: Duration = Duration::from_millis(150);

struct Call {
    sim: Sim,
    camera: Mid,
    screening: Screening,
    /// Frames sent of each layer.
    frames: [u64; 3],
    spoken: BTreeMap<u64, Instant>,
    /// When each packet of the voice was spoken, and how long it took.
    voice: Vec<(Instant, Duration)>,
}

/// One minute of it.
pub fn run(course: Course, seed: u64) -> Measures {
    let mut call = Call::begin();
    call.sim.reseed(seed);
    let viewer = call.sim.client("bob").address;
    let begun = call.sim.now;
    call.sim.sent.clear();
    call.sim.delivered.clear();
    for step in 0..SECONDS * 50 {
        let network = course(step / 50);
        call.sim.links.insert(viewer, network);
        if step % 2 == 0 {
            call.film();
        }
        call.speak();
        call.sim.run_ms(20);
        call.watch();
    }
    let ended = call.sim.now;
    call.sim.run_ms(2_500);
    call.watch();
    let steps = course(19).down_bps != course(20).down_bps;
    call.measure(begun, ended, steps)
}

impl Call {
    fn begin() -> Self {
        let mut sim = Sim::call(&["alice", "bob", "carol"], Profile::Ours);
        let rids = LAYERS.map(|(rid, ..)| rid);
        let camera = publish(&mut sim, "alice", false, &rids);
        sim.client("alice").heights = LAYERS.map(|(rid, height, ..)| (rid, height)).into();
        sim.client("bob").send(&ClientMessage::View(View {
            screen: false,
            cameras: vec![CameraView {
                session: "alice".into(),
                height: 720,
            }],
        }));
        sim.run_ms(100);
        Self {
            sim,
            camera,
            screening: Screening::default(),
            frames: [0; 3],
            spoken: BTreeMap::new(),
            voice: vec![],
        }
    }

    /// One frame of each layer.
    fn film(&mut self) {
        let now = self.sim.now;
        let mid = self.camera;
        let client = self.sim.client("alice");
        let asked: Vec<_> = client.keyframe_requests.drain(..).collect();
        for (layer, (rid, _, packets, bytes)) in LAYERS.into_iter().enumerate() {
            let key = format!("{mid}{rid}");
            let before = client.video_seq.get(&key).copied();
            let keyframe = before.is_none()
                || asked
                    .iter()
                    .any(|request| request.mid == mid && request.rid.as_deref() == Some(rid));
            let packets = if keyframe {
                packets * KEY_FRAME_TIMES
            } else {
                packets
            };
            client.send_frame(now, mid, Some(rid), keyframe, (packets, bytes));
            let last = client.video_seq[&key];
            let numbers = last + 1 - packets as u64..last + 1;
            let id = (layer, self.frames[layer]);
            self.screening.sent(id, numbers, keyframe, now);
            self.frames[layer] += 1;
        }
    }

    fn speak(&mut self) {
        let now = self.sim.now;
        let number = self.spoken.len() as u64;
        self.spoken.insert(number, now);
        let payload = format!("carol:{number}:").into_bytes();
        // As long as 32 kbit/s of Opus.
        let payload = [payload, vec![0; 72]].concat();
        self.sim
            .client("carol")
            .send_voice_of(now, -20, true, payload);
    }

    /// What came to the viewer since.
    fn watch(&mut self) {
        let now = self.sim.now;
        let client = self.sim.client("bob");
        let mut line = None;
        for heard in std::mem::take(&mut client.heard) {
            if let Some(number) = number_after(&heard.payload, "carol:") {
                let spoken = self.spoken[&number];
                self.voice.push((spoken, heard.at - spoken));
                continue;
            }
            for (layer, (rid, ..)) in LAYERS.iter().enumerate() {
                let name = format!("alice:{rid}:");
                if let Some(number) = number_after(&heard.payload, &name) {
                    self.screening.take(layer, number, heard.at);
                    line = Some(heard.mid.clone());
                }
            }
        }
        if let Some(line) = line
            && self.screening.asks(now)
        {
            client.ask_key_frame(&line);
            client.drain(now);
        }
    }

    fn measure(mut self, begun: Instant, ended: Instant, steps: bool) -> Measures {
        let from = begun + SETTLED;
        let shown = &self.screening.shown;
        let late = |at: &Duration| *at > VOICE_LATE;
        let mut measures = Measures::default();
        let mut frozen = vec![];
        let whole = (ended - from).as_secs_f64();
        for pair in shown.windows(2).filter(|pair| pair[1].at > from) {
            let stood = pair[1].at - pair[0].at.max(from);
            measures.layers[pair[0].layer] += stood.as_secs_f64() / whole * 100.0;
            if stood > FREEZE {
                frozen.push(stood.as_secs_f64() * 1_000.0);
            }
        }
        // A picture that never went on.
        let last = shown.last().map_or(from, |shown| shown.at);
        if let Some(stood) = ended.checked_duration_since(last)
            && stood > FREEZE
        {
            frozen.push(stood.as_secs_f64() * 1_000.0);
        }
        measures.freezes = frozen.len() as f64;
        measures.frozen_ms = frozen.iter().fold(0.0, |sum, stood| sum + stood);
        measures.longest_freeze_ms = frozen.iter().copied().fold(0.0, f64::max);
        let settled = shown.iter().filter(|shown| shown.captured >= from);
        let mut delays: Vec<f64> = settled
            .map(|shown| (shown.at - shown.captured).as_secs_f64() * 1_000.0)
            .collect();
        measures.picture_p50_ms = quantile(&mut delays, 0.5);
        measures.picture_p95_ms = quantile(&mut delays, 0.95);
        measures.key_frames_asked = self.screening.key_frames_asked as f64;

        let spoken = self.spoken.values().filter(|at| **at >= from).count() as f64;
        let voice: Vec<_> = self.voice.iter().filter(|(at, _)| *at >= from).collect();
        measures.voice_lost = (1.0 - voice.len() as f64 / spoken) * 1_000.0;
        let count = voice.iter().filter(|(_, took)| late(took)).count();
        measures.voice_late = count as f64 / spoken * 1_000.0;
        let mut took: Vec<f64> = voice
            .iter()
            .map(|(_, took)| took.as_secs_f64() * 1_000.0)
            .collect();
        measures.voice_p95_ms = quantile(&mut took, 0.95);
        if steps {
            let fell = begun + FALL;
            let hurt = self
                .voice
                .iter()
                .filter(|(at, took)| *at >= fell && *at < begun + RISE && *took > VOICE_RELIEVED);
            let relieved = hurt.map(|(at, took)| *at + *took).max().unwrap_or(fell);
            measures.relieved_ms = (relieved - fell).as_secs_f64() * 1_000.0;
            let rose = begun + RISE;
            let mut best = shown
                .iter()
                .filter(|shown| shown.captured >= rose && shown.layer == 2);
            let recovered = best.next().map_or(ended, |shown| shown.at);
            measures.recovered_ms = (recovered - rose).as_secs_f64() * 1_000.0;
        }
        self.count_network(&mut measures, (ended - begun).as_secs_f64());
        measures
    }

    fn count_network(&mut self, measures: &mut Measures, seconds: f64) {
        let viewer = self.sim.client("bob").address;
        let bytes = self.sim.sent.iter().filter(|((to, _), _)| *to == viewer);
        let bytes: u64 = bytes.map(|(_, bytes)| bytes).sum();
        measures.sent_kbps = bytes as f64 * 8.0 / 1_000.0 / seconds;
        let (sent, lost) = self.sim.fates.get(&viewer).copied().unwrap_or_default();
        measures.dropped = lost as f64 / (sent as f64).max(1.0) * 1_000.0;
    }
}

/// The number after a text in a payload.
fn number_after(payload: &[u8], text: &str) -> Option<u64> {
    let at = payload
        .windows(text.len())
        .take(32)
        .position(|part| part == text.as_bytes())?;
    let digits = payload[at + text.len()..].iter();
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number: Option<u64>, digit| {
        Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0'))
    })
}
