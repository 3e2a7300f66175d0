use parley_media::recording::At;

use super::*;

const A: TrackId = TrackId(1);
const B: TrackId = TrackId(2);

struct Show {
    stage: Stage,
    session: SessionClock,
    lost: Lost,
    sequence: u64,
}

impl Show {
    fn new() -> Self {
        let mut stage = Stage::new();
        stage.add(A);
        stage.add(B);
        Self {
            stage,
            session: SessionClock::new(),
            lost: Lost::default(),
            sequence: 0,
        }
    }

    /// A frame of one packet, captured and here at `ms`.
    fn send(&mut self, track: TrackId, ms: u64, key: bool) {
        self.sequence += 1;
        let payload: &[u8] = if key {
            &[0x10, 0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0]
        } else {
            &[0x10, 1, 0, 0]
        };
        let media = Media {
            track,
            at: At(ms * 1_000),
            // Each track's numbers stand for themselves.
            sequence: ms / 100,
            rtp: ms as u32 * 90,
            marker: true,
            level: None,
            payload,
        };
        self.stage.push(&mut self.session, &media, &mut self.lost);
    }

    /// Times in ms of what is written, until `ms`; 0 for "nothing is shown".
    fn shown(&mut self, ms: i64) -> Vec<i64> {
        let mut times = Vec::new();
        while let Some(shown) = self.stage.next(ms * 1_000) {
            times.push(match shown {
                Shown::Frame { at, .. } => at / 1_000,
                Shown::Nothing { .. } => 0,
            });
        }
        times
    }
}

#[test]
fn a_track_is_shown_from_its_first_key_frame_after_it_is_wanted() {
    let mut show = Show::new();
    show.send(A, 100, true);
    show.stage.show(Some(A), 150_000);
    show.send(A, 200, false);
    show.send(A, 300, true);
    show.send(A, 400, false);
    assert_eq!(show.shown(350), [300]);
    assert_eq!(show.shown(1_000), [400]);
}

#[test]
fn the_old_track_goes_on_until_the_new_one_can_be_shown() {
    let mut show = Show::new();
    show.stage.show(Some(A), 0);
    show.send(A, 100, true);
    show.stage.show(Some(B), 150_000);
    show.send(B, 200, false);
    show.send(A, 201, false);
    show.send(B, 300, false);
    show.send(A, 301, false);
    show.send(B, 400, true);
    show.send(A, 401, false);
    show.send(B, 500, false);
    show.send(A, 501, true);
    assert_eq!(show.shown(1_000), [100, 201, 301, 400, 500]);
}

#[test]
fn nothing_means_nothing_until_the_next_show() {
    let mut show = Show::new();
    show.stage.show(Some(A), 0);
    show.send(A, 100, true);
    show.send(A, 200, false);
    show.stage.show(None, 250_000);
    show.send(A, 300, true);
    show.stage.show(Some(A), 350_000);
    show.send(A, 400, false);
    show.send(A, 500, true);
    assert_eq!(show.shown(1_000), [100, 200, 0, 500]);
}

#[test]
fn an_ended_share_does_not_stand() {
    let mut show = Show::new();
    show.stage.show(Some(A), 0);
    show.send(A, 100, true);
    show.stage.end(A, 200_000);
    assert_eq!(show.shown(1_000), [100, 0]);
    assert!(!show.stage.is_showing());
}

#[test]
fn an_ended_share_stands_a_moment_for_what_comes_next() {
    let mut show = Show::new();
    show.stage.show(Some(A), 0);
    show.send(A, 100, true);
    show.stage.show(Some(B), 200_000);
    show.stage.end(A, 200_000);
    show.send(B, 600, true);
    assert_eq!(show.shown(5_000), [100, 600]);

    let mut show = Show::new();
    show.stage.show(Some(A), 0);
    show.send(A, 100, true);
    show.stage.show(Some(B), 200_000);
    show.stage.end(A, 200_000);
    assert_eq!(show.shown(5_000), [100, 0], "it never comes");
}

#[test]
fn after_an_interruption_a_key_frame_is_needed() {
    let mut show = Show::new();
    show.stage.show(Some(A), 0);
    show.send(A, 100, true);
    show.stage.interrupt(150_000);
    show.send(A, 200, false);
    show.send(A, 300, true);
    assert_eq!(show.shown(1_000), [100, 0, 300]);
}

#[test]
fn of_an_ended_track_nothing_is_kept() {
    let mut show = Show::new();
    show.stage.show(Some(A), 0);
    show.send(A, 100, true);
    show.stage.end(A, 200_000);
    show.stage.expire(300_000, &mut show.lost);
    assert!(
        show.stage.tracks.contains_key(&A),
        "its picture is still to be shown"
    );
    assert_eq!(show.shown(1_000), [100, 0]);
    show.stage.expire(300_000, &mut show.lost);
    assert!(!show.stage.tracks.contains_key(&A));
}
