//! The publisher between a sidecar's contract and the local platform: what is done after whatever broke.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod poster;
mod sidecar;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parley_host::media::recordings::{
    NotPosted, PostFuture, Publisher, PublisherCounters, RecordingHandler,
};
use parley_host::media::{Connection, FixedLink};
use parley_host::platform::files::{FileFacts, Files, NewUpload, Progress, Source, UploadFuture};
use parley_host::platform::local::{Account, Local, LocalConfig};
use parley_host::platform::{ChannelKind, Platform as _, PlatformError, PlatformFuture, Post};
use parley_proto::v1::recordings_server::RecordingsServer;
use parley_proto::v1::{Recording, RecordingState};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::poster::ThreadPoster;
use self::sidecar::Sidecar;

const MIB: u64 = 1 << 20;

struct World {
    dir: tempfile::TempDir,
    local: Arc<Local>,
    sidecar: Sidecar,
    channel: String,
    root: String,
}

fn opened(dir: &std::path::Path) -> Arc<Local> {
    let config = LocalConfig {
        data_dir: Some(dir.to_owned()),
        ..LocalConfig::new("http://localhost:8065", "app.parley.calls", "0.1.0")
    };
    Arc::new(Local::open(config).unwrap())
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let local = opened(dir.path());
        let account = Account {
            username: "carol".into(),
            ..Account::default()
        };
        let carol = local.create_user(account).await.unwrap();
        let team = local.create_team("team", "Team").await.unwrap();
        let channel = local
            .create_channel(&team, "channel", "Channel", ChannelKind::Open)
            .await
            .unwrap();
        let root = Post {
            user_id: carol,
            channel_id: channel.clone(),
            message: "A call".into(),
            ..Post::default()
        };
        let root = local.create_post(root).await.unwrap().id;
        Self {
            dir,
            local,
            sidecar: Sidecar::default(),
            channel,
            root,
        }
    }

    fn add(&self, id: &str, lengths: &[u64]) {
        let labels = [("channel_id", &*self.channel), ("root_id", &*self.root)];
        self.sidecar.add(id, &labels, lengths);
    }

    fn host(&self, id: &str) -> Host {
        self.host_with(id, Arc::clone(&self.local) as _, self.poster())
    }

    fn poster(&self) -> Arc<dyn RecordingHandler> {
        Arc::new(ThreadPoster(Arc::clone(&self.local)))
    }

    fn host_with(
        &self,
        id: &str,
        files: Arc<dyn Files>,
        handler: Arc<dyn RecordingHandler>,
    ) -> Host {
        let service = RecordingsServer::new(self.sidecar.clone());
        let link = FixedLink::new(Some(Connection::new(service, "start-1")));
        let (stop, counters) = (
            CancellationToken::new(),
            Arc::<PublisherCounters>::default(),
        );
        let publisher = Publisher {
            host_id: id.into(),
            link: Arc::new(link),
            files,
            handler,
            counters: Arc::clone(&counters),
        };
        let task = tokio::spawn(publisher.run(stop.clone()));
        Host {
            stop,
            task,
            counters,
        }
    }

    /// Posts of the recording in the thread.
    async fn posts(&self, id: &str) -> Vec<Post> {
        let thread = self.local.get_thread(&self.root).await.unwrap();
        let ours = |post: &Post| post.props_json.contains(id);
        thread.into_iter().filter(ours).collect()
    }

    /// It is posted once, with all of its files as the sidecar has them.
    async fn is_published(&self, id: &str) {
        self.sidecar.reaches(id, RecordingState::Verified).await;
        let posts = self.posts(id).await;
        assert_eq!(posts.len(), 1, "{posts:?}");
        let recording = self.sidecar.get(id);
        assert_eq!(recording.post_id, posts[0].id);
        assert_eq!(posts[0].file_ids.len(), recording.files.len());
        for file in &recording.files {
            assert!(posts[0].file_ids.contains(&file.file_id));
            let path = self.dir.path().join("files").join(&file.file_id);
            let found = std::fs::read(path).unwrap();
            assert_eq!(Sha256::digest(&found)[..], file.sha256[..], "{}", file.name);
        }
    }
}

/// A publisher at work.
struct Host {
    stop: CancellationToken,
    task: JoinHandle<()>,
    counters: Arc<PublisherCounters>,
}

