//! Files in pieces: how they come in, what a crash leaves, who may read them, and in which parts.

use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, ReadBuf};

use super::super::limits;
use super::*;
use crate::platform::files::{Files, NewUpload, Progress};
use crate::platform::{Platform, PlatformError, Post};

const SIZE: u64 = 20 << 20;

fn content(bytes: u64) -> Vec<u8> {
    (0..bytes)
        .map(|at| (at % 251) as u8 ^ (at >> 12) as u8)
        .collect()
}

async fn world(dir: &Path) -> World {
    World::with(|config| config.data_dir = Some(dir.to_owned())).await
}

/// The same data, by another process.
fn again(dir: &Path) -> Local {
    let mut config = LocalConfig::new("http://localhost:8065", PLUGIN, "0.1.0");
    config.clock = Arc::new(ManualClock::new(1_700_000_000_000));
    config.data_dir = Some(dir.to_owned());
    Local::open(config).unwrap()
}

fn new(world: &World, name: &str, kind: &str, bytes: u64) -> NewUpload {
    NewUpload {
        channel_id: world.open.clone(),
        name: name.to_owned(),
        content_type: kind.to_owned(),
        bytes,
    }
}

/// Fails after these bytes, as a connection that breaks.
struct Breaking<'a>(&'a [u8]);

impl AsyncRead for Breaking<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.0.is_empty() {
            return Poll::Ready(Err(std::io::Error::other("broken")));
        }
        let now = self.0.len().min(buffer.remaining());
        let (taken, rest) = self.0.split_at(now);
        buffer.put_slice(taken);
        self.0 = rest;
        Poll::Ready(Ok(()))
    }
}

async fn uploaded(world: &World, name: &str, kind: &str, bytes: &[u8]) -> String {
    let new = new(world, name, kind, bytes.len() as u64);
    let id = world.local.create_upload(new).await.unwrap();
    let done = world.local.upload(&id, 0, &mut &*bytes).await.unwrap();
    assert_eq!(done.offset, bytes.len() as u64);
    done.file_id.unwrap()
}

async fn posted(world: &World, files: &[&str]) -> Post {
    let post = Post {
        user_id: world.local.bot_id().await.unwrap(),
        channel_id: world.open.clone(),
        message: "A recording".to_owned(),
        file_ids: files.iter().map(|&id| id.to_owned()).collect(),
        ..Post::default()
    };
    world.local.create_post(post).await.unwrap()
}

#[tokio::test]
async fn an_upload_goes_on_after_its_source_broke_and_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = content(SIZE);
    let world = self::world(dir.path()).await;
    let upload = new(&world, "recording-1.webm", "video/webm", SIZE);
    let id = world.local.create_upload(upload).await.unwrap();
    let state = world.local.upload_state(&id).await.unwrap();
    assert_eq!((state.offset, state.file_id), (0, None));
    let first = 9 << 20;
    let broken = world
        .local
        .upload(&id, 0, &mut Breaking(&bytes[..first]))
        .await;
    assert!(
        matches!(broken, Err(PlatformError::Unavailable(_))),
        "{broken:?}"
    );
    // Nothing that came is lost.
    let state = world.local.upload_state(&id).await.unwrap();
    assert_eq!(state.offset, first as u64);
    let wrong = world.local.upload(&id, 5, &mut &*bytes).await;
    assert!(matches!(wrong, Err(PlatformError::Invalid(_))), "{wrong:?}");
    drop(world);
    // What the disk has beyond what it is known to have for certain may be anything.
    let path = dir.path().join("files").join(&id);
    let mut torn = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    std::io::Write::write_all(&mut torn, &[0; 100_000]).unwrap();
    let local = again(dir.path());
    let state = local.upload_state(&id).await.unwrap();
    assert_eq!(state.offset, first as u64);
    let done = local.upload(&id, first as u64, &mut &bytes[first..]).await;
    let wanted = Progress {
        offset: SIZE,
        file_id: Some(id.clone()),
    };
    assert_eq!(done.unwrap(), wanted);
    // Who did not hear of it, asks.
    assert_eq!(local.upload_state(&id).await.unwrap(), wanted);
    let facts = local.file_facts(&id).await.unwrap();
    assert_eq!(facts.bytes, SIZE);
    assert_eq!(facts.sha256, Some(Sha256::digest(&bytes).into()));
    // Read back from the disk, not remembered.
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, b"other").unwrap();
    let facts = local.file_facts(&id).await.unwrap();
    assert_ne!(facts.sha256, Some(Sha256::digest(&bytes).into()));
    std::fs::remove_file(&path).unwrap();
    let gone = local.file_facts(&id).await;
    assert_eq!(gone, Err(PlatformError::NotFound));
}

