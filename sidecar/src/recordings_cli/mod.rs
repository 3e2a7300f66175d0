//! `parley-sidecar recordings`: what an admin does about recordings at a terminal, with or without a
//! running sidecar. Listing and exporting only read; taking one up again is done here when no sidecar runs
//! over the directory, else it is asked to.

mod export;
mod list;
mod recover;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use parley_proto::launch::{EXIT_CONFIG, EXIT_OK, EXIT_SYSTEM};
use parley_recorder::store::state::is_id;

use crate::config::{self, Args};

/// Of the data directory.
pub(crate) const FOLDER: &str = "recordings";

/// What `parley-sidecar` can do beside serving.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Look at recordings on this machine's disk, export them, take up what got stuck.
    ///
    /// They lie in the folder `recordings` of the data directory, which --data-dir, the environment or the
    /// file of --config names. A plugin's sidecar has the plugin's data folder.
    #[command(subcommand)]
    Recordings(Recordings),
}

/// See [`Command::Recordings`].
#[derive(Debug, Clone, Subcommand)]
pub enum Recordings {
    /// Show all recordings that are on the disk, newest first.
    ///
    /// States: IN_PROGRESS (being made), CLOSED (its files are being made), READY (waits for the platform),
    /// UPLOADING, POSTED, VERIFIED (removed a day later), PARKED (an admin must look), DAMAGED (nothing is
    /// known of it; its journals are kept).
    List {
        /// One JSON array, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// Take up a recording that is parked, damaged or was broken off, and publish it.
    ///
    /// A running sidecar does that within some seconds. Without one its files are made here, and the next
    /// one publishes them. Run it as the user whose the directory is.
    Recover {
        /// As `list` shows it.
        id: String,
    },
    /// Write a recording's playable files into a directory.
    ///
    /// Changes nothing about the recording. One whose files are not there yet, even one in progress, is
    /// composed from its journals: as far as it goes.
    Export {
        /// As `list` shows it.
        id: String,
        /// Made if missing; must be empty.
        dir: PathBuf,
    },
}

/// Why it did not work: text for people, and the exit code.
#[derive(Debug)]
pub(crate) struct Failed {
    text: String,
    code: i32,
}

impl Failed {
    /// An argument or setting is wrong; it is named first.
    fn argument(name: &str, why: impl std::fmt::Display) -> Self {
        Self {
            text: format!("{name}: {why}"),
            code: EXIT_CONFIG,
        }
    }

    /// The arguments are right, it does not work.
    fn system(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            code: EXIT_SYSTEM,
        }
    }
}

/// Runs the command; the process's exit code.
#[must_use]
pub fn main(args: &Args, command: &Command) -> i32 {
    let Command::Recordings(command) = command;
    let mut out = io::stdout().lock();
    match root(args).and_then(|root| run(&root, command, &mut out)) {
        Ok(()) => EXIT_OK,
        Err(failed) => {
            let _ = writeln!(io::stderr(), "{}", failed.text);
            failed.code
        }
    }
}

fn root(args: &Args) -> Result<PathBuf, Failed> {
    let data_dir = match config::data_dir(args) {
        Ok(data_dir) => data_dir,
        Err(error) => return Err(Failed::argument("settings", error)),
    };
    let data_dir = data_dir.ok_or_else(|| {
        Failed::argument(
            "--data-dir",
            "must name the directory whose recordings are meant",
        )
    })?;
    let root = data_dir.join(FOLDER);
    if root.is_dir() {
        return Ok(root);
    }
    let why = format!("there is no folder `{FOLDER}` in {}", data_dir.display());
    Err(Failed::argument("--data-dir", why))
}

fn run(root: &Path, command: &Recordings, out: &mut dyn Write) -> Result<(), Failed> {
    match command {
        Recordings::List { json } => list::run(root, *json, out),
        Recordings::Recover { id } => recover::run(known(root, id)?, root, out),
        Recordings::Export { id, dir } => export::run(known(root, id)?, root, dir, out),
    }
}

/// An id that names a directory here.
fn known<'a>(root: &Path, id: &'a str) -> Result<&'a str, Failed> {
    if is_id(id) && root.join(id).is_dir() {
        return Ok(id);
    }
    let why = format!(
        "there is no recording `{}` in {}",
        id.escape_debug(),
        root.display()
    );
    Err(Failed::argument("ID", why))
}

fn told(error: &io::Error) -> Failed {
    Failed::system(format!(
        "nothing can be written to standard output: {error}"
    ))
}

#[cfg(test)]
mod tests;
