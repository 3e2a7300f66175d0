//! Rooms on both shards of the real sidecar process, whose clients' datagrams arrive at either.
#![allow(clippy::expect_used)] // Whatever fails here is the test's finding.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use parley_bench::load::{self, Cpus, Options, Scenario, Sidecar, SidecarOptions};

/// The executable beside this test's; built if it is not there.
fn sidecar() -> PathBuf {
    let own = std::env::current_exe().expect("own path");
    let profile = own.parent().and_then(|deps| deps.parent());
    let path = profile.expect("target folder").join("parley-sidecar");
    if !path.exists() {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--package", "parley-sidecar"])
            .status();
        assert!(
            built.expect("cargo").success(),
            "the sidecar does not build"
        );
    }
    path
}

#[tokio::test]
async fn everybody_is_heard_in_rooms_of_two_shards() {
    let options = SidecarOptions {
        executable: sidecar(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        media_port: 0,
        cpus: Vec::new(),
        others: None,
        shards: 2,
    };
    let sidecar = Sidecar::start(&options).await.expect("the sidecar starts");
    let rooms = Scenario::named("pair").expect("a workload").with_rooms(4);
    let options = Options::window(Duration::from_millis(500), Duration::from_secs(2));
    let figures = load::run(&sidecar, &rooms, &options, &Cpus::ANY, |_| {})
        .await
        .expect("the calls run");
    sidecar.stop().await.expect("the sidecar ends in order");
    let shards: Vec<f64> = figures.sessions_by_shard.values().copied().collect();
    assert!(
        shards.len() == 2 && shards.iter().all(|n| *n > 0.0),
        "{figures}"
    );
    // 100 packets each in two seconds; a loaded machine may be slow, but not deaf.
    assert!(figures.forwarded_packets_least >= 50, "{figures}");
}
