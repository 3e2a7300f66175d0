//! Decoding a client's message allocates at most four times its size.
// A counting allocator cannot be written without unsafe code; it only counts and passes on.
#![allow(unsafe_code)]

use parley_media::channel::{CameraView, ClientMessage, View};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: passes every call on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.with(|sum| sum.set(sum.get() + layout.size()));
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

fn allocated(data: &[u8]) -> usize {
    let before = ALLOCATED.with(Cell::get);
    let _ = std::hint::black_box(ClientMessage::decode(true, data));
    ALLOCATED.with(Cell::get) - before
}

#[test]
fn at_most_four_times_the_input() {
    let view = |cameras: u16| {
        let cameras = (0..cameras)
            .map(|n| CameraView {
                session: n.to_string(),
                height: n,
            })
            .collect();
        let message = ClientMessage::View(View {
            screen: true,
            cameras,
        });
        message.encode().1
    };
    let mut inputs: Vec<Vec<u8>> = (0..9).map(view).collect();
    inputs.push(ClientMessage::Sdp(&[7; 5_000]).encode().1);
    for length in [b"\xdd\xff\xff\xff\xff".as_slice(), b"\x99", b"\xdc\x00\x09"] {
        inputs.push([b"\x41\x81\xa7cameras".as_slice(), length].concat());
        inputs.push([b"\x41\x81\xa7cameras".as_slice(), length, &[0x80; 20]].concat());
    }
    for input in inputs {
        for end in 0..=input.len() {
            let bytes = allocated(&input[..end]);
            assert!(bytes <= end * 4, "{bytes} bytes for {end} of {input:02x?}");
        }
    }
}
