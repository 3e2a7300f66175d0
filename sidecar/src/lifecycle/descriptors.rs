//! Inherited descriptors: taking the named ones, closing all others.
//!
//! Unsafe code: a descriptor that comes by number has no owner in this process. [`take`] and
//! [`close_others`] run once, first thing in `main`, before anything else could own one.
#![allow(unsafe_code, reason = "descriptor passing, see above")]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd, RawFd};

use parley_proto::launch::TOKEN_LENGTH_MAX;

/// Standard input, output and error stay until they are replaced.
const STANDARD: std::ops::RangeInclusive<RawFd> = 0..=2;

/// The descriptors that argv named.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    token: Option<End>,
    ready: Option<End>,
}

#[derive(Debug)]
enum End {
    Standard(RawFd),
    Owned(File),
}

/// Takes the named descriptors, which must be open, and with `close_all_others` closes what else was
/// inherited above standard error: a pipe of the host kept open here would keep its reader waiting.
pub(super) fn take(
    token: Option<RawFd>,
    ready: Option<RawFd>,
    close_all_others: bool,
) -> io::Result<Inherited> {
    if close_all_others {
        close_others(&[token, ready])?;
    }
    Ok(Inherited {
        token: token.map(end).transpose()?,
        ready: ready.map(end).transpose()?,
    })
}

fn end(fd: RawFd) -> io::Result<End> {
    if STANDARD.contains(&fd) {
        return Ok(End::Standard(fd));
    }
    // Opening the entry would fail for sockets; looking at it is enough to know that it is open.
    if fd < 0 || std::fs::symlink_metadata(format!("/proc/self/fd/{fd}")).is_err() {
        return Err(io::Error::other(format!("descriptor {fd} is not open")));
    }
    // SAFETY: open, as just seen, and named to us by the parent; nothing in this process owns it yet.
    let owned = unsafe { OwnedFd::from_raw_fd(fd) };
    rustix::io::fcntl_setfd(&owned, rustix::io::FdFlags::CLOEXEC)?;
    Ok(End::Owned(File::from(owned)))
}

fn close_others(kept: &[Option<RawFd>]) -> io::Result<()> {
    let open: Vec<RawFd> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for fd in open {
        if !STANDARD.contains(&fd) && !kept.contains(&Some(fd)) {
            // SAFETY: called first in `main`: what is open now was inherited and has no owner here, but for
            // the descriptor of the listing above, which is closed already (an error, ignored).
            let _ = unsafe { rustix::io::try_close(fd) };
        }
    }
    Ok(())
}

impl Inherited {
    /// Reads the token to its end, and lets go of the descriptor. `None`: argv named none.
    pub(super) fn read_token(&mut self) -> io::Result<Option<String>> {
        let mut text = String::new();
        let most = TOKEN_LENGTH_MAX as u64 + 2;
        match self.token.take() {
            None => return Ok(None),
            Some(End::Standard(0)) => io::stdin().lock().take(most).read_to_string(&mut text)?,
            Some(End::Standard(fd)) => {
                return Err(io::Error::other(format!(
                    "cannot read from descriptor {fd}"
                )));
            }
            Some(End::Owned(file)) => file.take(most).read_to_string(&mut text)?,
        };
        Ok(Some(text.trim_end().to_owned()))
    }

    /// Writes the ready line, and lets go of the descriptor (a standard one is replaced by the caller).
    pub(super) fn write_ready(&mut self, line: &str) -> io::Result<()> {
        let line = format!("{line}\n");
        match self.ready.take() {
            None => Ok(()),
            Some(End::Standard(2)) => io::stderr().write_all(line.as_bytes()),
            Some(End::Standard(_)) => {
                io::stdout().write_all(line.as_bytes())?;
                io::stdout().flush()
            }
            Some(End::Owned(mut file)) => file.write_all(line.as_bytes()),
        }
    }
}
