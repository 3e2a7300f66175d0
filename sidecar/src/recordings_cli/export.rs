//! `recordings export`.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parley_recorder::composing::by_hand;
use parley_recorder::store::{self, state::State};
use parley_recorder::vfs::{Disk, Vfs};

use super::{Failed, told};

pub(super) fn run(id: &str, root: &Path, dir: &Path, out: &mut dyn Write) -> Result<(), Failed> {
    prepare(dir)?;
    let names = match store::load(&Disk, root, id) {
        Ok(state) if is_whole(root, &state) => copy(root, &state, dir)?,
        _ => compose(root, id, dir)?,
    };
    if names.is_empty() {
        let why = format!("nothing can be heard or seen in `{id}`: no file was written");
        return Err(Failed::system(why));
    }
    for name in names {
        writeln!(out, "{}", dir.join(name).display()).map_err(|error| told(&error))?;
    }
    Ok(())
}

fn prepare(dir: &Path) -> Result<(), Failed> {
    let failed = |error| Failed::argument("DIR", format!("{}: {error}", dir.display()));
    Disk.create_dir(dir).map_err(failed)?;
    if Disk.list(dir).map_err(failed)?.is_empty() {
        return Ok(());
    }
    Err(Failed::argument(
        "DIR",
        format!("{} is not empty", dir.display()),
    ))
}

fn is_whole(root: &Path, state: &State) -> bool {
    let out = store::out_of(root, state.id());
    let has = |name: &str, bytes| {
        std::fs::metadata(out.join(name)).is_ok_and(|found| found.len() == bytes)
    };
    !state.files.is_empty() && state.files.iter().all(|file| has(&file.name, file.bytes))
}

fn copy(root: &Path, state: &State, dir: &Path) -> Result<Vec<String>, Failed> {
    let from = store::out_of(root, state.id());
    let mut names = Vec::new();
    for file in &state.files {
        std::fs::copy(from.join(&file.name), dir.join(&file.name))
            .map_err(|error| Failed::system(format!("{}: {error}", file.name)))?;
        names.push(file.name.clone());
    }
    Ok(names)
}

fn compose(root: &Path, id: &str, dir: &Path) -> Result<Vec<String>, Failed> {
    let vfs: Arc<dyn Vfs> = Arc::new(Disk);
    let finished = by_hand::export(&vfs, &store::dir_of(root, id), dir)
        .map_err(|error| Failed::system(format!("`{id}` cannot be composed: {error}")))?;
    Ok(finished.files.into_iter().map(|file| file.name).collect())
}
