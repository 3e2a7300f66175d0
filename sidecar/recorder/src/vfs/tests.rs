//! Both file systems do the same, and the one in memory loses what a crash may lose.

use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::{Disk, EIO, Fault, Found, MemoryVfs, Open, Operation, Stream, Vfs};

/// What the recorder builds on, whatever is below it.
fn behaves(vfs: &dyn Vfs, root: &Path) {
    let dir = root.join("a/b");
    vfs.create_dir(&dir).unwrap();
    vfs.create_dir(&dir).unwrap();
    vfs.sync_dir(root).unwrap();
    let path = dir.join("one");
    let kind = |how| vfs.open(&path, how).err().map(|error| error.kind());
    assert_eq!(kind(Open::Read), Some(ErrorKind::NotFound));
    let mut file = vfs.open(&path, Open::New).unwrap();
    assert_eq!(kind(Open::New), Some(ErrorKind::AlreadyExists));
    assert!(file.is_empty().unwrap());
    file.reserve(100_000).unwrap();
    assert_eq!(file.len().unwrap(), 0, "what is reserved is not there");
    file.write_at(3, b"later").unwrap();
    file.write_at(0, b"abc").unwrap();
    file.sync().unwrap();
    let reader = vfs.open(&path, Open::Read).unwrap();
    let mut bytes = [9; 20];
    assert_eq!(reader.read_at(1, &mut bytes).unwrap(), 7);
    assert_eq!(&bytes[..8], b"bclater\x09");
    assert_eq!(reader.read_at(500, &mut bytes).unwrap(), 0);
    file.write_at(8, b"!").unwrap();
    assert_eq!(reader.len().unwrap(), 9, "seen before it is synced");
    file.set_len(2).unwrap();
    assert_eq!(reader.len().unwrap(), 2);
    assert_eq!(vfs.open(&path, Open::Keep).unwrap().len().unwrap(), 2);

    let two = dir.join("two");
    vfs.open(&two, Open::New)
        .unwrap()
        .write_at(0, b"second")
        .unwrap();
    vfs.rename(&path, &two).unwrap();
    let found = |name: &str, bytes, is_dir| Found {
        name: name.to_owned(),
        is_dir,
        bytes,
    };
    vfs.create_dir(&dir.join("c")).unwrap();
    assert_eq!(
        vfs.list(&dir).unwrap(),
        [found("c", 0, true), found("two", 2, false)]
    );
    assert_eq!(vfs.open(&two, Open::Empty).unwrap().len().unwrap(), 0);
    let not_empty = vfs.remove_dir(&dir).unwrap_err().kind();
    assert_eq!(not_empty, ErrorKind::DirectoryNotEmpty);
    vfs.remove_file(&two).unwrap();
    vfs.remove_dir(&dir.join("c")).unwrap();
    vfs.remove_dir(&dir).unwrap();
    assert_eq!(vfs.list(&dir).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(vfs.free_bytes(root).unwrap() > 0);

    let mut stream = Stream::new(vfs.open(&root.join("s"), Open::New).unwrap());
    stream.write_all(b"0123456789").unwrap();
    stream.seek(SeekFrom::Start(4)).unwrap();
    stream.write_all(b"xx").unwrap();
    stream.seek(SeekFrom::End(-7)).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(
        (text.as_str(), stream.stream_position().unwrap()),
        ("3xx6789", 10)
    );
    assert!(stream.seek(SeekFrom::Current(-11)).is_err());
}

#[test]
fn both_behave() {
    let dir = tempfile::tempdir().unwrap();
    behaves(&Disk, dir.path());
    behaves(&MemoryVfs::default(), Path::new("/"));
}

#[test]
fn files_are_the_users_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("a");
    Disk.create_dir(&below).unwrap();
    Disk.open(&below.join("f"), Open::New).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&below), mode(&below.join("f"))), (0o700, 0o600));
}

#[test]
fn a_crash_keeps_what_was_synced_and_dices_for_the_rest() {
    let vfs = MemoryVfs::default();
    let (name, other) = (Path::new("/f"), Path::new("/g"));
    let mut file = vfs.open(name, Open::New).unwrap();
    file.write_at(0, &[1; 2000]).unwrap();
    file.sync().unwrap();
    let there = |seed| vfs.crash(seed).open(name, Open::Read).is_ok();
    let kept = (0..100).filter(|seed| there(*seed)).count();
    assert!(
        (20..80).contains(&kept),
        "a name that was not synced: {kept} of 100"
    );
    vfs.sync_dir(Path::new("/")).unwrap();
    file.write_at(2000, &[2; 2000]).unwrap();
    vfs.open(other, Open::New).unwrap();
    let mut lengths = std::collections::BTreeSet::new();
    let mut torn = 0;
    for seed in 0..100 {
        let after = vfs.crash(seed);
        let file = after.open(name, Open::Read).unwrap();
        let mut bytes = vec![0; 4000];
        let length = file.read_at(0, &mut bytes).unwrap();
        assert!(length >= 2000 && bytes[..2000] == [1; 2000]);
        let written = bytes[2000..length]
            .iter()
            .filter(|byte| **byte == 2)
            .count();
        torn += usize::from(written > 0 && written < length - 2000);
        lengths.insert(length);
    }
    assert!(lengths.len() > 50 && torn > 20, "{} {torn}", lengths.len());
}

#[test]
fn what_a_failed_sync_was_for_is_lost_although_the_next_one_succeeds() {
    let vfs = MemoryVfs::default();
    let name = Path::new("/f");
    let mut file = vfs.open(name, Open::New).unwrap();
    vfs.sync_dir(Path::new("/")).unwrap();
    file.write_at(0, &[1; 600]).unwrap();
    let from = vfs.counts().operations;
    vfs.add_fault(Fault::Fail {
        from,
        to: from + 1,
        what: Operation::Sync,
        errno: EIO,
    });
    assert_eq!(file.sync().unwrap_err().raw_os_error(), Some(EIO));
    file.sync().unwrap();
    let byte = |vfs: &MemoryVfs| {
        let mut byte = [9];
        vfs.open(name, Open::Read)
            .unwrap()
            .read_at(0, &mut byte)
            .unwrap();
        byte[0]
    };
    assert_eq!(byte(&vfs), 1, "it looks as if all were well");
    assert_eq!(byte(&vfs.crash(1)), 0);
}

#[test]
fn room_is_counted_with_what_is_reserved() {
    let vfs = MemoryVfs::with_capacity(1000);
    let mut file = vfs.open(Path::new("/f"), Open::New).unwrap();
    file.reserve(800).unwrap();
    assert_eq!(vfs.free_bytes(Path::new("/")).unwrap(), 200);
    let mut other = vfs.open(Path::new("/g"), Open::New).unwrap();
    let full = other.write_at(0, &[0; 201]).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    file.write_at(0, &[0; 800]).unwrap();
    file.set_len(100).unwrap();
    other.write_at(0, &[0; 900]).unwrap();
    vfs.add_fault(Fault::CrashAt(0));
    assert!(file.sync().is_err() && vfs.has_crashed());
}
