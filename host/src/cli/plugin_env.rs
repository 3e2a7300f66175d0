//! The environment of a process that a server started: there is no command line to put settings on.

use std::ffi::OsString;
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::failure::Failure;

/// Folder of ours among somebody else's.
const FOLDER: &str = "parley";

/// Variables, checked.
pub(super) struct PluginEnv {
    data_dir: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    pub(super) xdg_runtime_dir: Option<PathBuf>,
    pub(super) sidecar: Option<PathBuf>,
    pub(super) media_port: Option<u16>,
    pub(super) media_addresses: Vec<IpAddr>,
    pub(super) log_filter: String,
}

impl PluginEnv {
    pub(super) fn read() -> Result<Self, Failure> {
        Self::of(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
    }

    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Failure> {
        let text = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
        let path = |name: &str| variable(name).map(PathBuf::from);
        let media_port = match text("PARLEY_MEDIA_PORT") {
            None => None,
            Some(port) => match port.parse() {
                Ok(port @ 1..) => Some(port),
                _ => return Err(Failure::config("PARLEY_MEDIA_PORT", "no port")),
            },
        };
        let addresses = text("PARLEY_MEDIA_ADDRESS").unwrap_or_default();
        let addresses = addresses.split(',').map(str::trim);
        let media_addresses = addresses
            .filter(|address| !address.is_empty())
            .map(str::parse)
            .collect::<Result<Vec<IpAddr>, _>>()
            .map_err(|error| Failure::config("PARLEY_MEDIA_ADDRESS", error))?;
        Ok(Self {
            data_dir: path("PARLEY_DATA_DIR"),
            // systemd gives several, separated by colons.
            state_dir: text("STATE_DIRECTORY")
                .and_then(|all| all.split(':').next().map(PathBuf::from)),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
            sidecar: path("PARLEY_SIDECAR"),
            media_port,
            media_addresses,
            log_filter: text("PARLEY_LOG").unwrap_or_else(|| "info".to_owned()),
        })
    }

    /// A folder for what the media server keeps, absolute: the variable's, else one beside the server's own
    /// files, else the service manager's. Never the plugin's own, which an upgrade replaces.
    pub(super) fn data_dir(&self, server_files: Option<&Path>) -> Result<PathBuf, String> {
        if let Some(asked) = &self.data_dir {
            return made(asked).map_err(|error| format!("PARLEY_DATA_DIR: {error}"));
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
            "no folder for data: set PARLEY_DATA_DIR in the server's environment to one that it may write \
             to ({})",
            refused.join("; ")
        ))
    }
}

/// Makes the folder for this user alone, unless it is there.
fn made(folder: &Path) -> Result<PathBuf, String> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| folder.canonicalize())
        .map_err(|error| format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(variables: &[(&str, &str)]) -> Result<PluginEnv, String> {
        let find = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        PluginEnv::of(find).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_bad_variable_is_named() {
        for (name, value) in [
            ("PARLEY_MEDIA_PORT", "0"),
            ("PARLEY_MEDIA_PORT", "http"),
            ("PARLEY_MEDIA_ADDRESS", "192.0.2.1,nowhere"),
        ] {
            let message = env(&[(name, value)]).err().unwrap();
            assert!(message.starts_with(name), "{message}");
        }
        assert!(env(&[]).is_ok());
    }

    #[test]
    fn data_is_kept_where_asked_then_beside_the_servers_files_then_where_the_service_may_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (asked, files, state) = (path("asked"), path("files"), path("state"));
        let (asked_text, state_text) = (text(&asked), text(&state));
        let all = [
            ("PARLEY_DATA_DIR", &*asked_text),
            ("STATE_DIRECTORY", &*state_text),
        ];
        let found = |variables: &[_], files: Option<&Path>| {
            env(variables).unwrap().data_dir(files).unwrap()
        };
        assert_eq!(found(&all, Some(&files)), asked);
        assert_eq!(found(&all[1..], Some(&files)), files.join(FOLDER));
        assert_eq!(found(&all[1..], None), state.join(FOLDER));
        // A file where the folder would be.
        std::fs::write(path("file"), "").unwrap();
        assert_eq!(found(&all[1..], Some(&path("file"))), state.join(FOLDER));
        let error = env(&[]).unwrap().data_dir(Some(&path("file"))).unwrap_err();
        assert!(error.contains("PARLEY_DATA_DIR"), "{error}");
    }
}
