//! Where log lines go: standard error, as text or JSON. Every line of a request carries its trace id, as a
//! field of the span around it.

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt};

use super::args::LogFormat;
use super::config::CommonConfig;
use super::failure::Failure;

/// Installs the process' logger.
pub(super) fn start(config: &CommonConfig) -> Result<(), Failure> {
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match config.log_format {
        LogFormat::Text => lines
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    Registry::default()
        .with(lines.with_filter(config.log_filter.clone()))
        .try_init()
        .map_err(|error| Failure::internal("log", error))
}
