//! What others read in the files: a demuxer that is not ours, and FFmpeg.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use matroska_demuxer::{Frame, MatroskaFile, TrackType};

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) ms: u64,
    pub(crate) key: bool,
    pub(crate) data: Vec<u8>,
}

/// A file's contents.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) duration_ms: Option<f64>,
    pub(crate) size: Option<(u64, u64)>,
    pub(crate) audio: Vec<Block>,
    pub(crate) video: Vec<Block>,
}

/// Reads all of a file.
pub(crate) fn contents(bytes: &[u8]) -> Contents {
    let mut file = MatroskaFile::open(Cursor::new(bytes)).expect("a valid file");
    let number = |kind| {
        file.tracks()
            .iter()
            .find(|track| track.track_type() == kind)
            .map(|track| track.track_number().get())
    };
    let (audio, video) = (number(TrackType::Audio), number(TrackType::Video));
    let size = file
        .tracks()
        .iter()
        .find_map(|track| track.video())
        .map(|video| (video.pixel_width().get(), video.pixel_height().get()));
    let mut contents = Contents {
        duration_ms: file.info().duration(),
        size,
        audio: Vec::new(),
        video: Vec::new(),
    };
    let mut frame = Frame::default();
    while file.next_frame(&mut frame).expect("valid to its end") {
        let block = Block {
            ms: frame.timestamp,
            key: frame.is_keyframe.unwrap_or(false),
            data: frame.data.clone(),
        };
        if Some(frame.track) == audio {
            contents.audio.push(block);
        } else {
            assert_eq!(Some(frame.track), video, "a block of no track");
            contents.video.push(block);
        }
    }
    for blocks in [&contents.audio, &contents.video] {
        for pair in blocks.windows(2) {
            assert!(pair[0].ms < pair[1].ms, "time goes on");
        }
    }
    contents
}

/// FFmpeg's tools may be left out where they cannot be installed.
pub(crate) fn without_ffmpeg() -> bool {
    let without = std::env::var_os("PARLEY_WITHOUT_FFMPEG").is_some();
    if without {
        eprintln!("incomplete: FFmpeg has not read the files");
    }
    without
}

/// A file that FFmpeg can read.
pub(crate) fn on_disk(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Runs a tool of FFmpeg; what it complains about is a failure.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(tool)
        .args(["-v", "warning"])
        .args(arguments)
        .output()
        .unwrap_or_else(|e| panic!("{tool}: {e} (Debian: apt-get install ffmpeg)"));
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && complaints.is_empty(),
        "{tool} {arguments:?}: {complaints}"
    );
    output.stdout
}

/// One value of ffprobe's.
pub(crate) fn probe(path: &Path, stream: &str, entry: &str) -> String {
    let mut arguments = vec!["-of", "csv=p=0", "-show_entries", entry];
    if !stream.is_empty() {
        arguments.extend(["-select_streams", stream]);
    }
    arguments.push(path.to_str().unwrap());
    String::from_utf8(run("ffprobe", &arguments))
        .unwrap()
        .trim()
        .to_owned()
}

/// The sound as FFmpeg decodes it, mono at 48 kHz, from `from_s` on.
pub(crate) fn sound(path: &Path, from_s: &str) -> Vec<f32> {
    let path = path.to_str().unwrap();
    let mut arguments = Vec::new();
    // Seeking to 0 leaves out the first packet, as its time is before 0 (its delay).
    if from_s != "0" {
        arguments.extend(["-ss", from_s]);
    }
    arguments.extend([
        "-i", path, "-vn", "-ac", "1", "-ar", "48000", "-f", "f32le", "-",
    ]);
    let bytes = run("ffmpeg", &arguments);
    bytes
        .chunks_exact(4)
        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
        .collect()
}

/// Amplitude of a tone (Goertzel).
pub(crate) fn amplitude(pcm: &[f32], hz: f32) -> f32 {
    let step = f64::from(hz) * std::f64::consts::TAU / 48_000.0;
    let (mut re, mut im) = (0.0, 0.0);
    for (i, &x) in pcm.iter().enumerate() {
        re += f64::from(x) * (step * i as f64).cos();
        im += f64::from(x) * (step * i as f64).sin();
    }
    (2.0 * (re * re + im * im).sqrt() / pcm.len() as f64) as f32
}
