//! What a crash at every operation leaves.

use std::path::{Path, PathBuf};

use super::state::{About, Stage, State, StoredFile, is_id};
use super::*;
use crate::vfs::{Fault, MemoryVfs, Open, Vfs as _};

fn root() -> PathBuf {
    PathBuf::from("/recordings")
}

fn disk() -> MemoryVfs {
    let vfs = MemoryVfs::default();
    vfs.create_dir(&root()).unwrap();
    vfs.sync_dir(Path::new("/")).unwrap();
    vfs
}

fn state(id: &str) -> State {
    State::new(About {
        recording_id: id.to_owned(),
        room_id: "room".to_owned(),
        generation: 3,
        labels: [("channel".to_owned(), "c".to_owned())].into(),
        starter_id: "p".to_owned(),
        started_at_ms: 1_000,
    })
}

fn put(vfs: &MemoryVfs, path: &Path, text: &[u8]) {
    let mut file = vfs.open(path, Open::Empty).unwrap();
    file.write_at(0, text).unwrap();
}

#[test]
fn what_was_created_is_there_after_a_crash() {
    for seed in 0..20 {
        let vfs = disk();
        create(&vfs, &root(), &state("r")).unwrap();
        let after = vfs.crash(seed);
        assert_eq!(load(&after, &root(), "r").unwrap(), state("r"));
        assert_eq!(load_about(&after, &root(), "r"), Some(state("r").about));
    }
}

