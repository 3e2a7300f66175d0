//! What others find in the files.

mod support;

use parley_compose::Options;
use parley_media::recording::TrackKind;
use support::reader;
use support::scene::{Scene, clip, tone};

/// Two people, each with a tone, and a shared screen from 1 s to 5 s.
fn two_tones_and_a_screen() -> Scene {
    let mut scene = Scene::new();
    scene.track(10, 0, TrackKind::Voice, "Ann");
    scene.track(20, 1, TrackKind::Voice, "Bob");
    scene.voice(0, 100, &tone(440.0, 0.3, 250));
    scene.voice(1, 2_000, &tone(1_000.0, 0.3, 250));
    scene.track(990, 2, TrackKind::Screen, "Ann");
    scene.show(995, Some(2));
    scene.pictures(2, 1_000, &clip(), |_, _| true);
    scene.show(5_000, None);
    scene.end(8_000);
    scene
}

#[test]
fn both_voices_and_the_screen_are_in_the_file() {
    let (finished, files) = two_tones_and_a_screen().compose(Options::default());
    assert_eq!(finished.lost, parley_compose::Lost::default());
    assert_eq!(finished.participants, ["id of Ann", "id of Bob"]);
    assert_eq!(finished.duration_ms, 8_000);
    assert_eq!(finished.files[0].content_type, "video/webm");
    let contents = reader::contents(&files.bytes("recording.webm"));
    assert_eq!(contents.duration_ms, Some(8_000.0));
    assert_eq!(contents.audio.len(), 400);
    // The still at 0, the clip, the still at its end.
    assert_eq!(contents.video.len(), 42);
    assert_eq!(contents.size, Some((320, 240)));
    assert_eq!((contents.video[0].ms, contents.video[41].ms), (0, 5_000));
    for (number, (block, frame)) in contents.video[1..41].iter().zip(clip()).enumerate() {
        assert_eq!(block.data, frame);
        assert_eq!(block.ms, 1_000 + number as u64 * 100);
        assert_eq!(block.key, number % 10 == 0);
    }
    assert_eq!(
        files.text("speakers.vtt"),
        "WEBVTT\n\n00:00:00.100 --> 00:00:05.120\n<v Ann>Ann\n\n\
         00:00:02.000 --> 00:00:07.020\n<v Bob>Bob\n\n"
    );
}

#[test]
fn ffmpeg_hears_and_sees_it_and_seeks() {
    if reader::without_ffmpeg() {
        return;
    }
    let (_, files) = two_tones_and_a_screen().compose(Options::default());
    let folder = tempfile::tempdir().unwrap();
    let path = reader::on_disk(folder.path(), "a.webm", &files.bytes("recording.webm"));
    let duration: f64 = reader::probe(&path, "", "format=duration").parse().unwrap();
    assert!((duration - 8.0).abs() < 0.05, "{duration}");
    assert_eq!(
        reader::probe(&path, "v", "stream=codec_name,width,height"),
        "vp8,320,240"
    );
    assert_eq!(
        reader::probe(&path, "a", "stream=codec_name,channels"),
        "opus,2"
    );
    let counted = ["-count_frames", "-select_streams", "v", "-of", "csv=p=0"];
    let shown = [
        "-show_entries",
        "stream=nb_read_frames",
        path.to_str().unwrap(),
    ];
    let frames = reader::run("ffprobe", &[&counted[..], &shown[..]].concat());
    assert_eq!(String::from_utf8(frames).unwrap().trim(), "42");

    let sound = reader::sound(&path, "0");
    let second = |from: f64| &sound[(from * 48_000.0) as usize..((from + 1.0) * 48_000.0) as usize];
    for (from, ann, bob) in [(0.5, true, false), (3.0, true, true), (5.5, false, true)] {
        assert_eq!(
            reader::amplitude(second(from), 440.0) > 0.2,
            ann,
            "440 Hz at {from}"
        );
        assert_eq!(
            reader::amplitude(second(from), 1_000.0) > 0.2,
            bob,
            "1 kHz at {from}"
        );
    }
    // Captured at 100 ms, and the sender's encoder is 6.5 ms late.
    let first = sound.iter().position(|x| x.abs() > 0.05).unwrap();
    assert!((5_000..5_250).contains(&first), "{first}");

    let later = reader::sound(&path, "5.5");
    assert!(
        (later.len() as f64 / 48_000.0 - 2.5).abs() < 0.1,
        "{}",
        later.len()
    );
    assert!(reader::amplitude(&later[..48_000], 1_000.0) > 0.2);
    assert!(reader::amplitude(&later[..48_000], 440.0) < 0.02);
}
