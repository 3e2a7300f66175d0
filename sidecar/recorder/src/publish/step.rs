//! What a host reports, and what it makes of the state.

use crate::store::state::{Stage, State, StoredFile, reason};

/// Longest id of an upload, file or post, bytes.
const PLATFORM_ID_BYTES_MAX: usize = 256;

/// See `ReportPublishingRequest` in `recording.proto`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An upload was begun, or begun anew.
    UploadBegun {
        /// Of the file, from 1.
        number: u32,
        /// The platform's.
        upload_id: String,
    },
    /// The platform has the whole file.
    FileUploaded {
        /// Of the file, from 1.
        number: u32,
        /// The platform's.
        file_id: String,
    },
    /// The post stands.
    Posted {
        /// The platform's.
        post_id: String,
    },
    /// The platform's copies were read back and are ours.
    Verified,
    /// A copy is missing or differs: it is uploaded again.
    FileLost {
        /// Of the file, from 1.
        number: u32,
    },
    /// It did not work; it is tried again later.
    Failed {
        /// Without names or secrets.
        reason: String,
    },
    /// It never will.
    Parked {
        /// Without names or secrets.
        reason: String,
    },
}

/// Why a step was not taken. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No step of this name can follow on the present stage.
    #[error("{step} cannot follow on {stage}{why}")]
    OutOfOrder {
        /// The step.
        step: &'static str,
        /// The recording's stage.
        stage: &'static str,
        /// More about it, or nothing.
        why: &'static str,
    },
    /// There is no such file.
    #[error("the recording has no file {0}")]
    NoSuchFile(u32),
    /// A field is empty or too long.
    #[error("{0} must have 1 to {PLATFORM_ID_BYTES_MAX} bytes")]
    BadId(&'static str),
}

impl Stage {
    /// As the contract calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Closed => "CLOSED",
            Self::Ready => "READY",
            Self::Uploading => "UPLOADING",
            Self::Posted => "POSTED",
            Self::Verified => "VERIFIED",
            Self::Parked => "PARKED",
        }
    }

    /// A host may work on it.
    #[must_use]
    pub const fn is_claimable(self) -> bool {
        matches!(self, Self::Ready | Self::Uploading | Self::Posted)
    }

    /// The platform does not have it yet for certain.
    #[must_use]
    pub const fn is_unposted(self) -> bool {
        !matches!(self, Self::InProgress | Self::Verified)
    }
}

impl Step {
    /// As the contract calls it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UploadBegun { .. } => "upload_begun",
            Self::FileUploaded { .. } => "file_uploaded",
            Self::Posted { .. } => "posted",
            Self::Verified => "verified",
            Self::FileLost { .. } => "file_lost",
            Self::Failed { .. } => "failed",
            Self::Parked { .. } => "parked",
        }
    }

    /// Takes the step. `Ok(false)`: it had been taken before, nothing changes. `now_ms` is Unix time.
    ///
    /// # Errors
    /// [`Refused`]; the state is as it was.
    pub fn take(&self, state: &mut State, now_ms: u64) -> Result<bool, Refused> {
        let refuse = |why| {
            Err(Refused::OutOfOrder {
                step: self.name(),
                stage: state.stage.name(),
                why,
            })
        };
        match (self, state.stage) {
            (Self::UploadBegun { number, upload_id }, stage) => {
                check_id("upload_id", upload_id)?;
                let known = find(state, *number)?.upload_id.as_deref() == Some(upload_id);
                match stage {
                    // Also one that comes late, after the file is there.
                    Stage::Uploading | Stage::Posted | Stage::Verified if known => Ok(false),
                    Stage::Ready | Stage::Uploading => {
                        let file = find_mut(state, *number)?;
                        file.upload_id = Some(upload_id.clone());
                        file.file_id = None;
                        state.stage = Stage::Uploading;
                        Ok(true)
                    }
                    _ => refuse(""),
                }
            }
            (Self::FileUploaded { number, file_id }, stage) => {
                check_id("file_id", file_id)?;
                let file = find(state, *number)?;
                let known = file.file_id.as_deref() == Some(file_id);
                let begun = file.upload_id.is_some();
                match stage {
                    Stage::Uploading | Stage::Posted | Stage::Verified if known => Ok(false),
                    Stage::Uploading if !begun => refuse(": this file's upload was not begun"),
                    Stage::Uploading => {
                        find_mut(state, *number)?.file_id = Some(file_id.clone());
                        Ok(true)
                    }
                    _ => refuse(""),
                }
            }
            (Self::Posted { post_id }, stage) => {
                check_id("post_id", post_id)?;
                let known = state.post_id.as_deref() == Some(post_id);
                match stage {
                    Stage::Posted | Stage::Verified if known => Ok(false),
                    Stage::Posted | Stage::Verified => refuse(": another post stands"),
                    Stage::Uploading if !state.is_uploaded() => {
                        refuse(": not every file is uploaded")
                    }
                    Stage::Uploading => {
                        state.post_id = Some(post_id.clone());
                        state.stage = Stage::Posted;
                        Ok(true)
                    }
                    _ => refuse(""),
                }
            }
            (Self::Verified, Stage::Posted) => {
                state.stage = Stage::Verified;
                state.verified_at_ms = Some(now_ms);
                state.failure.clear();
                Ok(true)
            }
            (Self::Verified, Stage::Verified) => Ok(false),
            (Self::FileLost { number }, Stage::Uploading | Stage::Posted) => {
                let file = find_mut(state, *number)?;
                let had = file.upload_id.take().is_some() | file.file_id.take().is_some();
                state.stage = Stage::Uploading;
                Ok(had)
            }
            (Self::Failed { reason: why }, stage) if stage.is_claimable() => {
                state.failures = state.failures.saturating_add(1);
                state.failure = reason(why);
                Ok(true)
            }
            (Self::Parked { reason: why }, stage) if stage.is_claimable() => {
                state.stage = Stage::Parked;
                state.failure = reason(why);
                Ok(true)
            }
            (Self::Parked { .. }, Stage::Parked) => Ok(false),
            _ => refuse(""),
        }
    }
}

/// Where a parked recording goes on: as far as what is known of it carries.
#[must_use]
pub fn recovered_stage(state: &State) -> Stage {
    if state.files.is_empty() {
        Stage::Closed
    } else if state.post_id.is_some() && state.is_uploaded() {
        Stage::Posted
    } else if state.files.iter().any(|file| file.upload_id.is_some()) || state.post_id.is_some() {
        Stage::Uploading
    } else {
        Stage::Ready
    }
}

fn check_id(field: &'static str, id: &str) -> Result<(), Refused> {
    let fine = (1..=PLATFORM_ID_BYTES_MAX).contains(&id.len());
    fine.then_some(()).ok_or(Refused::BadId(field))
}

fn find(state: &State, number: u32) -> Result<&StoredFile, Refused> {
    state.file(number).ok_or(Refused::NoSuchFile(number))
}

fn find_mut(state: &mut State, number: u32) -> Result<&mut StoredFile, Refused> {
    usize::try_from(number)
        .ok()
        .and_then(|number| state.files.get_mut(number.checked_sub(1)?))
        .ok_or(Refused::NoSuchFile(number))
}

#[cfg(test)]
mod tests;
