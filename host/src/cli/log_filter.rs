//! What is logged: the filter as it was typed, and a cap on those who say too much.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;

use parley_proto::log_filter::{misspelt_level, misspelt_level_reason};

/// The sandbox' compiler: on `debug` it writes 12,000 lines a second while it loads the plugin. Only its
/// warnings are taken, unless the filter names it. Targets begin like this.
const TALKATIVE: [&str; 3] = ["wasmtime", "cranelift", "regalloc2"];

/// A filter that parses.
#[derive(Debug, Clone)]
pub(super) struct LogFilter {
    asked: EnvFilter,
    capped: Vec<&'static str>,
}

impl LogFilter {
    /// Checks `text`; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(word) = misspelt_level(text) {
            return Err(misspelt_level_reason(word));
        }
        let asked = EnvFilter::builder()
            .parse(text)
            .map_err(|error| error.to_string())?;
        let named = |target: &str| text.split(',').any(|part| part.trim().starts_with(target));
        let capped = TALKATIVE
            .into_iter()
            .filter(|target| !named(target))
            .collect();
        Ok(Self { asked, capped })
    }

    /// For a layer.
    pub(super) fn into_filter<S>(self) -> impl Filter<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let Self { asked, capped } = self;
        let cap = move |line: &Metadata<'_>| {
            *line.level() <= Level::WARN
                || !capped.iter().any(|name| line.target().starts_with(name))
        };
        // Without a hint every line of every level would be asked about, the compiler's millions too.
        asked.and(filter_fn(cap).with_max_level_hint(LevelFilter::TRACE))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::{Layer as _, fmt};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is written under a filter.
    fn written(filter: &str) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .with_filter(LogFilter::parse(filter).unwrap().into_filter());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::debug!(target: "cranelift_codegen::isa", "compiler debug");
            tracing::info!(target: "wasmtime_internal_cranelift", "engine info");
            tracing::warn!(target: "wasmtime::runtime", "engine warning");
            tracing::debug!(target: "parley_host", "own debug");
        });
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_nobody_asked_for_costs_nothing() {
        let hint = |text: &str| {
            let filter = LogFilter::parse(text).unwrap();
            Filter::<tracing_subscriber::Registry>::max_level_hint(&filter.into_filter())
        };
        assert_eq!(hint("info"), Some(LevelFilter::INFO));
        assert_eq!(hint("info,parley_host=debug"), Some(LevelFilter::DEBUG));
    }

    #[test]
    fn the_compiler_is_heard_when_it_warns_or_was_asked_for() {
        let debug = written("debug");
        assert!(
            debug.contains("own debug") && debug.contains("engine warning"),
            "{debug}"
        );
        assert!(
            !debug.contains("compiler debug") && !debug.contains("engine info"),
            "{debug}"
        );
        let named = written("info,cranelift_codegen=debug");
        assert!(named.contains("compiler debug"), "{named}");
        assert_eq!(
            written("error"),
            "",
            "the cap lets nothing through that was not asked for"
        );
    }
}
