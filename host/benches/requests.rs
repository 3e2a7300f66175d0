//! What one request through the sandbox costs: `cargo bench -p parley-host`. Prints p50 and p99.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and ends on errors"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use parley_host::environment::SystemEnvironment;
use parley_host::hooks::CommandArgs;
use parley_host::media::FixedLink;
use parley_host::platform::local::{Local, LocalConfig};
use parley_host::plugin::Plugin;
use parley_host::sandbox::{Limits, Services};

/// Requests before the measured ones: the pool's memory is touched, the caches are warm.
const WARM_UP: usize = 500;
const MEASURED: usize = 5_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let config = LocalConfig::new("http://localhost", "app.parley.calls", "0.1.0");
        let services = Services {
            platform: Arc::new(Local::open(config).unwrap()),
            media: Arc::new(FixedLink::new(None)),
            environment: Arc::new(SystemEnvironment),
        };
        let start = Instant::now();
        let hostile = Plugin::new(
            parley_hostile::COMPONENT,
            services.clone(),
            Limits::default(),
        )
        .unwrap();
        println!("load, fixture: {:?}", start.elapsed());
        let start = Instant::now();
        let plugin = Plugin::new(parley_component::COMPONENT, services, Limits::default()).unwrap();
        println!("load, plugin: {:?}", start.elapsed());
        measure("fixture answers", &hostile, "echo hello").await;
        measure("fixture reads the store", &hostile, "kv get nothing").await;
        measure("plugin shows its help", &plugin, "/call help").await;
    });
}

async fn measure(what: &str, plugin: &Plugin, command: &str) {
    let mut times = Vec::with_capacity(MEASURED);
    for round in 0..WARM_UP + MEASURED {
        let args = CommandArgs {
            command: command.to_owned(),
            ..CommandArgs::default()
        };
        let start = Instant::now();
        plugin.on_command(args).await.unwrap();
        if round >= WARM_UP {
            times.push(start.elapsed());
        }
    }
    times.sort_unstable();
    let at = |share: usize| -> Duration { times[times.len() * share / 100] };
    println!("{what}: p50 {:?}, p99 {:?}", at(50), at(99));
}
