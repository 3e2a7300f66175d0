//! What this executable was installed as: the `plugin.json` of the bundle that it came with.
//!
//! A server unpacks a bundle into a folder of its own and starts the executable in there, so the id by
//! which the server knows us is on disk, above us. Everything that differs between the flavours follows
//! from that id; nothing is compiled in.

use std::fs;
use std::path::{Path, PathBuf};

use parley_flavour::Flavour;
use serde::Deserialize;

/// Name of the manifest in the bundle's folder.
const MANIFEST: &str = "plugin.json";
/// How many folders above the executable the bundle's own is at most: `server/dist/<executable>`.
const FOLDERS_UP_MAX: usize = 3;

/// The bundle on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The plugin's id decides it.
    pub flavour: Flavour,
    /// The version in `plugin.json`: the one that the server shows and compares.
    pub manifest_version: String,
    /// The bundle's folder.
    pub folder: PathBuf,
}

/// The executable is in no bundle of ours.
#[derive(Debug, thiserror::Error)]
pub enum InstalledError {
    /// No `plugin.json` above the executable.
    #[error("no {MANIFEST} above {0}: the bundle is incomplete, upload it again")]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("{path}: {source}")]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no manifest.
    #[error("{path}: {source}")]
    Malformed {
        /// The manifest.
        path: PathBuf,
        /// Where it is wrong.
        source: serde_json::Error,
    },
    /// It names another plugin.
    #[error("{path} has the id {id:?}, which is none of ours")]
    Foreign {
        /// The manifest.
        path: PathBuf,
        /// Its id.
        id: String,
    },
}

#[derive(Deserialize)]
struct Manifest {
    id: String,
    #[serde(default)]
    version: String,
}

impl Installed {
    /// Of the running executable. Blocks for one small file.
    pub fn of_this_process() -> Result<Self, InstalledError> {
        let executable = std::env::current_exe().map_err(|source| InstalledError::Unreadable {
            path: PathBuf::from("/proc/self/exe"),
            source,
        })?;
        Self::above(&executable)
    }

    /// Of the nearest `plugin.json` above an executable.
    pub fn above(executable: &Path) -> Result<Self, InstalledError> {
        let path = executable
            .ancestors()
            .skip(1)
            .take(FOLDERS_UP_MAX)
            .map(|folder| folder.join(MANIFEST))
            .find(|path| path.is_file())
            .ok_or_else(|| InstalledError::Missing(executable.to_owned()))?;
        let text = fs::read(&path).map_err(|source| InstalledError::Unreadable {
            path: path.clone(),
            source,
        })?;
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|source| InstalledError::Malformed {
                path: path.clone(),
                source,
            })?;
        let Some(flavour) = Flavour::of(&manifest.id) else {
            return Err(InstalledError::Foreign {
                path,
                id: manifest.id,
            });
        };
        Ok(Self {
            flavour,
            manifest_version: manifest.version,
            folder: path.parent().unwrap_or(&path).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bundle's folder with this manifest; returns it and its executable.
    fn bundle(manifest: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let dist = folder.path().join("server/dist");
        fs::create_dir_all(&dist).unwrap();
        fs::write(folder.path().join(MANIFEST), manifest).unwrap();
        let executable = dist.join("parley-linux-amd64");
        (folder, executable)
    }

    #[test]
    fn the_id_above_the_executable_is_the_flavour() {
        for (id, flavour) in [
            ("app.parley.calls", Flavour::Own),
            ("com.mattermost.calls", Flavour::DropIn),
        ] {
            let (folder, executable) =
                bundle(&format!(r#"{{"id": "{id}", "version": "9.8.7", "x": []}}"#));
            let installed = Installed::above(&executable).unwrap();
            assert_eq!(installed.flavour, flavour);
            assert_eq!(installed.manifest_version, "9.8.7");
            assert_eq!(installed.folder, folder.path());
        }
    }

    #[test]
    fn another_plugins_manifest_is_refused_by_its_id() {
        let (_folder, executable) = bundle(r#"{"id": "com.example.other"}"#);
        let error = Installed::above(&executable).unwrap_err().to_string();
        assert!(error.contains("com.example.other"), "{error}");
    }

    #[test]
    fn a_broken_manifest_is_named() {
        let (folder, executable) = bundle("{");
        let error = Installed::above(&executable).unwrap_err().to_string();
        let path = folder.path().join(MANIFEST);
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }

    #[test]
    fn a_manifest_further_above_is_somebody_elses() {
        let (folder, _) = bundle(r#"{"id": "app.parley.calls"}"#);
        let deep = folder.path().join("one/two/three/parley");
        assert!(matches!(
            Installed::above(&deep),
            Err(InstalledError::Missing(path)) if path == deep
        ));
    }
}
