//! Where log lines go: standard error, as text or JSON. Every line of a request carries its trace id, as a
//! field of the span around it.

use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt};

use super::args::LogFormat;
use super::config::CommonConfig;
use super::failure::Failure;
use super::log_filter::LogFilter;
use crate::platform::mattermost::log::HclogJson;

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
        .with(lines.with_filter(config.log_filter.clone().into_filter()))
        .try_init()
        .map_err(|error| Failure::internal("log", error))
}

/// Installs the logger of a process that a Mattermost server started; panics are logged, too.
pub(super) fn start_hclog(filter: &str) -> Result<(), Failure> {
    let filter = LogFilter::parse(filter).map_err(|why| Failure::config("PARLEY_LOG", why))?;
    let lines = fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(HclogJson)
        .with_writer(std::io::stderr);
    Registry::default()
        .with(lines.with_filter(filter.into_filter()))
        .try_init()
        .map_err(|error| Failure::internal("log", error))?;
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a panic")));
    Ok(())
}
