//! What becomes of joins, gaps, ends and sizes.

mod support;

use parley_compose::{Composer, Options};
use parley_media::recording::TrackKind;
use support::scene::{Scene, clip, tone};
use support::{Memory, reader};

#[test]
fn a_voice_only_recording_is_sound_only() {
    let mut scene = Scene::new();
    scene.track(10, 0, TrackKind::Voice, "Ann");
    scene.voice(0, 100, &tone(440.0, 0.3, 1_000));
    scene.end(25_000);
    let (finished, files) = scene.compose(Options::default());
    assert_eq!(finished.files[0].content_type, "audio/webm");
    let bytes = files.bytes("recording.webm");
    let contents = reader::contents(&bytes);
    assert_eq!((contents.size, contents.video.len()), (None, 0));
    assert_eq!(contents.audio.len(), 1_250);
    if !reader::without_ffmpeg() {
        let folder = tempfile::tempdir().unwrap();
        let path = reader::on_disk(folder.path(), "a.webm", &bytes);
        assert_eq!(reader::probe(&path, "", "stream=codec_type"), "audio");
        let late = reader::sound(&path, "22");
        assert!(
            (late.len() as f64 / 48_000.0 - 3.0).abs() < 0.1,
            "{}",
            late.len()
        );
    }
}

#[test]
fn pictures_that_come_late_are_seekable_from_the_beginning() {
    let mut scene = Scene::new();
    scene.track(10, 0, TrackKind::Voice, "Ann");
    scene.voice(0, 100, &tone(440.0, 0.3, 1_800));
    scene.track(32_000, 1, TrackKind::Camera, "Ann");
    scene.show(32_000, Some(1));
    scene.pictures(1, 32_500, &clip(), |_, _| true);
    scene.end(37_000);
    let (_, files) = scene.compose(Options::default());
    let contents = reader::contents(&files.bytes("recording.webm"));
    let times: Vec<u64> = contents
        .video
        .iter()
        .map(|block| block.ms)
        .take(5)
        .collect();
    assert_eq!(times, [0, 10_000, 20_000, 30_000, 32_500]);
    assert!(contents.video[..5].iter().all(|block| block.key));
}

#[test]
fn a_gap_is_silence_and_a_still_and_marked() {
    let mut scene = Scene::new();
    scene.track(10, 0, TrackKind::Voice, "Ann");
    scene.track(10, 1, TrackKind::Screen, "Ann");
    scene.show(20, Some(1));
    scene.voice(0, 100, &tone(440.0, 0.3, 200));
    scene.pictures(1, 100, &clip(), |_, _| true);
    // Nothing from 4 s to 30 s; then another process with tracks of its own.
    scene.segment(2, 30_000, true);
    scene.track(30_010, 1 << 16, TrackKind::Voice, "Ann");
    scene.track(30_010, 1 << 16 | 1, TrackKind::Screen, "Ann");
    scene.show(30_020, Some(1 << 16 | 1));
    scene.voice(1 << 16, 30_100, &tone(1_000.0, 0.3, 200));
    scene.pictures(1 << 16 | 1, 30_100, &clip(), |_, _| true);
    scene.end(35_000);
    let (finished, files) = scene.compose(Options::default());
    assert_eq!((finished.gaps, finished.duration_ms), (1, 35_000));
    assert_eq!(finished.participants, ["id of Ann"]);
    let vtt = files.text("speakers.vtt");
    assert!(
        vtt.contains("00:00:04.080 --> 00:00:30.000\n[not recorded]"),
        "{vtt}"
    );
    let contents = reader::contents(&files.bytes("recording.webm"));
    assert_eq!(contents.audio.len(), 1_750, "no hole in the sound");
    let stills: Vec<u64> = contents
        .video
        .iter()
        .filter(|block| block.data.len() == 133)
        .map(|block| block.ms)
        .collect();
    assert_eq!(stills, [0, 4_080, 14_080, 24_080]);
    assert!(
        contents
            .video
            .iter()
            .any(|block| block.ms == 30_100 && block.key)
    );
}

