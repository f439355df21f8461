//! The form of JSON log lines: one flat object, so that every line of a request can be found by its
//! `request_id` with nothing but `jq` or a label filter.
//!
//! Each request writes one, so a line is written into a buffer of its thread and from there to the
//! output in one piece; the fields of a span are kept as JSON from the start.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::io::Write as _;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// A longer line gives its memory back.
const KEPT_BYTES: usize = 4_096;

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes time, level and target, then the fields of the event and those of the spans around it,
/// the innermost first; of fields with the same name the first one.
pub(super) struct JsonLines<W>(W);

/// Names and values, which are JSON.
#[derive(Default)]
struct SpanFields(Vec<(&'static str, Vec<u8>)>);

impl<W> JsonLines<W> {
    pub(super) fn new(writer: W) -> Self {
        Self(writer)
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = SpanFields::default();
            attributes.record(&mut fields.setter());
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<SpanFields>()
        {
            record.record(&mut fields.setter());
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        LINE.with(|line| {
            // What writes the line may log itself; that line gets a buffer of its own.
            let mut own = Vec::new();
            let mut kept = line.try_borrow_mut();
            let line = kept.as_deref_mut().unwrap_or(&mut own);
            line.clear();
            write_line(line, event, &context);
            // There is nobody left to tell where the log cannot be written.
            drop(self.0.make_writer_for(event.metadata()).write_all(line));
            line.shrink_to(KEPT_BYTES);
        });
    }
}

fn write_line<S>(line: &mut Vec<u8>, event: &Event<'_>, context: &Context<'_, S>)
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let metadata = event.metadata();
    let mut time = String::with_capacity(32);
    // It writes into a string, which takes everything.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    line.extend_from_slice(br#"{"timestamp":"#);
    write_json(line, &time);
    line.extend_from_slice(br#","level":"#);
    write_json(line, metadata.level().as_str());
    line.extend_from_slice(br#","target":"#);
    write_json(line, metadata.target());
    let mut written = vec!["timestamp", "level", "target"];
    event.record(&mut Fields(|name: &'static str, value: &dyn Json| {
        if !written.contains(&name) {
            written.push(name);
            write_name(line, name);
            value.write(line);
        }
    }));
    for span in context.event_scope(event).into_iter().flatten() {
        let extensions = span.extensions();
        let fields = extensions.get::<SpanFields>();
        for (name, value) in fields.into_iter().flat_map(|fields| &fields.0) {
            if !written.contains(name) {
                written.push(name);
                write_name(line, name);
                line.extend_from_slice(value);
            }
        }
    }
    line.extend_from_slice(b"}\n");
}

fn write_name(line: &mut Vec<u8>, name: &str) {
    line.push(b',');
    write_json(line, name);
    line.push(b':');
}

fn write_json(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // A vector takes everything, and these values are texts, numbers and booleans.
    drop(serde_json::to_writer(out, value));
}

impl SpanFields {
    fn setter(&mut self) -> Fields<impl FnMut(&'static str, &dyn Json)> {
        Fields(|name: &'static str, value: &dyn Json| self.set(name, value))
    }

    fn set(&mut self, name: &'static str, value: &dyn Json) {
        let mut json = Vec::with_capacity(48);
        value.write(&mut json);
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = json,
            None => self.0.push((name, json)),
        }
    }
}

/// A value of a field.
trait Json {
    fn write(&self, out: &mut Vec<u8>);
}

impl<T: Serialize + ?Sized> Json for T {
    fn write(&self, out: &mut Vec<u8>) {
        write_json(out, self);
    }
}

/// Gives each field to a function.
struct Fields<F>(F);

impl<F: FnMut(&'static str, &dyn Json)> Fields<F> {
    fn add(&mut self, field: &Field, value: &dyn Json) {
        let name = field.name();
        (self.0)(name.strip_prefix("r#").unwrap_or(name), value);
    }
}

impl<F: FnMut(&'static str, &dyn Json)> Visit for Fields<F> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // As above: a string takes everything.
        let _ = write!(text, "{value:?}");
        self.add(field, &text);
    }
}
