//! Decoding a value allocates in proportion to the bytes received, whatever these claim.
// A counting allocator cannot be written without unsafe code; it only counts and passes on.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use parley_goplugin::gob::Decoder;

/// Bytes allocated for each byte received: an element of one byte becomes a value of 32, in lists that grow
/// by doubling, which counts each element up to three times.
const RATIO_MAX: usize = 128;
/// For the types, which are small and few.
const FIXED_MAX: usize = 4096;

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

#[test]
fn memory_follows_the_bytes_not_the_claims() {
    let slice_of_bool = [0x7f, 2, 1, 2, 0xff, 0x80, 0, 1, 2, 0, 0];
    let empty_structs = [0x7f, 3, 1, 2, 0xff, 0x80, 0, 0, 0];
    let slice_of_those = [0xff, 0x81, 2, 1, 2, 0xff, 0x82, 0, 1, 0xff, 0x80, 0, 0];
    for (definitions, start, element) in [
        (&[&slice_of_bool[..]][..], [0xff, 0x80, 0], 1),
        (&[&empty_structs, &slice_of_those], [0xff, 0x82, 0], 0),
    ] {
        for elements in [0, 3, 1_000, 100_000] {
            let mut value = start.to_vec();
            // 2^62 elements, of which these come.
            value.extend([0xf8, 0x40, 0, 0, 0, 0, 0, 0, 0]);
            value.resize(value.len() + elements, element);
            let received = definitions.iter().map(|d| d.len()).sum::<usize>() + value.len();
            let before = ALLOCATED.with(Cell::get);
            let mut decoder = Decoder::default();
            for definition in definitions {
                assert_eq!(decoder.push(definition.to_vec()), Ok(None));
            }
            assert!(decoder.push(value).is_err());
            let used = ALLOCATED.with(Cell::get) - before;
            let allowed = FIXED_MAX + RATIO_MAX * received;
            assert!(used <= allowed, "{elements} elements: {used} > {allowed}");
        }
    }
}
