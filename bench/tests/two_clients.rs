//! Two clients talk through the real sidecar process: gRPC over its Unix socket, UDP over loopback.
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
async fn two_clients_hear_each_other_through_the_real_sidecar() {
    let options = SidecarOptions {
        executable: sidecar(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        media_port: 0,
        cpus: Vec::new(),
        others: None,
        shards: 1,
    };
    let sidecar = Sidecar::start(&options).await.expect("the sidecar starts");
    let pair = Scenario::named("pair").expect("a workload");
    let options = Options::window(Duration::from_millis(500), Duration::from_secs(2));
    let figures = load::run(&sidecar, &pair, &options, &Cpus::ANY, |_| {})
        .await
        .expect("the call runs");
    sidecar.stop().await.expect("the sidecar ends in order");
    // 100 packets each in two seconds; a loaded machine may be slow, but not deaf.
    assert!(figures.forwarded_packets_least >= 50, "{figures}");
}
