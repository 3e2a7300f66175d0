//! A participant with a tune and a test picture; `parley demo --with-robot` starts it.

use std::io::Read as _;

use anyhow::Context as _;

const HELP: &str = "\
A robot that joins a channel's calls with a tune and a test picture.

Usage: parley-robot < orders.json

Orders, one JSON object on standard input:
  sign_in     one-time sign-in link of the robot's account, http://HOST:PORT/...
  channel_id  the channel whose calls it joins
  plugin_id   the calls plugin's id, e.g. app.parley.calls
";

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::print_stdout)]
async fn main() -> anyhow::Result<()> {
    if std::env::args().len() > 1 {
        print!("{HELP}");
        return Ok(());
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        // The demo's output may go to a file.
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
    let mut text = String::new();
    std::io::stdin()
        .take(64 * 1024)
        .read_to_string(&mut text)
        .context("standard input")?;
    let orders = serde_json::from_str(&text).context("orders")?;
    parley_bench::robot::run(orders).await
}