impl Host {
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }

    /// Nothing of it goes on, not even an orderly end.
    async fn die(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

#[tokio::test]
async fn recordings_are_uploaded_posted_and_read_back_one_after_the_other() {
    let world = World::new().await;
    world.add("first", &[3 * MIB + 17, 700]);
    world.add("second", &[1]);
    let host = world.host("host");
    world.is_published("first").await;
    world.is_published("second").await;
    assert_eq!(
        world.sidecar.told(),
        [
            "begun 1",
            "read 1 from 0",
            "uploaded 1",
            "begun 2",
            "read 2 from 0",
            "uploaded 2",
            "posted",
            "verified",
            "begun 1",
            "read 1 from 0",
            "uploaded 1",
            "posted",
            "verified"
        ]
    );
    assert_eq!(world.sidecar.largest(), world.local.file_bytes_max());
    assert_eq!(host.counters.verified.load(Ordering::Relaxed), 2);
    assert_eq!(
        host.counters.bytes.load(Ordering::Relaxed),
        3 * MIB + 17 + 700 + 1
    );
    host.end().await;
}

/// Each report is kept by the sidecar, and then the host dies before it hears of that; and each step is done
/// on the platform, and then the host dies before it can report it.
#[tokio::test]
async fn whoever_dies_wherever_there_is_one_post_with_one_copy_of_each_file() {
    for kind in ["begun 1", "uploaded 1", "uploaded 2", "posted", "verified"] {
        let world = World::new().await;
        world.add("it", &[2 * MIB, 100]);
        world.sidecar.lose_answer_to(kind);
        let host = world.host("first host");
        let told = || world.sidecar.told().iter().any(|told| told == kind);
        while !told() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        host.die().await;
        world.sidecar.expire();
        // The same data, another process.
        let World {
            dir,
            sidecar,
            channel,
            root,
            local,
        } = world;
        drop(local);
        let local = opened(dir.path());
        let world = World {
            dir,
            local,
            sidecar,
            channel,
            root,
        };
        let host = world.host("second host");
        world.is_published("it").await;
        let reads = world.sidecar.told();
        let reads = reads.iter().filter(|told| told.starts_with("read")).count();
        assert_eq!(reads, 2, "{kind}: no file goes twice");
        host.end().await;
    }
}

#[tokio::test]
async fn steps_that_nobody_heard_of_are_found_done() {
    let world = World::new().await;
    world.add("it", &[2 * MIB]);
    let host = world.host("first host");
    world.is_published("it").await;
    host.end().await;
    // The sidecar knows of the upload alone, or of the file alone: the reports that followed got lost.
    for known in ["upload", "file"] {
        world.sidecar.change("it", |recording| {
            recording.set_state(RecordingState::Uploading);
            recording.post_id.clear();
            if known == "upload" {
                recording.files[0].file_id.clear();
            }
        });
        let host = world.host("second host");
        world.is_published("it").await;
        host.end().await;
    }
    let told = world.sidecar.told();
    assert_eq!(
        told.iter().filter(|told| told.starts_with("read")).count(),
        1
    );
}

#[tokio::test]
async fn a_stream_that_breaks_goes_on_where_the_platform_is() {
    let world = World::new().await;
    world.add("it", &[20 * MIB]);
    world.sidecar.break_streams_after(Some(9 * MIB));
    let host = world.host("host");
    world.is_published("it").await;
    let told = world.sidecar.told();
    let reads: Vec<_> = told
        .iter()
        .filter(|told| told.starts_with("read"))
        .collect();
    let from = |mib: u64| format!("read 1 from {}", mib * MIB);
    assert_eq!(reads, [&from(0), &from(9), &from(18)]);
    assert_eq!(world.sidecar.get("it").failures, 2);
    assert_eq!(world.sidecar.get("it").failure, "uploading: unavailable");
    host.end().await;
}

#[tokio::test]
async fn what_the_platform_lost_is_uploaded_again_before_it_is_posted() {
    let world = World::new().await;
    world.add("it", &[2 * MIB, 5000]);
    let lost = Arc::new(Flaky {
        local: Arc::clone(&world.local),
        dir: world.dir.path().join("files"),
        refusals: AtomicU32::new(0),
        losses: AtomicU32::new(2),
    });
    let host = world.host_with("host", Arc::clone(&lost) as _, world.poster());
    world.is_published("it").await;
    let told = world.sidecar.told();
    let losses = told.iter().filter(|told| told.starts_with("lost")).count();
    assert_eq!(losses, 2, "{told:?}");
    let posted = told.iter().position(|told| told == "posted").unwrap();
    assert!(told[posted..].iter().all(|told| !told.starts_with("lost")));
    host.end().await;
}

#[tokio::test]
async fn a_platform_that_refuses_for_a_while_gets_it_later() {
    let world = World::new().await;
    world.add("it", &[100]);
    let refusing = Arc::new(Flaky {
        local: Arc::clone(&world.local),
        dir: world.dir.path().join("files"),
        refusals: AtomicU32::new(2),
        losses: AtomicU32::new(0),
    });
    let host = world.host_with("host", refusing, world.poster());
    world.is_published("it").await;
    let recording = world.sidecar.get("it");
    assert_eq!(recording.failures, 2);
    assert_eq!(recording.failure, "beginning an upload: unavailable");
    assert_eq!(host.counters.failed.load(Ordering::Relaxed), 2);
    host.end().await;
}

#[tokio::test]
async fn a_claim_that_is_anothers_by_now_is_let_go() {
    let world = World::new().await;
    world.add("it", &[MIB]);
    let handler = Arc::new(Thief(
        world.sidecar.clone(),
        ThreadPoster(Arc::clone(&world.local)),
    ));
    let host = world.host_with("host", Arc::clone(&world.local) as _, handler);
    world.is_published("it").await;
    let told = world.sidecar.told();
    // Whoever lost it says nothing: neither that it failed nor that it is posted.
    assert!(
        told.iter().all(|told| !told.starts_with("failed")),
        "{told:?}"
    );
    host.end().await;
}

#[tokio::test]
async fn a_step_that_the_sidecar_refuses_is_told_as_a_failure() {
    let world = World::new().await;
    world.add("it", &[10]);
    world.sidecar.refuse_posted(1);
    let host = world.host("host");
    world.is_published("it").await;
    let recording = world.sidecar.get("it");
    assert_eq!(recording.failures, 1);
    assert_eq!(recording.failure, "the media server refuses a step");
    host.end().await;
}

#[tokio::test]
async fn what_never_works_is_parked() {
    let world = World::new().await;
    world.add("parked", &[10]);
    world.sidecar.add("homeless", &[], &[10]);
    let host = world.host_with("host", Arc::clone(&world.local) as _, Arc::new(Refusing));
    for id in ["parked", "homeless"] {
        world.sidecar.reaches(id, RecordingState::Parked).await;
    }
    let told = world.sidecar.told();
    for reason in [
        "parked: the channel is gone",
        "parked: it belongs to no channel",
    ] {
        assert!(told.iter().any(|told| told == reason), "{told:?}");
    }
    assert_eq!(host.counters.parked.load(Ordering::Relaxed), 2);
    host.end().await;
}

/// The most memory that this process had, KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let digits = line.unwrap().trim().trim_end_matches("kB").trim();
    digits.parse().unwrap()
}