#[test]
fn a_file_that_was_flushed_can_be_played_at_any_moment() {
    let mut scene = Scene::new();
    scene.track(10, 0, TrackKind::Voice, "Ann");
    scene.track(10, 1, TrackKind::Screen, "Ann");
    scene.show(20, Some(1));
    scene.voice(0, 100, &tone(440.0, 0.3, 300));
    scene.pictures(1, 500, &clip(), |_, _| true);
    scene.end(6_000);
    let files = Memory::default();
    let mut composer = Composer::new(files.clone(), Options::default());
    let mut flushed = 0;
    for (at, owned) in scene.sorted() {
        composer.push(owned.entry(at)).unwrap();
        if at >= flushed + 700_000 {
            flushed = at;
            composer.flush().unwrap();
            if at < 1_100_000 {
                continue; // Late packets are waited for: nothing is there yet.
            }
            let contents = reader::contents(&files.bytes("recording.webm"));
            let until = contents.audio.last().unwrap().ms;
            assert!(until + 1_100 >= at / 1_000, "{until} at {at}");
            assert!(files.text("speakers.vtt").starts_with("WEBVTT\n"));
        }
    }
    // Nobody calls `finish`: the process died.
    drop(composer);
    if !reader::without_ffmpeg() {
        let folder = tempfile::tempdir().unwrap();
        let path = reader::on_disk(folder.path(), "a.webm", &files.bytes("recording.webm"));
        assert!(reader::sound(&path, "0").len() > 4 * 48_000);
    }
}

#[test]
fn live_and_from_the_journal_the_same_bytes_come_out() {
    // Pictures from the beginning, and such that come when there is room kept for stills.
    for begins in [10, 12_000] {
        let scene = || {
            let mut scene = Scene::new();
            scene.track(10, 0, TrackKind::Voice, "Ann");
            scene.voice(0, 100, &tone(440.0, 0.3, 900));
            scene.track(begins, 1, TrackKind::Screen, "Ann");
            scene.show(begins + 10, Some(1));
            scene.pictures(1, begins + 490, &clip(), |frame, _| frame != 7);
            scene.end(begins + 6_000);
            scene
        };
        let (finished, once) = scene().compose(Options::default());
        let live = Memory::default();
        let mut composer = Composer::new(live.clone(), Options::default());
        for (number, (at, owned)) in scene().sorted().into_iter().enumerate() {
            composer.push(owned.entry(at)).unwrap();
            if number % 17 == 0 {
                composer.flush().unwrap();
            }
        }
        assert_eq!(composer.finish().unwrap(), finished);
        for name in ["recording.webm", "speakers.vtt"] {
            assert!(once.bytes(name) == live.bytes(name), "{name}, {begins}");
        }
    }
}

#[test]
fn parts_stay_below_the_limit_and_play_by_themselves() {
    let limit = 256 * 1024;
    let mut scene = Scene::new();
    scene.track(10, 0, TrackKind::Voice, "Ann");
    scene.track(10, 1, TrackKind::Screen, "Ann");
    scene.show(20, Some(1));
    scene.voice(0, 100, &tone(440.0, 0.3, 4_000));
    let frames: Vec<_> = (0..20).flat_map(|_| clip()).collect();
    scene.pictures(1, 100, &frames, |_, _| true);
    scene.end(80_100);
    let (finished, files) = scene.compose(Options { bytes_max: limit });
    let (captions, parts) = finished.files.split_last().unwrap();
    assert_eq!(captions.name, "speakers.vtt");
    assert!(parts.len() > 3, "{}", parts.len());
    let folder = tempfile::tempdir().unwrap();
    let mut until = 0_u64;
    let mut pictures = 0;
    for (number, part) in parts.iter().enumerate() {
        let bytes = files.bytes(&part.name);
        assert!(
            (bytes.len() as u64) < limit,
            "{}: {}",
            part.name,
            bytes.len()
        );
        assert!(
            part.starts_at_ms.abs_diff(until) <= 20,
            "{part:?} after {until}"
        );
        until = part.starts_at_ms + part.duration_ms;
        let contents = reader::contents(&bytes);
        assert!(
            contents.video[0].key && contents.video[0].ms == 0,
            "{}",
            part.name
        );
        if number > 0 {
            assert_ne!(contents.video[0].data.len(), 133, "cut at a key frame");
        }
        pictures += contents.video.len();
        if !reader::without_ffmpeg() {
            let path = reader::on_disk(folder.path(), &part.name, &bytes);
            let duration: f64 = reader::probe(&path, "", "format=duration").parse().unwrap();
            assert!(
                (duration * 1e3 - part.duration_ms as f64).abs() < 30.0,
                "{duration}"
            );
            reader::run("ffmpeg", &["-i", path.to_str().unwrap(), "-f", "null", "-"]);
        }
    }
    assert!(until.abs_diff(80_100) <= 20, "{until}");
    assert!(
        pictures >= 800 && finished.lost.video_frames == 0,
        "{:?}",
        finished.lost
    );
}

