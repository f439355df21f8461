//! Log lines on standard error, as JSON or for eyes.

use std::any::Any;
use std::fmt;
use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, registry};

use super::log_level::{self, LogLevel};
use super::log_lines::JsonLines;

/// The target of the spans that give log lines the ids of their request or job. It belongs to no
/// event, so that every filter can let it pass.
pub const SPAN_TARGET: &str = "request";

static LEVEL: OnceLock<LogLevel> = OnceLock::new();

/// Crates that move whole requests. The gateway's key travels in its URL, and a password may stand in
/// that of the collector, so their detailed events stay out of the log whatever the filter says.
const QUIET_CRATES: [&str; 11] = [
    "h2",
    "hyper",
    "hyper_util",
    // These name themselves as their packages do.
    "opentelemetry",
    "opentelemetry-http",
    "opentelemetry-otlp",
    "opentelemetry_sdk",
    "redis",
    "reqwest",
    "rustls",
    "sqlx",
];

/// Its `INFO` lines tell of starts and ends that are none yet: it says that a worker has stopped while what it
/// ran is still being settled. Ours tell when it is so.
const HASTY_CRATE: &str = "apalis_core";

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Which events are logged, in the syntax of `RUST_LOG`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// Reads a level or a list of directives.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        EnvFilter::builder()
            .parse(text)
            .map(|_| Self(text.to_owned()))
            .map_err(|error| format!("is not a filter such as `info,worker=debug`: {error}"))
    }

    /// The text that it was read from.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// With what no filter hides: the ids of requests and jobs, which stand on other lines, and the
    /// change of the filter.
    pub(super) fn directives(&self) -> EnvFilter {
        let always = [
            format!("{SPAN_TARGET}=error"),
            format!("{}=info", log_level::TARGET),
        ];
        let always = always.iter().filter_map(|directive| directive.parse().ok());
        always.fold(
            EnvFilter::builder().parse_lossy(&self.0),
            EnvFilter::add_directive,
        )
    }
}

/// The filter of this process, once logging was started.
pub fn log_level() -> Option<LogLevel> {
    LEVEL.get().cloned()
}

/// Starts logging for the whole process, and logs panics from now on. `format` `None` is pretty on
/// a terminal and JSON otherwise.
///
/// # Errors
/// When logging was started before.
pub fn init_logging(
    format: Option<LogFormat>,
    filter: &LogFilter,
) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    let on_terminal = std::io::stderr().is_terminal();
    let format = format.unwrap_or(if on_terminal {
        LogFormat::Pretty
    } else {
        LogFormat::Json
    });
    let (subscriber, level) = subscriber(format, on_terminal, filter, std::io::stderr);
    tracing::subscriber::set_global_default(subscriber)?;
    // The subscriber above is the first, so this is too.
    let _ = LEVEL.set(level);
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn subscriber<W>(
    format: LogFormat,
    colours: bool,
    filter: &LogFilter,
    writer: W,
) -> (Box<dyn Subscriber + Send + Sync>, LogLevel)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = match format {
        LogFormat::Json => JsonLines::new(writer).boxed(),
        LogFormat::Pretty => tracing_subscriber::fmt::layer()
            .with_writer(writer)
            .with_ansi(colours)
            .boxed(),
    };
    let (level, directives) = LogLevel::begin(filter.clone());
    let subscriber = registry()
        .with(directives)
        .with(lines.with_filter(filter_fn(is_told)));
    (Box::new(subscriber), level)
}

fn is_told(metadata: &Metadata<'_>) -> bool {
    let crate_name = metadata.target().split("::").next().unwrap_or_default();
    if crate_name == HASTY_CRATE && *metadata.level() == LevelFilter::INFO {
        return false;
    }
    *metadata.level() <= LevelFilter::INFO || !QUIET_CRATES.contains(&crate_name)
}

/// A panic's text may have been made of anything, such as a request. Only a text that stands in
/// the source itself is logged.
fn log_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(
        place,
        message_in_source = literal(info.payload()),
        "a panic: this is a defect of Ramz, please report it with its place"
    );
}

