//! The environment of a process that a server started: there is no command line to put settings on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::folder::made;

/// Folder of ours among somebody else's.
const FOLDER: &str = "parley";

/// What is no setting: a setting's variable is read by `parley_settings::Overrides`.
pub(super) struct PluginEnv {
    state_dir: Option<PathBuf>,
    pub(super) xdg_runtime_dir: Option<PathBuf>,
    pub(super) sidecar: Option<PathBuf>,
    /// Over the setting of the level.
    pub(super) log_filter: Option<String>,
}

impl PluginEnv {
    pub(super) fn read() -> Self {
        Self::of(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let text = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
        let path = |name: &str| variable(name).map(PathBuf::from);
        Self {
            // systemd gives several, separated by colons.
            state_dir: text("STATE_DIRECTORY")
                .and_then(|all| all.split(':').next().map(PathBuf::from)),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
            sidecar: path("PARLEY_SIDECAR"),
            log_filter: text("PARLEY_LOG"),
        }
    }

    /// A folder for what the media server keeps, absolute: the setting's, else one beside the server's own
    /// files, else the service manager's. Never the plugin's own, which an upgrade replaces.
    pub(super) fn data_dir(
        &self,
        setting: &str,
        server_files: Option<&Path>,
    ) -> Result<PathBuf, String> {
        if !setting.trim().is_empty() {
            return made(Path::new(setting.trim())).map_err(|error| format!("DataDir: {error}"));
        }
        let mut refused = Vec::new();
        for parent in [server_files, self.state_dir.as_deref()]
            .into_iter()
            .flatten()
        {
            match made(&parent.join(FOLDER)) {
                Ok(folder) => return Ok(folder),
                Err(error) => refused.push(error),
            }
        }
        Err(format!(
            "no folder for data: set DataDir, or PARLEY_DATA_DIR in the server's environment, to one that it \
             may write to ({})",
            refused.join("; ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(variables: &[(&str, &str)]) -> PluginEnv {
        PluginEnv::of(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn data_is_kept_where_asked_then_beside_the_servers_files_then_where_the_service_may_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (asked, files, state) = (path("asked"), path("files"), path("state"));
        let (asked_text, state_text) = (asked.to_str().unwrap(), state.to_str().unwrap());
        let env = env(&[("STATE_DIRECTORY", state_text)]);
        let found = |setting: &str, files: Option<&Path>| env.data_dir(setting, files).unwrap();
        assert_eq!(found(asked_text, Some(&files)), asked);
        assert_eq!(found("", Some(&files)), files.join(FOLDER));
        assert_eq!(found("", None), state.join(FOLDER));
        // A file where the folder would be.
        std::fs::write(path("file"), "").unwrap();
        assert_eq!(found("", Some(&path("file"))), state.join(FOLDER));
        let inside = path("file").join("inside");
        let error = env.data_dir(inside.to_str().unwrap(), None).unwrap_err();
        assert!(error.starts_with("DataDir: "), "{error}");
        let nowhere = self::env(&[]).data_dir("", Some(&path("file")));
        let error = nowhere.unwrap_err();
        assert!(error.contains("PARLEY_DATA_DIR"), "{error}");
    }
}