#[test]
fn a_part_without_a_key_frame_is_cut_anyway() {
    let limit = 256 * 1024;
    let mut frames = clip();
    let first = frames.remove(0);
    let rest: Vec<_> = (0..15).flat_map(|_| frames[..9].to_vec()).collect();
    let mut scene = Scene::new();
    scene.track(10, 0, TrackKind::Voice, "Ann");
    scene.track(10, 1, TrackKind::Screen, "Ann");
    scene.show(20, Some(1));
    scene.voice(0, 100, &tone(440.0, 0.3, 2_000));
    // One key frame for 40 s.
    let all: Vec<_> = std::iter::once(first)
        .chain(rest.iter().cycle().take(399).cloned())
        .collect();
    scene.pictures(1, 100, &all, |_, _| true);
    scene.end(40_000);
    let (finished, files) = scene.compose(Options { bytes_max: limit });
    assert!(finished.files.len() >= 3);
    assert!(finished.lost.video_frames > 0);
    for part in finished
        .files
        .iter()
        .filter(|part| part.name.ends_with("webm"))
    {
        let bytes = files.bytes(&part.name);
        assert!(
            (bytes.len() as u64) < limit,
            "{}: {}",
            part.name,
            bytes.len()
        );
        assert!(reader::contents(&bytes).video[0].key);
    }
}

#[test]
fn a_lost_picture_is_left_out_with_those_built_on_it() {
    let mut scene = Scene::new();
    scene.track(10, 1, TrackKind::Screen, "Ann");
    scene.show(20, Some(1));
    scene.pictures(1, 100, &clip(), |frame, part| frame != 13 || part != 0);
    scene.end(5_000);
    let (finished, files) = scene.compose(Options::default());
    let contents = reader::contents(&files.bytes("recording.webm"));
    let times: Vec<u64> = contents.video.iter().map(|block| block.ms).collect();
    let expected: Vec<u64> = (0..40)
        .filter(|n| !(13..20).contains(n))
        .map(|n| n * 100 + 100)
        .collect();
    assert_eq!(times[1..], expected, "after the still at 0");
    assert!(finished.lost.video_frames >= 6);
}

#[test]
fn nothing_at_all_is_a_recording_too() {
    let (finished, files) = Scene::new().compose(Options::default());
    assert_eq!(finished.duration_ms, 0);
    assert_eq!(files.text("speakers.vtt"), "WEBVTT\n\n");
    assert_eq!(finished.files.len(), 1);
}

#[test]
fn a_larger_picture_later_makes_the_header_larger() {
    let key = |width: u16, height: u16| {
        let mut frame = vec![0x10, 0, 0, 0x9d, 0x01, 0x2a];
        frame.extend(width.to_le_bytes());
        frame.extend(height.to_le_bytes());
        frame.extend([0; 50]);
        frame
    };
    let mut scene = Scene::new();
    scene.track(10, 1, TrackKind::Screen, "Ann");
    scene.show(20, Some(1));
    let sizes = [(640, 360), (1_280, 300), (320, 720)];
    let frames: Vec<_> = sizes.iter().map(|&(w, h)| key(w, h)).collect();
    scene.pictures(1, 100, &frames, |_, _| true);
    scene.end(2_000);
    let (_, files) = scene.compose(Options::default());
    let contents = reader::contents(&files.bytes("recording.webm"));
    assert_eq!(contents.size, Some((1_280, 720)));
    assert_eq!(contents.video.len(), 4);
}

#[test]
fn a_segment_that_goes_on_may_say_again_what_there_is() {
    let packets = tone(440.0, 0.3, 200);
    let mut scene = Scene::new();
    scene.track(10, 0, TrackKind::Voice, "Ann");
    scene.track(10, 1, TrackKind::Screen, "Ann");
    scene.show(20, Some(1));
    scene.voice(0, 100, &packets);
    scene.pictures(1, 100, &clip(), |_, _| true);
    scene.segment(2, 2_005, false);
    scene.track(2_005, 0, TrackKind::Voice, "Ann");
    scene.track(2_005, 1, TrackKind::Screen, "Ann");
    scene.show(2_005, Some(1));
    scene.end(4_100);
    let (finished, files) = scene.compose(Options::default());
    assert_eq!(finished.lost, parley_compose::Lost::default());
    assert_eq!(finished.gaps, 0);
    let contents = reader::contents(&files.bytes("recording.webm"));
    assert_eq!(contents.video.len(), 41);
}

#[test]
fn a_late_key_frame_after_a_loss_is_shown_when_it_was_captured() {
    let mut scene = Scene::new();
    scene.track(10, 0, TrackKind::Voice, "Bob");
    scene.voice(0, 20, &tone(440.0, 0.3, 240));
    scene.track(10, 1, TrackKind::Screen, "Ann");
    scene.show(20, Some(1));
    let late = |frame| if frame == 20 { 90 } else { 0 };
    scene.late_pictures(1, 100, &clip(), |frame, _| frame != 19, late);
    scene.end(5_000);
    let (_, files) = scene.compose(Options::default());
    let contents = reader::contents(&files.bytes("recording.webm"));
    let key = clip().swap_remove(20);
    let shown = contents.video.iter().find(|block| block.data == key);
    assert_eq!(shown.map(|block| block.ms), Some(2_100));
}