#[tokio::test]
async fn a_large_file_is_never_in_memory() {
    const LENGTH: u64 = 200 * MIB;
    let world = World::new().await;
    world.add("large", &[LENGTH]);
    let before = peak_kib();
    let host = world.host("host");
    world
        .sidecar
        .reaches("large", RecordingState::Verified)
        .await;
    // Other tests run beside this one: their files are of some MiB.
    let grown_mib = peak_kib().saturating_sub(before) / 1024;
    assert!(grown_mib < LENGTH / MIB / 2, "{grown_mib} MiB");
    host.end().await;
}

/// A platform that refuses uploads, and loses files once it has them.
struct Flaky {
    local: Arc<Local>,
    dir: std::path::PathBuf,
    refusals: AtomicU32,
    losses: AtomicU32,
}

/// Takes one off, if there is one.
fn take(left: &AtomicU32) -> bool {
    let less = |left: u32| left.checked_sub(1);
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
        .is_ok()
}

impl Files for Flaky {
    fn file_bytes_max(&self) -> u64 {
        self.local.file_bytes_max()
    }
    fn create_upload(&self, new: NewUpload) -> PlatformFuture<'_, String> {
        if take(&self.refusals) {
            let refusal = PlatformError::Unavailable("carol switched it off".into());
            return Box::pin(async { Err(refusal) });
        }
        self.local.create_upload(new)
    }
    fn upload_state<'a>(&'a self, upload_id: &'a str) -> PlatformFuture<'a, Progress> {
        self.local.upload_state(upload_id)
    }
    fn upload<'a>(
        &'a self,
        upload_id: &'a str,
        offset: u64,
        source: &'a mut Source<'a>,
    ) -> UploadFuture<'a> {
        Box::pin(async move {
            let done = self.local.upload(upload_id, offset, source).await?;
            if let Some(file) = &done.file_id
                && take(&self.losses)
            {
                let file = std::fs::OpenOptions::new()
                    .write(true)
                    .open(self.dir.join(file));
                std::io::Write::write_all(&mut file.unwrap(), b"rotten").unwrap();
            }
            Ok(done)
        })
    }
    fn file_facts<'a>(&'a self, file_id: &'a str) -> PlatformFuture<'a, FileFacts> {
        self.local.file_facts(file_id)
    }
}

/// While this one posts for the first time, the claim's time is over.
struct Thief(Sidecar, ThreadPoster<Local>);

impl RecordingHandler for Thief {
    fn post_recording<'a>(&'a self, recording: &'a Recording) -> PostFuture<'a> {
        Box::pin(async move {
            let posted = self.1.post_recording(recording).await;
            if !self.0.told().iter().any(|told| told == "stolen") {
                self.0.steal(&recording.recording_id);
            }
            posted
        })
    }
}

/// No post, ever.
struct Refusing;

impl RecordingHandler for Refusing {
    fn post_recording<'a>(&'a self, _: &'a Recording) -> PostFuture<'a> {
        Box::pin(async { Err(NotPosted::Parked("the channel is gone".into())) })
    }
}
