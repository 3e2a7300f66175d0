//! What must hold for any bytes: the bodies of the fuzz targets, shared with the replay of their
//! corpora. Panics are findings.

use std::cell::RefCell;
use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::rc::Rc;

use matroska_demuxer::{Frame, MatroskaFile};
use parley_compose::{Composer, Finished, Options, Parts};
use parley_media::recording::{At, EndReason, Entry, Media, TrackId, TrackKind};

/// Takes numbers and bytes off the input; zeros when it is used up.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn number<const BYTES: usize>(&mut self) -> u64 {
        (0..BYTES).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

type Contents = Rc<RefCell<Vec<u8>>>;

/// All files, by the order of their making.
#[derive(Clone, Default)]
struct Files(Rc<RefCell<Vec<(String, Contents)>>>);

struct File {
    contents: Contents,
    at: usize,
}

impl Parts for Files {
    type File = File;

    fn create(&mut self, name: &str) -> io::Result<File> {
        let contents = Contents::default();
        self.0
            .borrow_mut()
            .push((name.to_owned(), contents.clone()));
        Ok(File { contents, at: 0 })
    }
}

impl Write for File {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut contents = self.contents.borrow_mut();
        let end = self.at + data.len();
        if contents.len() < end {
            contents.resize(end, 0);
        }
        contents[self.at..end].copy_from_slice(data);
        self.at = end;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        self.at = at as usize;
        Ok(at)
    }
}

/// Somebody else reads the file to its end; times of a track go up.
#[allow(clippy::expect_used)] // A file that cannot be read is the finding.
fn read(bytes: &[u8]) {
    let mut file = MatroskaFile::open(Cursor::new(bytes)).expect("a file");
    let mut last = [None; 3];
    let mut frame = Frame::default();
    while file.next_frame(&mut frame).expect("a file up to its end") {
        let last = &mut last[frame.track as usize];
        assert!(last.is_none_or(|last| last < frame.timestamp));
        *last = Some(frame.timestamp);
    }
}

fn read_all(files: &Files, finished: &Finished, bytes_max: u64) {
    for part in &finished.files {
        let files = files.0.borrow();
        let contents = files.iter().find(|(name, _)| *name == part.name);
        let (_, contents) = contents.expect("made");
        let contents = contents.borrow();
        if part.content_type == "text/vtt" {
            let text = std::str::from_utf8(&contents).expect("text");
            assert!(text.starts_with("WEBVTT\n"));
        } else {
            read(&contents);
            assert!(bytes_max == 0 || contents.len() as u64 <= bytes_max.max(256 * 1024));
        }
    }
}

/// One track of each kind, shown.
#[allow(clippy::expect_used)] // Memory is always written.
fn begin(composer: &mut Composer<Files>, kind: TrackKind) {
    let at = At(0);
    let track = TrackId(0);
    let session = "s";
    for entry in [
        Entry::Session {
            session,
            participant: "p",
            name: "n",
        },
        Entry::Track {
            track,
            kind,
            session,
        },
        Entry::Show {
            track: Some(track),
            at,
        },
    ] {
        composer.push(entry).expect("written");
    }
}

/// Payloads as one track's packets, in and out of order.
#[allow(clippy::expect_used)] // Memory is always written.
fn payloads(data: &[u8], kind: TrackKind, step: u64, ticks: u32) {
    let files = Files::default();
    let mut composer = Composer::new(files.clone(), Options::default());
    begin(&mut composer, kind);
    let mut input = Input(data);
    let mut number = 0_u64;
    while !input.is_empty() && number < 2_000 {
        let flags = input.byte();
        // Mostly the next packet; sometimes one is lost, late, twice.
        number += u64::from(flags & 7 == 7) + 1;
        let sequence = number.saturating_sub(if flags & 0x18 == 0x18 {
            u64::from(flags >> 5)
        } else {
            0
        });
        let media = Media {
            track: TrackId(0),
            at: At(number * step),
            sequence,
            rtp: (sequence as u32).wrapping_mul(ticks),
            marker: flags & 0x20 != 0,
            level: None,
            payload: input.bytes(),
        };
        composer.push(Entry::Media(media)).expect("written");
    }
    let finished = composer.finish().expect("written");
    read_all(&files, &finished, 0);
}

