//! `recordings recover`.

use std::io::{self, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use parley_recorder::SystemClock;
use parley_recorder::composing::{by_hand, composer};
use parley_recorder::shelf::{GRACE, RECOVER, Shelf, ShelfConfig};
use parley_recorder::store::{self, state::Stage};
use parley_recorder::vfs::{Disk, Open, Vfs as _};

use super::{Failed, told};

pub(super) fn run(id: &str, root: &Path, out: &mut dyn Write) -> Result<(), Failed> {
    check_user(root)?;
    let config = ShelfConfig {
        root: root.to_owned(),
        grace: GRACE,
        exclusive: true,
    };
    let said = match Shelf::open(config, Arc::new(Disk), Arc::new(SystemClock)) {
        Ok(shelf) => by_ourselves(&shelf, id)?,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => ask(root, id)?,
        Err(error) => return Err(Failed::system(format!("{}: {error}", root.display()))),
    };
    writeln!(out, "{said}").map_err(|error| told(&error))
}

/// Files of another user could not be read by the sidecar later.
fn check_user(root: &Path) -> Result<(), Failed> {
    let owner = std::fs::metadata(root)
        .map_err(|error| Failed::system(format!("{}: {error}", root.display())))?
        .uid();
    let own = rustix::process::geteuid().as_raw();
    if owner == own {
        return Ok(());
    }
    Err(Failed::system(format!(
        "{} belongs to user {owner}: run this as that user, e.g. with `sudo -u '#{owner}'`",
        root.display()
    )))
}

fn by_ourselves(shelf: &Shelf, id: &str) -> Result<String, Failed> {
    let refused = |why: String| Failed::system(format!("`{id}` cannot be recovered: {why}"));
    shelf.take_up(id).map_err(refused)?;
    let stage = by_hand::finish(shelf, id, &composer()).map_err(refused)?;
    Ok(match stage {
        Stage::Ready | Stage::Uploading | Stage::Posted => {
            format!(
                "{id} is {}: the next media server that starts publishes it",
                stage.name()
            )
        }
        _ => format!("{id} is {}", stage.name()),
    })
}

fn ask(root: &Path, id: &str) -> Result<String, Failed> {
    if let Ok(state) = store::load(&Disk, root, id)
        && state.stage == Stage::InProgress
    {
        let why = "it is in progress, and a media server runs: it ends with its call";
        return Err(Failed::argument("ID", why));
    }
    Disk.open(&store::dir_of(root, id).join(RECOVER), Open::Keep)
        .map_err(|error| {
            Failed::system(format!("the running media server cannot be asked: {error}"))
        })?;
    Ok(format!(
        "the running media server takes {id} up within 10 s: see `recordings list`, or its log"
    ))
}