fn literal(payload: &(dyn Any + Send)) -> &'static str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("")
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "json",
            Self::Pretty => "pretty",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn text(&self) -> String {
            let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            lines.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str, events: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let filter = LogFilter::parse(filter).expect("a filter");
        let (subscriber, _level) = subscriber(format, false, &filter, move || writer.clone());
        tracing::subscriber::with_default(subscriber, events);
        lines.text()
    }

    #[test]
    fn json_lines_hold_the_fields_of_an_event() {
        let text = logged(LogFormat::Json, "info", || {
            tracing::info!(attempt = 2, "sent");
            tracing::debug!("detail");
        });
        let line: serde_json::Value = serde_json::from_str(&text).expect("one JSON line");
        assert_eq!(line["message"], "sent");
        assert_eq!(line["attempt"], 2);
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn a_json_line_holds_the_fields_of_the_spans_around_it_whatever_the_filter() {
        for filter in ["info", "off,worker=info"] {
            let text = logged(LogFormat::Json, filter, || {
                let span = tracing::error_span!(
                    target: SPAN_TARGET, "request", request_id = "r-1", trace_id = "t-1"
                );
                let _request = span.enter();
                let _inner =
                    tracing::error_span!(target: SPAN_TARGET, "run", attempt = 2).entered();
                span.record("trace_id", "t-2");
                tracing::info!(target: "worker", level = "a field", ok = true, ms = 1.5, "sent");
            });
            let line: serde_json::Value = serde_json::from_str(&text).expect("one JSON line");
            let mut line = line.as_object().expect("an object").clone();
            assert!(
                line.remove("timestamp")
                    .is_some_and(|time| time.is_string())
            );
            let expected = serde_json::json!({
                "level": "INFO", "target": "worker", "message": "sent", "request_id": "r-1",
                "trace_id": "t-2", "attempt": 2, "ok": true, "ms": 1.5
            });
            assert_eq!(serde_json::Value::from(line), expected, "{filter}");
            assert!(text.starts_with(r#"{"timestamp":""#), "{text}");
        }
    }

    #[test]
    fn a_change_of_the_filter_is_logged_whatever_the_filter() {
        let text = logged(LogFormat::Json, "off", || {
            tracing::info!(target: log_level::TARGET, "changed");
            tracing::error!("hidden");
        });
        assert!(
            text.contains("changed") && !text.contains("hidden"),
            "{text}"
        );
    }

    #[test]
    fn a_26_no_filter_lets_details_of_requests_into_the_log() {
        for filter in ["trace", "hyper_util=trace", "reqwest=debug,redis=trace"] {
            let text = logged(LogFormat::Pretty, filter, || {
                tracing::debug!(target: "hyper_util::client::legacy", "url-with-key");
                tracing::trace!(target: "reqwest::connect", "url-with-key");
                tracing::debug!(target: "redis", "url-with-key");
                tracing::debug!(target: "opentelemetry-otlp", "url-with-key");
                tracing::error!(target: "hyper_util::client", "still told");
            });
            assert!(!text.contains("url-with-key"), "{filter}: {text}");
        }
        let told = logged(LogFormat::Pretty, "trace", || {
            tracing::trace!(target: "worker", "own detail");
            tracing::warn!(target: "hyper_util::client", "still told");
        });
        assert!(told.contains("own detail") && told.contains("still told"));
    }

    #[test]
    fn no_library_tells_of_an_end_before_we_do() {
        let text = logged(LogFormat::Json, "trace", || {
            tracing::info!(target: "apalis_core::worker::context", "Worker w stopped");
            tracing::warn!(target: "apalis_core::worker::context", "still told");
            tracing::debug!(target: "apalis_core::worker::context", "a detail");
            tracing::info!(target: "worker::start", "worker stopped: everything is settled");
        });
        assert!(!text.contains("Worker w stopped"), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
    }

    #[test]
    fn r_27_a_25_control_characters_do_not_reach_a_pretty_line_raw() {
        let text = logged(LogFormat::Pretty, "info", || {
            tracing::info!(agent = "\u{1b}[2J\r\n", "seen \u{1b}[31m");
        });
        assert!(!text.contains('\u{1b}'), "{text:?}");
        assert_eq!(text.lines().count(), 1, "{text:?}");
    }

    #[test]
    fn i_05_a_panic_is_logged_by_its_place_and_never_by_what_it_was_made_of() {
        let code = "483920";
        let text = logged(LogFormat::Json, "info", || {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(log_panic));
            let _formatted = std::panic::catch_unwind(|| panic!("wrong code {code}"));
            let _literal = std::panic::catch_unwind(|| panic!("a text of the source"));
            std::panic::set_hook(before);
        });
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.contains(code), "{text}");
        assert!(text.contains(file!()), "{text}");
        assert!(text.contains("a text of the source"), "{text}");
    }

    #[test]
    fn a_wrong_filter_is_an_error_that_says_so() {
        assert!(LogFilter::parse("info,worker=debug").is_ok());
        let error = LogFilter::parse("worker=loud").expect_err("no level");
        assert!(error.contains("is not a filter"), "{error}");
    }
}
