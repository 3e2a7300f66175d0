//! `parley-sidecar`: reads its arguments and lives the life of `parley_sidecar::lifecycle`.

use clap::Parser as _;
use clap::error::ErrorKind;
use parley_proto::launch::{EXIT_CONFIG, EXIT_OK};
use parley_sidecar::config::Args;

fn main() {
    let args = Args::try_parse().unwrap_or_else(|error| {
        // Help and version go to standard output, the rest to standard error.
        let _ = error.print();
        let asked = matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        );
        std::process::exit(if asked { EXIT_OK } else { EXIT_CONFIG });
    });
    std::process::exit(match &args.command {
        Some(command) => parley_sidecar::recordings_cli::main(&args, command),
        None => parley_sidecar::lifecycle::main(&args),
    });
}
