//! The command line: raw arguments ([`args`]) become checked settings ([`config`]), then one command runs.

mod args;
mod config;
mod data_lock;
mod demo;
mod failure;
mod health;
mod listen;
mod log_filter;
mod logging;
mod mattermost;
mod media_server;
mod plugin_env;
mod request_trace;
mod robot;
mod serve;
mod signals;

use clap::Parser as _;

pub use self::failure::Failure;

/// Reads the arguments and does what they say, until it is done or the process is told to end.
/// Started by a Mattermost server instead, serves that.
pub fn run() -> Result<(), Failure> {
    if mattermost::is_asked_for() {
        let runtime = runtime()?;
        let outcome = runtime.block_on(mattermost::run());
        // The end waits for nothing that is still compiled: a server kills after 2 s.
        runtime.shutdown_background();
        return outcome;
    }
    match args::Cli::parse().command {
        args::Command::Serve(args) => {
            let config = config::ServeConfig::check(args)?;
            logging::start(&config.common)?;
            block_on(serve::serve(config))
        }
        args::Command::Demo(args) => {
            let config = config::DemoConfig::check(args)?;
            logging::start(&config.serve.common)?;
            block_on(demo::demo(config))
        }
    }
}

fn block_on(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    runtime()?.block_on(command)
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("host")
        .build()
        .map_err(|error| Failure::system("runtime", error))
}

/// Prints what was asked for. Logs go to standard error; a reader that went away is no reason to end.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
