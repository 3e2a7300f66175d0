//! Writing and reading a recording's small files so that a crash leaves either the old or the new one.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::state::{About, State, VERSION, is_id};
use crate::vfs::{Open, Vfs};

/// How far it is.
const STATE: &str = "state.json";
/// What never changes.
const ABOUT: &str = "about.json";
/// Not yet one of them.
const NEW: &str = "state.tmp";
/// Of the published files.
const OUT: &str = "out";
/// Longest that is read, bytes.
const JSON_BYTES_MAX: u64 = 4 << 20;

/// Why there is no state.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// Not there.
    #[error("there is no state.json")]
    Missing,
    /// A later version's.
    #[error("state.json is of version {0}, which only a later version of Parley understands")]
    Newer(u32),
    /// Its content makes no sense.
    #[error("state.json is damaged: {0}")]
    Damaged(String),
    /// It cannot be read.
    #[error("state.json cannot be read: {0}")]
    Io(io::Error),
}

/// A recording's directory.
#[must_use]
pub fn dir_of(root: &Path, recording_id: &str) -> PathBuf {
    root.join(recording_id)
}

/// Where a recording's published files are.
#[must_use]
pub fn out_of(root: &Path, recording_id: &str) -> PathBuf {
    root.join(recording_id).join(OUT)
}

/// Makes the directory of a new recording. When it returns, all of it survives a crash.
///
/// # Errors
/// The disk's. [`io::ErrorKind::AlreadyExists`]: there is something of that id.
pub fn create(vfs: &dyn Vfs, root: &Path, state: &State) -> io::Result<()> {
    let id = state.id();
    if !is_id(id) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let dir = dir_of(root, id);
    if vfs.list(&dir).is_ok_and(|found| !found.is_empty()) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    vfs.create_dir(&dir)?;
    write_whole(vfs, &dir, ABOUT, &state.about)?;
    write_whole(vfs, &dir, STATE, state)?;
    vfs.sync_dir(root)
}

/// Replaces the state. When it returns, it survives a crash; after an error, the old or the new one does.
///
/// # Errors
/// The disk's.
pub fn save(vfs: &dyn Vfs, root: &Path, state: &State) -> io::Result<()> {
    write_whole(vfs, &dir_of(root, state.id()), STATE, state)
}

/// Reads the state.
///
/// # Errors
/// [`Broken`].
pub fn load(vfs: &dyn Vfs, root: &Path, recording_id: &str) -> Result<State, Broken> {
    #[derive(serde::Deserialize)]
    struct OnlyVersion {
        version: u32,
    }
    let bytes = match read_whole(vfs, &dir_of(root, recording_id).join(STATE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Broken::Missing),
        Err(error) => return Err(Broken::Io(error)),
    };
    let damaged = |error: serde_json::Error| Broken::Damaged(error.to_string());
    let found: OnlyVersion = serde_json::from_slice(&bytes).map_err(damaged)?;
    if found.version > VERSION {
        return Err(Broken::Newer(found.version));
    }
    let state: State = serde_json::from_slice(&bytes).map_err(damaged)?;
    if state.id() != recording_id {
        return Err(Broken::Damaged("it is another recording's".to_owned()));
    }
    // A state from somewhere else must not have this machine's other files published.
    if !state.files.iter().all(|file| is_plain(&file.name)) {
        return Err(Broken::Damaged("it names a file elsewhere".to_owned()));
    }
    Ok(state)
}

/// Reads what never changes, for a state that is made anew.
#[must_use]
pub fn load_about(vfs: &dyn Vfs, root: &Path, recording_id: &str) -> Option<About> {
    let about: About = read_json(vfs, &dir_of(root, recording_id).join(ABOUT))?;
    (about.recording_id == recording_id).then_some(about)
}

/// Removes everything below a recording's directory, the state last, so that a crash in between leaves a
/// recording that is removed again.
///
/// # Errors
/// The disk's.
pub fn remove(vfs: &dyn Vfs, root: &Path, recording_id: &str) -> io::Result<()> {
    let dir = dir_of(root, recording_id);
    clear(vfs, &dir, &|name| name != STATE)?;
    vfs.sync_dir(&dir)?;
    clear(vfs, &dir, &|_| true)?;
    vfs.remove_dir(&dir)?;
    vfs.sync_dir(root)
}

/// Removes the published files, or what was there of them.
///
/// # Errors
/// The disk's.
pub fn clear_out(vfs: &dyn Vfs, root: &Path, recording_id: &str) -> io::Result<()> {
    let out = out_of(root, recording_id);
    match clear(vfs, &out, &|_| true) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Bytes below a recording's directory.
///
/// # Errors
/// The disk's.
pub fn disk_bytes(vfs: &dyn Vfs, dir: &Path) -> io::Result<u64> {
    let mut bytes = 0_u64;
    for found in vfs.list(dir)? {
        bytes = bytes.saturating_add(if found.is_dir {
            // What goes away meanwhile has no bytes.
            disk_bytes(vfs, &dir.join(&found.name)).unwrap_or(0)
        } else {
            found.bytes
        });
    }
    Ok(bytes)
}

/// Whether a file of that name is in the directory itself.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

fn clear(vfs: &dyn Vfs, dir: &Path, which: &dyn Fn(&str) -> bool) -> io::Result<()> {
    for found in vfs.list(dir)?.iter().filter(|found| which(&found.name)) {
        let path = dir.join(&found.name);
        if found.is_dir {
            clear(vfs, &path, &|_| true)?;
            vfs.remove_dir(&path)?;
        } else {
            vfs.remove_file(&path)?;
        }
    }
    Ok(())
}

fn write_whole(vfs: &dyn Vfs, dir: &Path, name: &str, content: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec_pretty(content).map_err(io::Error::other)?;
    text.push(b'\n');
    let new = dir.join(NEW);
    let mut file = vfs.open(&new, Open::Empty)?;
    file.write_at(0, &text)?;
    file.sync()?;
    drop(file);
    vfs.rename(&new, &dir.join(name))?;
    vfs.sync_dir(dir)
}

fn read_whole(vfs: &dyn Vfs, path: &Path) -> io::Result<Vec<u8>> {
    let file = vfs.open(path, Open::Read)?;
    let bytes = file.len()?.min(JSON_BYTES_MAX);
    let mut text = vec![0; usize::try_from(bytes).unwrap_or(0)];
    let read = file.read_at(0, &mut text)?;
    text.truncate(read);
    Ok(text)
}

fn read_json<T: DeserializeOwned>(vfs: &dyn Vfs, path: &Path) -> Option<T> {
    serde_json::from_slice(&read_whole(vfs, path).ok()?).ok()
}
