//! Log lines for go-plugin's host: one JSON object per line on standard error, in hclog's words.
//!
//! The host asserts without a check that `@message`, `@level` and `@timestamp` are strings, and reads lines
//! of less than 64 KiB.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Longest text of one field, bytes.
const FIELD_BYTES_MAX: usize = 8 * 1024;
/// Longest line, bytes.
const LINE_BYTES_MAX: usize = 60 * 1024;

/// Formats events as hclog's JSON. Goes with [`JsonFields`].
#[derive(Debug, Clone, Copy, Default)]
pub struct HclogJson;

impl<S> FormatEvent<S, JsonFields> for HclogJson
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        for span in context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
        {
            let extensions = span.extensions();
            let known = extensions.get::<FormattedFields<JsonFields>>();
            let known = known.and_then(|known| serde_json::from_str(&known.fields).ok());
            if let Some(Value::Object(known)) = known {
                fields.0.extend(known);
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        writer.write_str(&line(fields.0, *metadata.level(), metadata.target()))?;
        writer.write_char('\n')
    }
}

/// One line, without its end.
fn line(mut fields: Map<String, Value>, level: Level, target: &str) -> String {
    let message = match fields.remove("message") {
        Some(Value::String(message)) => message,
        Some(other) => other.to_string(),
        None => String::new(),
    };
    let level = match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    };
    // A field of ours must not stand in the place of these.
    fields.retain(|name, _| !name.starts_with('@'));
    let head = [
        ("@message", message),
        ("@level", level.to_owned()),
        ("@timestamp", timestamp(OffsetDateTime::now_utc())),
        ("target", target.to_owned()),
    ];
    let head = || {
        head.iter()
            .map(|(name, text)| ((*name).to_owned(), Value::from(text.clone())))
    };
    fields.extend(head());
    let whole = Value::Object(fields).to_string();
    if whole.len() <= LINE_BYTES_MAX {
        return whole;
    }
    Value::Object(head().collect()).to_string()
}

/// Six digits after the point, no more and no less: the host takes another line for text of no level.
fn timestamp(utc: OffsetDateTime) -> String {
    let (year, month, day) = (utc.year(), u8::from(utc.month()), utc.day());
    let (hour, minute, second, micros) =
        (utc.hour(), utc.minute(), utc.second(), utc.microsecond());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// An event's fields, texts cut.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let end = value.floor_char_boundary(FIELD_BYTES_MAX);
        self.put(field, &value[..end]);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Sink {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// The lines that `work` logs.
    fn lines(work: impl FnOnce()) -> Vec<Value> {
        let sink = Sink::default();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(HclogJson)
            .with_writer(sink.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, work);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        for line in text.lines() {
            assert!(line.len() < 64 * 1024, "{} bytes", line.len());
        }
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn assert_hclog(line: &Value) {
        for key in ["@message", "@level", "@timestamp"] {
            assert!(line[key].is_string(), "{key}: {line}");
        }
    }

    #[test]
    fn the_three_fields_are_strings_whatever_is_logged() {
        let found = lines(|| {
            tracing::info!(count = 5, yes = true, "hello {}", "world");
            tracing::warn!(message = 7);
            tracing::error!({ "@message" = 1, "@level" = 2 }, "kept");
            tracing::debug!(only = "fields");
        });
        assert_eq!(found.len(), 4);
        found.iter().for_each(assert_hclog);
        assert_eq!(found[0]["@message"], "hello world");
        assert_eq!(
            (&found[0]["count"], &found[0]["@level"]),
            (&5.into(), &"info".into())
        );
        assert_eq!(found[2]["@message"], "kept");
    }

    #[test]
    fn times_are_written_as_the_host_reads_them() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_234_567_890_000_070_999).unwrap();
        assert_eq!(timestamp(at), "2009-02-13T23:31:30.000070Z");
    }

    #[test]
    fn a_line_has_the_fields_of_its_spans() {
        let found = lines(|| {
            tracing::info_span!("hook", trace = "abc").in_scope(|| tracing::info!("inside"));
        });
        assert_eq!(found[0]["trace"], "abc");
    }

    #[test]
    fn a_huge_line_is_cut() {
        let (long, some) = ("ä\n\"".repeat(50_000), "\"".repeat(8_000));
        let found = lines(|| {
            tracing::info!("{long}");
            tracing::info!(a = %some, b = %some, c = %some, d = %some, e = %some, "many");
        });
        assert_eq!(found.len(), 2);
        found.iter().for_each(assert_hclog);
        assert_eq!(found[1]["@message"], "many");
    }
}
