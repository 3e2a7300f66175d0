//! How the C library's allocator treats memory that was freed.
//!
//! It gives what is free at the end of a thread's heap back to the system as soon as that is 128 KiB, and
//! asks for it again with the next allocation. The media stack makes its reports in memory that it frees at
//! once, so a shard with 50 sessions of ten voices had 2,600 page faults a second, a twentieth of its time.
//!
//! Unsafe code: the setting is a call into the C library, made before there are other threads.
#![allow(unsafe_code, reason = "a setting of the C library, see above")]

/// Kept free at the end of each thread's heap, bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES_MAX: libc::c_int = 1024 * 1024;

/// Lets each heap keep a little. False: this system's allocator has no such setting.
pub(super) fn keep_freed_memory() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: both are plain numbers, and the library takes its own lock.
        unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES_MAX) == 1 }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    #[test]
    fn the_library_takes_the_setting() {
        assert!(super::keep_freed_memory());
    }
}
