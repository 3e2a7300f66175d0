//! Where log lines go: standard error, as text or JSON. Every line of a request carries its trace id, as a
//! field of the span around it.

use parley_settings::LogLevel;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt, reload};

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

/// A filter in use.
type Filter = Box<dyn tracing_subscriber::layer::Filter<Registry> + Send + Sync>;

/// Changes what is logged.
pub(super) struct LogControl {
    /// Asked for in so many words: no level changes it.
    is_fixed: bool,
    filter: reload::Handle<Filter, Registry>,
}

impl LogControl {
    /// From now on.
    pub(super) fn set_level(&self, level: LogLevel) {
        if self.is_fixed {
            return;
        }
        let reloaded = LogFilter::parse(level.name())
            .map(|filter| self.filter.reload(Box::new(filter.into_filter()) as Filter));
        if !matches!(reloaded, Ok(Ok(()))) {
            tracing::warn!(level = level.name(), "the log level could not be changed");
        }
    }
}

/// Installs the logger of a process that a Mattermost server started; panics are logged, too. `filter` holds
/// over the level.
pub(super) fn start_hclog(filter: Option<&str>, level: LogLevel) -> Result<LogControl, Failure> {
    let asked = LogFilter::parse(filter.unwrap_or(level.name()))
        .map_err(|why| Failure::config("PARLEY_LOG", why))?;
    let (asked, handle) = reload::Layer::new(Box::new(asked.into_filter()) as Filter);
    let lines = fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(HclogJson)
        .with_writer(std::io::stderr);
    Registry::default()
        .with(lines.with_filter(asked))
        .try_init()
        .map_err(|error| Failure::internal("log", error))?;
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a panic")));
    Ok(LogControl {
        is_fixed: filter.is_some(),
        filter: handle,
    })
}
