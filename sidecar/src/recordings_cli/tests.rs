//! As an admin types it, over real directories.

use std::sync::Arc;

use clap::Parser as _;
use parley_recorder::SystemClock;
use parley_recorder::shelf::{GRACE, RECOVER, Shelf, ShelfConfig};
use parley_recorder::store::state::{About, Stage, State, StoredFile};
use parley_recorder::{store, vfs::Disk};

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(FOLDER)).unwrap();
        Self(dir)
    }

    fn root(&self) -> PathBuf {
        self.0.path().join(FOLDER)
    }

    fn state(&self, id: &str) -> State {
        store::load(&Disk, &self.root(), id).unwrap()
    }

    /// A recording with one file that is as it should be.
    fn put(&self, id: &str, stage: Stage, started_at_ms: u64) {
        let mut state = State::new(About {
            recording_id: id.to_owned(),
            room_id: "room".to_owned(),
            generation: 1,
            labels: [("channel".to_owned(), "c".to_owned())].into(),
            starter_id: "p".to_owned(),
            started_at_ms,
        });
        store::create(&Disk, &self.root(), &state).unwrap();
        state.stage = stage;
        if stage != Stage::InProgress && stage != Stage::Closed {
            let out = store::out_of(&self.root(), id);
            std::fs::create_dir(&out).unwrap();
            std::fs::write(out.join("recording.webm"), "media").unwrap();
            state.ended_at_ms = Some(started_at_ms + 61_000);
            state.files.push(StoredFile {
                name: "recording.webm".to_owned(),
                content_type: "video/webm".to_owned(),
                bytes: 5,
                sha256: [0; 32],
                duration_ms: 61_000,
                starts_at_ms: 0,
                upload_id: None,
                file_id: None,
            });
        }
        if stage == Stage::Parked {
            state.failure = "the channel is archived".to_owned();
        }
        store::save(&Disk, &self.root(), &state).unwrap();
    }

    /// What comes out, or what is wrong.
    fn type_in(&self, words: &[&str]) -> Result<String, String> {
        let mut argv = vec!["parley-sidecar", "recordings"];
        argv.extend(words);
        let data_dir = self.0.path().to_str().unwrap();
        argv.extend(["--data-dir", data_dir]);
        let args = Args::try_parse_from(argv).map_err(|error| error.to_string())?;
        let Some(Command::Recordings(command)) = &args.command else {
            panic!("no command");
        };
        let mut out = Vec::new();
        root(&args)
            .and_then(|root| run(&root, command, &mut out))
            .map_err(|failed| failed.text)?;
        Ok(String::from_utf8(out).unwrap())
    }

    /// A sidecar that runs.
    fn shelf(&self) -> Shelf {
        let config = ShelfConfig {
            root: self.root(),
            grace: GRACE,
            exclusive: true,
        };
        Shelf::open(config, Arc::new(Disk), Arc::new(SystemClock)).unwrap()
    }
}

#[test]
fn the_list_shows_all_newest_first_and_touches_nothing() {
    let folder = Folder::new();
    assert_eq!(folder.type_in(&["list"]).unwrap(), "no recordings\n");
    folder.put("old", Stage::Parked, 1_795_309_500_000);
    folder.put("new", Stage::InProgress, 1_795_395_900_000);
    std::fs::create_dir(folder.root().join("strange")).unwrap();
    let text = folder.type_in(&["list"]).unwrap();
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0][..2], ["ID", "STATE"]);
    assert_eq!(
        lines[1][..5],
        ["new", "IN_PROGRESS", "2026-11-23", "01:05", "-"]
    );
    assert_eq!(
        lines[2][..6],
        ["old", "PARKED", "2026-11-22", "01:05", "0:01:01", "1"]
    );
    assert!(text.contains("the channel is archived\n"));
    assert_eq!(lines[3][..2], ["strange", "DAMAGED"]);
    assert!(text.ends_with("there is no state.json\n"));
    assert!(folder.root().join("strange").is_dir());
    // Also beside a sidecar, and as JSON.
    let _running = folder.shelf();
    let json = folder.type_in(&["list", "--json"]).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[1]["recording_id"], "old");
    assert_eq!(json[1]["stage"], "parked");
    assert_eq!(json[1]["files"][0]["bytes"], 5);
}

