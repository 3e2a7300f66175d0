//! `parley-link --to 127.0.0.1:8443 --course "delay=80 loss=2"`: a bad network on loopback.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Parser;
use parley_bench::proxy::{Course, Proxy};

/// Passes datagrams on to a media server and back as a bad network would, until standard input ends; then
/// prints what became of those to clients. Clients send to the address that is printed first.
#[derive(Debug, Parser)]
#[command(name = "parley-link", version)]
struct Arguments {
    /// The media server.
    #[arg(long, value_name = "ADDRESS")]
    to: SocketAddr,
    /// Where clients send to.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// What the network is like: delay, jitter and queue in ms, loss in percent, rate in kbit/s (0: no limit);
    /// and from a second on: "delay=80 loss=2 rate=2000, 20: rate=500, 40: rate=2000".
    #[arg(long)]
    course: Course,
    /// Another one loses others.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[allow(clippy::print_stdout)] // what it says is its output
fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let Arguments { listen, to, .. } = arguments;
    let proxy = Proxy::start(listen, to, arguments.course, arguments.seed).context("the proxy")?;
    println!("{}", proxy.address());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    let fates = proxy.stop()?;
    println!(
        "{} sent, {} lost, {} too many",
        fates.sent, fates.lost, fates.overflowed
    );
    Ok(())
}
