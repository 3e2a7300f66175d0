//! The log: standard error, or for an embedded sidecar a file of its own that is rotated by size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::LogFormat;

/// A file is put aside when it is longer, bytes.
const FILE_BYTES_MAX: u64 = 5 * 1024 * 1024;
/// Files put aside: `.1` is the youngest.
const FILES_KEPT: u32 = 3;

/// Writes to the current log file.
#[derive(Debug, Clone)]
pub(super) struct RotatedLog(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    path: PathBuf,
    file: File,
    length: u64,
    /// Standard output and error go to the file too, and follow it.
    holds_standard: bool,
}

impl RotatedLog {
    /// Appends to `path` (0600).
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = append(path)?;
        let length = file.metadata()?.len();
        Ok(Self(Arc::new(Mutex::new(State {
            path: path.to_owned(),
            file,
            length,
            holds_standard: false,
        }))))
    }

    /// Puts standard input on `/dev/null`, and standard output and error on the log, also after it
    /// rotates: what the runtime prints of a panic is not lost, and no descriptor of the host stays open.
    pub(super) fn take_standard(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let null = File::open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        redirect(&state.file)?;
        state.holds_standard = true;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

fn redirect(file: &File) -> io::Result<()> {
    rustix::stdio::dup2_stdout(file)?;
    rustix::stdio::dup2_stderr(file)?;
    Ok(())
}

impl State {
    fn rotate(&mut self) -> io::Result<()> {
        let aside = |n: u32| {
            let mut name = self.path.as_os_str().to_owned();
            name.push(format!(".{n}"));
            PathBuf::from(name)
        };
        for n in (1..FILES_KEPT).rev() {
            match fs::rename(aside(n), aside(n + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, aside(1))?;
        self.file = append(&self.path)?;
        self.length = 0;
        if self.holds_standard {
            redirect(&self.file)?;
        }
        Ok(())
    }
}

impl Write for &RotatedLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.length > FILE_BYTES_MAX {
            // A directory that became read-only must not stop the log: go on in the long file.
            let _ = state.rotate();
        }
        let written = state.file.write(bytes)?;
        state.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for RotatedLog {
    type Writer = &'a RotatedLog;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Starts logging for the process. `filter` was checked by the configuration.
pub(super) fn start(filter: &str, format: LogFormat, file: Option<RotatedLog>) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false);
    match (format, file) {
        (LogFormat::Text, Some(file)) => builder.with_writer(file).init(),
        (LogFormat::Json, Some(file)) => builder.json().with_writer(file).init(),
        (LogFormat::Text, None) => builder.with_writer(io::stderr).init(),
        (LogFormat::Json, None) => builder.json().with_writer(io::stderr).init(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_rotate_by_size_and_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.log");
        let log = RotatedLog::open(&path).unwrap();
        let block = vec![b'x'; 1024 * 1024];
        for _ in 0..40 {
            (&log).write_all(&block).unwrap();
        }
        let mut names: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["s.log", "s.log.1", "s.log.2", "s.log.3"]);
        assert!(fs::metadata(&path).unwrap().len() <= FILE_BYTES_MAX + 1024 * 1024);
    }

    #[test]
    fn a_restart_goes_on_in_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.log");
        for line in ["one\n", "two\n"] {
            (&RotatedLog::open(&path).unwrap())
                .write_all(line.as_bytes())
                .unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }
}