#[test]
fn a_crash_at_any_operation_leaves_the_old_state_or_the_new_one() {
    let vfs = disk();
    create(&vfs, &root(), &state("r")).unwrap();
    let first = vfs.counts().operations;
    let mut new = state("r");
    new.stage = Stage::Closed;
    new.participants = vec!["somebody".to_owned(); 100];
    save(&vfs, &root(), &new).unwrap();
    let last = vfs.counts().operations;
    assert!(last > first + 3, "tmp, sync, rename, sync of the directory");
    let mut seen = [0; 2];
    for at in first..=last {
        for seed in 0..20 {
            let vfs = disk();
            create(&vfs, &root(), &state("r")).unwrap();
            vfs.add_fault(Fault::CrashAt(at));
            let saved = save(&vfs, &root(), &new);
            let found = load(&vfs.crash(seed), &root(), "r").unwrap();
            assert!(found == state("r") || found == new, "at {at}, seed {seed}");
            // What was told to be saved is.
            assert!(saved.is_err() || found == new, "at {at}, seed {seed}");
            seen[usize::from(found == new)] += 1;
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn a_crash_while_a_recording_is_made_or_removed_leaves_it_whole_or_recognisable() {
    let operations = |vfs: &MemoryVfs| vfs.counts().operations;
    let vfs = disk();
    let first = operations(&vfs);
    create(&vfs, &root(), &state("r")).unwrap();
    let made = operations(&vfs);
    remove(&vfs, &root(), "r").unwrap();
    let removed = operations(&vfs);
    assert_eq!(vfs.list(&root()).unwrap(), []);
    for at in first..removed {
        for seed in 0..20 {
            let vfs = disk();
            vfs.add_fault(Fault::CrashAt(at));
            let _ = create(&vfs, &root(), &state("r")).and_then(|()| remove(&vfs, &root(), "r"));
            let after = vfs.crash(seed);
            match load(&after, &root(), "r") {
                Ok(found) => assert_eq!(found, state("r")),
                Err(Broken::Missing) => {}
                Err(other) => panic!("at {at} of {made}, seed {seed}: {other}"),
            }
            // Whatever it is, it can be removed.
            if after.list(&dir_of(&root(), "r")).is_ok() {
                remove(&after, &root(), "r").unwrap();
            }
        }
    }
}

#[test]
fn an_id_is_used_once() {
    let vfs = disk();
    create(&vfs, &root(), &state("r")).unwrap();
    let again = create(&vfs, &root(), &state("r")).unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    for bad in ["", "..", "a/b", "a.b", &"x".repeat(65)] {
        assert!(!is_id(bad));
        assert!(create(&vfs, &root(), &state(bad)).is_err(), "{bad}");
    }
    assert!(is_id("Az09_-"));
}

#[test]
fn a_state_that_makes_no_sense_is_named() {
    let vfs = disk();
    create(&vfs, &root(), &state("r")).unwrap();
    let path = dir_of(&root(), "r").join("state.json");
    let broken = || load(&vfs, &root(), "r").unwrap_err().to_string();
    put(&vfs, &path, b"{\"version\": 1, \"about\"");
    assert!(broken().starts_with("state.json is damaged: "));
    put(&vfs, &path, b"{\"version\": 9}");
    assert!(broken().starts_with("state.json is of version 9"));
    let mut other = serde_json::to_vec(&state("s")).unwrap();
    put(&vfs, &path, &other);
    assert!(broken().ends_with("it is another recording's"));
    other.clear();
    put(&vfs, &path, &other);
    assert!(broken().starts_with("state.json is damaged: "));
    vfs.remove_file(&path).unwrap();
    assert_eq!(broken(), "there is no state.json");
}

#[test]
fn a_state_that_names_files_elsewhere_is_damaged() {
    let vfs = disk();
    let file = |name: &str| StoredFile {
        name: name.to_owned(),
        content_type: "video/webm".to_owned(),
        bytes: 1,
        sha256: [0; 32],
        duration_ms: 0,
        starts_at_ms: 0,
        upload_id: None,
        file_id: None,
    };
    create(&vfs, &root(), &state("r")).unwrap();
    let mut told = state("r");
    told.files = vec![file("recording.webm")];
    save(&vfs, &root(), &told).unwrap();
    assert!(load(&vfs, &root(), "r").is_ok());
    for name in ["", ".", "..", "../../token", "/etc/passwd", "a/b", "a\0b"] {
        told.files = vec![file("recording.webm"), file(name)];
        save(&vfs, &root(), &told).unwrap();
        let found = load(&vfs, &root(), "r");
        assert!(matches!(found, Err(Broken::Damaged(_))), "{name}");
    }
}

#[test]
fn a_file_of_the_first_version_is_understood() {
    // Written by the first version; later ones must read it.
    let text = r#"{
      "version": 1,
      "about": {"recording_id": "r", "room_id": "room", "generation": 3, "labels": {"channel": "c"},
                "starter_id": "p", "started_at_ms": 1000},
      "stage": "uploading", "ended_at_ms": 61000, "end_reason": "stopped", "trouble": "audio_only",
      "participants": ["p", "q"], "gaps": 1,
      "files": [{"name": "recording.webm", "content_type": "video/webm", "bytes": 5,
        "sha256": "0707070707070707070707070707070707070707070707070707070707070707",
        "duration_ms": 60000, "starts_at_ms": 0, "upload_id": "u"}],
      "file_bytes_max": 100, "post_id": null, "failures": 2, "failure": "no", "verified_at_ms": null
    }"#;
    let vfs = disk();
    create(&vfs, &root(), &state("r")).unwrap();
    put(
        &vfs,
        &dir_of(&root(), "r").join("state.json"),
        text.as_bytes(),
    );
    let found = load(&vfs, &root(), "r").unwrap();
    assert_eq!(found.stage, Stage::Uploading);
    assert_eq!(found.files[0].sha256, [7; 32]);
    assert_eq!(found.files[0].upload_id.as_deref(), Some("u"));
    save(&vfs, &root(), &found).unwrap();
    assert_eq!(load(&vfs, &root(), "r").unwrap(), found);
}

#[test]
fn files_and_directories_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    create(&crate::vfs::Disk, dir.path(), &state("r")).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let of = dir_of(dir.path(), "r");
    assert_eq!(mode(&of), 0o700);
    assert_eq!(mode(&of.join("state.json")), 0o600);
    assert_eq!(mode(&of.join("about.json")), 0o600);
    assert!(disk_bytes(&crate::vfs::Disk, &of).unwrap() > 100);
}