#[tokio::test]
async fn members_read_a_file_in_ranges_and_nobody_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let world = self::world(dir.path()).await;
    let (carol, erin) = (world.member("carol").await, world.stranger("erin").await);
    let bytes = content(300_000);
    let file = uploaded(&world, "recording-1.webm", "video/webm", &bytes).await;
    let texts = uploaded(&world, "recording-1.vtt", "text/vtt", b"WEBVTT\n").await;
    let post = posted(&world, &[&file, &texts]).await;
    assert_eq!(post.file_ids, [file.clone(), texts.clone()]);
    let seen = world
        .get(&carol, &format!("/posts/{}", post.id))
        .await
        .expect(200);
    assert_eq!(seen["file_ids"], json!([file, texts]));
    let infos = seen["metadata"]["files"].as_array().unwrap();
    let info = infos.iter().find(|info| info["id"] == *file).unwrap();
    assert_eq!(info["size"], 300_000);
    assert_eq!(info["extension"], "webm");
    assert_eq!(info["mime_type"], "video/webm");
    assert_eq!(info["post_id"], post.id);

    let path = format!("/files/{file}");
    let whole = world.get(&carol, &path).await;
    assert_eq!(whole.status, 200);
    assert!(whole.bytes == bytes);
    assert_eq!(whole.header("content-type"), "video/webm");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(
        whole.header("content-security-policy"),
        "default-src 'none'; sandbox"
    );
    assert_eq!(whole.header("x-content-type-options"), "nosniff");
    assert_eq!(
        whole.header("content-disposition"),
        "inline; filename=\"recording-1.webm\""
    );
    let kind = world.get(&carol, &format!("/files/{texts}")).await;
    assert_eq!(kind.header("content-type"), "text/vtt");

    let range = async |who: &Person, range: &str| {
        let bearer = format!("Bearer {}", who.token);
        let headers = [("authorization", &*bearer), ("range", range)];
        let path = format!("/api/v4{path}");
        world.raw("GET", &path, &headers, String::new()).await
    };
    for (asked, part, said) in [
        ("bytes=0-9", 0..10, "bytes 0-9/300000"),
        (
            "bytes=299990-",
            299_990..300_000,
            "bytes 299990-299999/300000",
        ),
        ("bytes=-5", 299_995..300_000, "bytes 299995-299999/300000"),
        (
            "bytes=100000-199999",
            100_000..200_000,
            "bytes 100000-199999/300000",
        ),
    ] {
        let answer = range(&carol, asked).await;
        assert_eq!(answer.status, 206, "{asked}");
        assert!(answer.bytes == bytes[part], "{asked}");
        assert_eq!(answer.header("content-range"), said);
        assert_eq!(answer.header("content-type"), "video/webm");
    }
    assert_eq!(range(&carol, "bytes=300000-").await.status, 416);
    range(&erin, "bytes=0-9").await.error(403);
    world.get(&erin, &path).await.error(403);
    world.get(&erin, &format!("{path}/info")).await.error(403);

    world
        .delete(&world.admin().await, &format!("/posts/{}", post.id))
        .await
        .expect(200);
    world.get(&carol, &path).await.error(404);
    assert!(!dir.path().join("files").join(&file).exists());
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_removed_after_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let world = self::world(dir.path()).await;
    let bytes = content(1000);
    let upload = new(&world, "begun.webm", "video/webm", 2000);
    let begun = world.local.create_upload(upload).await.unwrap();
    world.local.upload(&begun, 0, &mut &*bytes).await.unwrap();
    let unused = uploaded(&world, "unused.webm", "video/webm", &bytes).await;
    let used = uploaded(&world, "used.webm", "video/webm", &bytes).await;
    posted(&world, &[&used]).await;
    let there = |id: &str| dir.path().join("files").join(id).exists();
    world.clock.advance_ms(limits::FILE_UNUSED_MS);
    uploaded(&world, "other.webm", "video/webm", &bytes).await;
    assert!(there(&begun) && there(&unused));
    world.clock.advance_ms(1);
    uploaded(&world, "other.webm", "video/webm", &bytes).await;
    assert!(!there(&begun) && !there(&unused) && there(&used));
    let state = world.local.upload_state(&begun).await;
    assert_eq!(state, Err(PlatformError::NotFound));
    // What a crash left without a name in the database goes at the next start.
    let lost = super::super::ids::new_id();
    std::fs::write(dir.path().join("files").join(&lost), "x").unwrap();
    drop(world);
    again(dir.path());
    assert!(!there(&lost) && there(&used));
}

#[tokio::test]
async fn uploads_have_limits() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::with(|config| {
        config.data_dir = Some(dir.path().to_owned());
        config.file_bytes_max = 1000;
    })
    .await;
    assert_eq!(world.local.file_bytes_max(), 1000);
    for bytes in [0, 1001] {
        let refused = world
            .local
            .create_upload(new(&world, "a", "b", bytes))
            .await;
        assert!(
            matches!(refused, Err(PlatformError::Invalid(_))),
            "{refused:?}"
        );
    }
    let nowhere = NewUpload {
        channel_id: super::super::ids::new_id(),
        ..new(&world, "a", "b", 1)
    };
    let refused = world.local.create_upload(nowhere).await;
    assert_eq!(refused, Err(PlatformError::NotFound));
    // No more than was announced is taken.
    let id = world
        .local
        .create_upload(new(&world, "a", "b", 10))
        .await
        .unwrap();
    let done = world
        .local
        .upload(&id, 0, &mut &*content(100))
        .await
        .unwrap();
    assert_eq!(done.offset, 10);
    let path = dir.path().join("files").join(done.file_id.unwrap());
    assert_eq!(std::fs::metadata(path).unwrap().len(), 10);
    for _ in 0..limits::UPLOADS_MAX {
        world
            .local
            .create_upload(new(&world, "a", "b", 1))
            .await
            .unwrap();
    }
    let refused = world.local.create_upload(new(&world, "a", "b", 1)).await;
    assert!(refused.is_err());
    // Without a folder there is no room for them.
    let world = World::new().await;
    assert_eq!(world.local.file_bytes_max(), 0);
    let refused = world.local.create_upload(new(&world, "a", "b", 1)).await;
    assert!(
        matches!(refused, Err(PlatformError::Unavailable(_))),
        "{refused:?}"
    );
}
