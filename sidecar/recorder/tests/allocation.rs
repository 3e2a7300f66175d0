//! The tap allocates nothing for a packet, taken or refused.
// A counting allocator cannot be written without unsafe code; it only counts and passes on.
#![allow(unsafe_code)]
#![allow(clippy::expect_used)] // A test without its recorder has nothing to say.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use parley_media::recording::{At, Entry, Media, TrackId, TrackKind};
use parley_recorder::vfs::MemoryVfs;
use parley_recorder::{ManualClock, PrepareRequest, Pushed, Recorder, RecorderConfig};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: passes every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn no_allocation_per_packet() {
    let config = RecorderConfig {
        exclusive: false,
        ..RecorderConfig::new("/rec".into())
    };
    let clock = ManualClock::at(1_000_000);
    let started = Recorder::start(config, Arc::new(MemoryVfs::default()), Arc::new(clock));
    let (recorder, mut tap, _reports) = started.expect("a recorder");
    let prepared = recorder.prepare(PrepareRequest {
        recording_id: "r".to_owned(),
        ..PrepareRequest::default()
    });
    let key = prepared.expect("a recording").key;
    let tracks = [TrackKind::Voice, TrackKind::Screen].map(|kind| {
        let track = TrackId::new(1, u16::from(kind == TrackKind::Screen));
        let session = "s";
        assert_eq!(
            tap.push(
                key,
                &Entry::Track {
                    track,
                    kind,
                    session
                }
            ),
            Pushed::Away
        );
        track
    });
    let before = ALLOCATIONS.with(Cell::get);
    let mut dropped = 0;
    for at in 0..20_000 {
        let pushed = tap.push(
            key,
            &Entry::Media(Media {
                track: tracks[usize::from(at % 3 > 0)],
                at: At(at * 100),
                sequence: at,
                rtp: 0,
                marker: true,
                level: Some(-20),
                payload: &[5; 1200],
            }),
        );
        dropped += u32::from(pushed == Pushed::Dropped);
    }
    let allocations = ALLOCATIONS.with(Cell::get) - before;
    assert!(dropped > 0, "the ring was never full");
    assert_eq!(allocations, 0);
    recorder.close();
}
