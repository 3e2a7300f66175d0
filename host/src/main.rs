//! `parley`: the host's executable.

use std::process::ExitCode;

fn main() -> ExitCode {
    match parley_host::cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("parley: {failure}");
            failure.exit_code()
        }
    }
}
