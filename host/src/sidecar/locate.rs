//! Where the sidecar's executable is.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

/// File name of the executable, without the platform's suffix.
const NAME: &str = "parley-sidecar";

/// No executable at any of the places.
#[derive(Debug, thiserror::Error)]
#[error("no sidecar executable: {}", places(.0))]
pub struct NotFound(Vec<PathBuf>);

/// The executable: the one asked for, else the one beside the host's own.
pub fn locate(asked: Option<&Path>) -> Result<PathBuf, NotFound> {
    let beside = || {
        let own = std::env::current_exe().ok()?;
        Some(own.parent()?.join(format!("{NAME}{EXE_SUFFIX}")))
    };
    let candidate = match asked {
        Some(path) => Some(path.to_owned()),
        None => beside(),
    };
    match candidate {
        Some(path) if path.is_file() => Ok(path),
        other => Err(NotFound(other.into_iter().collect())),
    }
}

fn places(tried: &[PathBuf]) -> String {
    let tried: Vec<_> = tried
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    format!("looked for {}", tried.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_must_exist() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sidecar");
        let error = locate(Some(&file)).unwrap_err();
        assert!(error.to_string().contains(file.to_str().unwrap()));
        std::fs::write(&file, "").unwrap();
        assert_eq!(locate(Some(&file)).unwrap(), file);
    }
}
