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
#[allow(clippy::unwrap_used)]
mod tests {
    use std::hint::black_box;

    /// Page faults of this thread (proc_pid_stat(5), the tenth field; the second may have blanks in it).
    fn faults() -> u64 {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').nth(7).unwrap().parse().unwrap()
    }

    #[test]
    fn what_was_freed_is_taken_again_without_the_system() {
        assert!(super::keep_freed_memory());
        let before = faults();
        for _ in 0..50 {
            let half_a_mebibyte: Vec<Vec<u8>> = (0..8).map(|_| vec![1; 64 * 1024]).collect();
            drop(black_box(half_a_mebibyte));
        }
        // Each page once, and not fifty times.
        let taken = faults() - before;
        assert!(taken < 1_000, "{taken}");
    }
}
