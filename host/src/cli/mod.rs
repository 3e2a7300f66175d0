//! The command line: raw arguments ([`args`]) become checked settings ([`config`]), then one command runs.

mod args;
mod config;
mod data_lock;
mod demo;
mod failure;
mod listen;
mod logging;
mod request_trace;
mod robot;
mod serve;
mod signals;

use clap::Parser as _;

pub use self::failure::Failure;

/// Reads the arguments and does what they say, until it is done or the process is told to end.
pub fn run() -> Result<(), Failure> {
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("host")
        .build()
        .map_err(|error| Failure::system("runtime", error))?;
    runtime.block_on(command)
}

/// Prints what was asked for. Logs go to standard error; a reader that went away is no reason to end.
fn say(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