/// Bogus Opus is skipped (P9).
pub(crate) fn opus_decode(data: &[u8]) {
    let kind = match data.first() {
        Some(first) if first & 1 == 1 => TrackKind::ScreenAudio,
        _ => TrackKind::Voice,
    };
    payloads(data, kind, 20_000, 960);
}

/// Bogus VP8 is skipped (P9).
pub(crate) fn depack(data: &[u8]) {
    payloads(data, TrackKind::Screen, 10_000, 900);
}

/// Whatever is in the journal, the files can be read.
#[allow(clippy::expect_used)] // Memory is always written.
pub(crate) fn webm(data: &[u8]) {
    let files = Files::default();
    let mut input = Input(data);
    let bytes_max = match input.byte() {
        first if first & 1 == 1 => 1,
        _ => 0,
    };
    let mut composer = Composer::new(files.clone(), Options { bytes_max });
    let mut now = 0;
    let mut sequences = [0_u64; 8];
    let mut entries = 0;
    let mut looks = 0;
    while !input.is_empty() && entries < 2_000 {
        entries += 1;
        let kind = input.byte();
        // Half a minute at most: the time that this takes is no finding.
        now = (now
            + match kind >> 6 {
                0 => 0,
                1 => input.number::<1>() * 1_000,
                2 => 20_000,
                _ => input.number::<2>() * 100,
            })
        .min(30_000_000);
        let at = At(now);
        let which = input.byte();
        let track = TrackId(u32::from(which & 7));
        let entry = match kind & 0x0f {
            0 => Entry::Segment {
                number: 1,
                at,
                wall_ms: 0,
                after_gap: which & 0x80 != 0,
            },
            1 => {
                let text = input.bytes();
                let name = std::str::from_utf8(text).unwrap_or("?");
                Entry::Session {
                    session: ["a", "b"][usize::from(which & 1)],
                    participant: name,
                    name,
                }
            }
            2 => Entry::Track {
                track,
                kind: match which >> 6 {
                    0 => TrackKind::Voice,
                    1 => TrackKind::ScreenAudio,
                    2 => TrackKind::Screen,
                    _ => TrackKind::Camera,
                },
                session: ["a", "b"][usize::from(which >> 5 & 1)],
            },
            3 => Entry::TrackEnd { track, at },
            4 => Entry::SenderReport {
                track,
                at,
                ntp: input.number::<8>(),
                rtp: input.number::<4>() as u32,
            },
            5 => Entry::Show {
                track: (which < 0xf0).then_some(track),
                at,
            },
            6 => Entry::Dropped {
                at,
                audio: 1,
                video: 1,
            },
            7 => Entry::End {
                at,
                reason: EndReason::Stopped,
            },
            8 => {
                composer.flush().expect("written");
                looks += 1;
                if looks > 5 {
                    continue;
                }
                for (name, contents) in files.0.borrow().iter() {
                    if name.ends_with(".webm") {
                        read(&contents.borrow());
                    }
                }
                continue;
            }
            _ => {
                let last = &mut sequences[usize::from(which & 7)];
                *last = match which >> 3 & 3 {
                    0 => input.number::<2>(),
                    _ => *last + 1,
                };
                Entry::Media(Media {
                    track,
                    at,
                    sequence: *last,
                    rtp: match which >> 5 & 3 {
                        0 => input.number::<4>() as u32,
                        _ => (now * 9 / 100) as u32,
                    },
                    marker: which & 0x80 != 0,
                    level: None,
                    payload: input.bytes(),
                })
            }
        };
        composer.push(entry).expect("written");
    }
    let finished = composer.finish().expect("written");
    read_all(&files, &finished, bytes_max);
}
