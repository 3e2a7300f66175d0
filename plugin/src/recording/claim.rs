//! Who makes the post of a recording, and what has been posted of it: one key of the store for each.

use serde::{Deserialize, Serialize};

use super::posting::{Failure, Result};
use crate::Guest;
use crate::ids::PostId;
use crate::media::MadeRecording;

/// Before the recording's id.
const PREFIX: &str = "rec_";
/// Who has not come to an end after this time died: a request of the guest lasts 15 s at most.
const CLAIM_MS: i64 = 20_000;
/// How long it is known that a recording was posted: the media server asks while it has its own copy, for
/// days.
const KNOWN_S: u32 = 90 * 86_400;

/// What the store knows of a recording's posts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Claim {
    /// Unix ms when somebody began; 0 = nobody is at it.
    pub(super) at: i64,
    /// Posts that were made, in order.
    pub(super) posts: Vec<PostId>,
    /// The platform's files in them.
    files: Vec<String>,
    /// Nothing is left to do for these files.
    pub(super) done: bool,
    /// Somebody was told that it cannot be posted.
    pub(super) told: bool,
}

impl Claim {
    /// Notes a post with its files; what is known already stays.
    pub(super) fn add(&mut self, post: PostId, files: impl IntoIterator<Item = String>) {
        if !self.posts.contains(&post) {
            self.posts.push(post);
        }
        for file in files {
            if !self.has(&file) {
                self.files.push(file);
            }
        }
    }

    /// Whether this file has been posted.
    pub(super) fn has(&self, file: &str) -> bool {
        self.files.iter().any(|known| known == file)
    }

    /// The first post, if all of the recording has been posted.
    pub(super) fn post_of(&self, made: &MadeRecording) -> Option<&PostId> {
        let all = made.files.iter().all(|file| self.has(&file.file_id));
        self.posts.first().filter(|_| self.done && all)
    }
}

/// A claim with the bytes that a compare-and-set compares.
pub(super) struct Held {
    key: String,
    raw: Option<Vec<u8>>,
    pub(super) claim: Claim,
}

impl Guest<'_> {
    /// Who posts this recording: we, unless it is posted (see [`Claim::post_of`]) or somebody else is at it.
    pub(super) fn claim(&self, made: &MadeRecording) -> Result<Held> {
        let key = format!("{PREFIX}{}", made.id);
        let raw = self.env.kv_get(&key)?;
        let claim: Claim = match &raw {
            Some(raw) => serde_json::from_slice(raw).unwrap_or_default(),
            None => Claim::default(),
        };
        let now_ms = self.env.now_ms();
        let mut held = Held { key, raw, claim };
        if held.claim.post_of(made).is_some() {
            return Ok(held);
        }
        // A clock that was put back makes nobody wait longer.
        if (0..CLAIM_MS).contains(&(now_ms - held.claim.at)) {
            return Err(Failure::Later("it is being posted"));
        }
        held.claim.at = now_ms;
        held.claim.done = false;
        self.write_claim(&mut held)?;
        Ok(held)
    }

    /// Writes the claim; somebody else may have taken it over.
    pub(super) fn write_claim(&self, held: &mut Held) -> Result<()> {
        // Strings and numbers only: this cannot fail.
        let new = serde_json::to_vec(&held.claim).unwrap_or_default();
        let old = held.raw.as_deref();
        if !self
            .env
            .kv_compare_and_set(&held.key, old, Some(&new), KNOWN_S)?
        {
            return Err(Failure::Later("somebody else is posting it"));
        }
        held.raw = Some(new);
        Ok(())
    }
}
