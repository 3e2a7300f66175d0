//! Asking for memory before it is needed. A voice goes to one listener after another, whose state lies in as
//! many places: each would be waited for in turn, while the processor can fetch several at once.
//!
//! Unsafe code: the instruction takes a pointer. It reads nothing that the program could see and cannot
//! fault, whatever the address.
#![allow(unsafe_code, reason = "a hint to the processor, see above")]

/// Bytes that come at once.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

/// Asks for all of `value`. Does nothing where the processor has no such instruction that we know.
#[inline]
pub(crate) fn prefetch<T: ?Sized>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let begin = std::ptr::from_ref(value).cast::<i8>();
        // Lines, however they lie under the value.
        let lead = begin.addr() % LINE;
        for at in (0..lead + size_of_val(value)).step_by(LINE) {
            // SAFETY: a hint, for which any address will do; it is within the value or in its first line.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(begin.wrapping_add(at).wrapping_sub(lead)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}