#[test]
fn export_copies_what_is_there_and_overwrites_nothing() {
    let folder = Folder::new();
    folder.put("r", Stage::Parked, 1);
    let to = folder.0.path().join("to");
    let words = ["export", "r", to.to_str().unwrap()];
    let file = to.join("recording.webm");
    assert_eq!(
        folder.type_in(&words).unwrap(),
        format!("{}\n", file.display())
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"media");
    let again = folder.type_in(&words).unwrap_err();
    assert_eq!(again, format!("DIR: {} is not empty", to.display()));
    assert_eq!(folder.state("r").stage, Stage::Parked);
}

#[test]
fn export_of_a_recording_without_media_says_so() {
    let folder = Folder::new();
    folder.put("r", Stage::Closed, 1);
    let to = folder.0.path().join("to");
    let said = folder
        .type_in(&["export", "r", to.to_str().unwrap()])
        .unwrap_err();
    assert_eq!(
        said,
        "nothing can be heard or seen in `r`: no file was written"
    );
}

#[test]
fn recover_without_a_sidecar_takes_the_recording_up_here() {
    let folder = Folder::new();
    folder.put("parked", Stage::Parked, 1);
    let said = folder.type_in(&["recover", "parked"]).unwrap();
    assert_eq!(
        said,
        "parked is READY: the next media server that starts publishes it\n"
    );
    assert_eq!(folder.state("parked").stage, Stage::Ready);
    folder.put("closed", Stage::Closed, 1);
    assert_eq!(
        folder.type_in(&["recover", "closed"]).unwrap(),
        "closed is VERIFIED\n"
    );
    folder.put("broken-off", Stage::InProgress, 1);
    folder.type_in(&["recover", "broken-off"]).unwrap();
    assert_eq!(folder.state("broken-off").stage, Stage::Verified);
}

#[test]
fn recover_beside_a_sidecar_asks_it() {
    let folder = Folder::new();
    folder.put("r", Stage::Parked, 1);
    folder.put("live", Stage::InProgress, 1);
    let running = folder.shelf();
    let said = folder.type_in(&["recover", "r"]).unwrap();
    assert!(
        said.starts_with("the running media server takes r up"),
        "{said}"
    );
    assert_eq!(folder.state("r").stage, Stage::Parked);
    assert!(folder.root().join("r").join(RECOVER).exists());
    let refused = folder.type_in(&["recover", "live"]).unwrap_err();
    assert!(refused.starts_with("ID: it is in progress"), "{refused}");
    drop(running);
}

#[test]
fn what_is_wrong_is_named() {
    let folder = Folder::new();
    let said = |words: &[&str]| folder.type_in(words).unwrap_err();
    for id in ["x", "..", "a\nb"] {
        assert!(
            said(&["recover", id]).starts_with("ID: there is no recording `"),
            "{id}"
        );
    }
    assert!(said(&["export", "x", "to"]).starts_with("ID: "));
    assert!(said(&["export", "x"]).contains("<DIR>"));
    assert!(said(&["lst"]).contains("unrecognized subcommand 'lst'"));
    let args = |argv: &[&str]| Args::try_parse_from(argv).unwrap();
    let without = args(&["parley-sidecar", "recordings", "list"]);
    if std::env::var_os("PARLEY_SIDECAR_DATA_DIR").is_none() {
        assert!(
            root(&without)
                .unwrap_err()
                .text
                .starts_with("--data-dir: must name")
        );
    }
    let empty = folder.root();
    let wrong = args(&[
        "parley-sidecar",
        "--data-dir",
        empty.to_str().unwrap(),
        "recordings",
        "list",
    ]);
    assert!(
        root(&wrong)
            .unwrap_err()
            .text
            .starts_with("--data-dir: there is no folder")
    );
    let config = args(&[
        "parley-sidecar",
        "recordings",
        "list",
        "--config",
        "/nowhere",
    ]);
    assert!(
        root(&config)
            .unwrap_err()
            .text
            .starts_with("settings: /nowhere: ")
    );
}
