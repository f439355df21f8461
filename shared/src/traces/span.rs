//! One span, or nothing.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::OnceLock;
use std::time::SystemTime;

use domain::trace_parent::TraceParent;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags,
    TraceState,
};
use opentelemetry::{Context, KeyValue, SpanId, TraceId, Value};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracer};

use super::export::Sampling;
use super::request::parent_in_request;

/// Where spans go, once the export was started.
static RECORDER: OnceLock<Recorder> = OnceLock::new();

#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) tracer: SdkTracer,
    pub(super) sampling: Sampling,
}

impl Recorder {
    pub(super) fn get() -> Option<&'static Self> {
        RECORDER.get()
    }

    /// Whether it is the first; there is one for a process.
    pub(super) fn install(self) -> bool {
        RECORDER.set(self).is_ok()
    }
}

/// A span, which ends when its last clone is dropped; or nothing, where nobody records.
#[derive(Clone, Debug, Default)]
pub struct Span(pub(super) Option<Context>);

impl Span {
    /// Nothing.
    pub fn none() -> Self {
        Self(None)
    }

    /// A step of what is being done.
    pub fn step(name: &'static str) -> Self {
        Self::begin(SpanKind::Internal, name)
    }

    /// A call of another service.
    pub fn client(name: &'static str) -> Self {
        Self::begin(SpanKind::Client, name)
    }

    /// The handing over of a job.
    pub fn producer(name: &'static str) -> Self {
        Self::begin(SpanKind::Producer, name)
    }

    fn begin(kind: SpanKind, name: &'static str) -> Self {
        let Some(recorder) = Recorder::get() else {
            return Self(None);
        };
        let builder = SpanBuilder::from_name(name).with_kind(kind);
        parent().map_or_else(Self::none, |parent| start(recorder, builder, &parent))
    }

    /// One run of a job, which carries the place of its request in a trace.
    pub fn consumer(name: &'static str, trace: Option<&str>) -> Self {
        let Some(recorder) = Recorder::get() else {
            return Self(None);
        };
        let parent = trace.and_then(|text| text.parse().ok());
        let Some(parent) = parent.filter(|parent: &TraceParent| parent.is_sampled()) else {
            return Self(None);
        };
        let builder = SpanBuilder::from_name(name).with_kind(SpanKind::Consumer);
        start(recorder, builder, &remote(parent))
    }

    /// A step of this span, whatever is being done at the moment.
    #[must_use]
    pub fn child(&self, name: &'static str) -> Self {
        match (Recorder::get(), &self.0) {
            (Some(recorder), Some(parent)) => start(
                recorder,
                SpanBuilder::from_name(name).with_kind(SpanKind::Internal),
                parent,
            ),
            _ => Self(None),
        }
    }

    /// Whether anybody records it.
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// Notes something; never about a person, and never a secret.
    pub fn set(&self, key: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(key, value));
        }
    }

    /// Notes that it went wrong, in the word that logs and metrics have for it.
    pub fn fail(&self, class: &'static str) {
        if let Some(context) = &self.0 {
            let span = context.span();
            span.set_attribute(KeyValue::new("error.type", class));
            span.set_status(Status::error(class));
        }
    }

    /// Its place in its trace.
    pub fn place(&self) -> Option<TraceParent> {
        self.0.as_ref().map(place)
    }

    /// Runs something as this span: spans that begin in there are its children.
    pub async fn run<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|task| {
            let _current = self.0.clone().map(Context::attach);
            work.as_mut().poll(task)
        })
        .await
    }
}

/// What is being done at the moment, if that is recorded.
pub(super) fn parent() -> Option<Context> {
    Context::map_current(|context| context.has_active_span().then(|| context.clone()))
        .or_else(parent_in_request)
}

pub(super) fn place(context: &Context) -> TraceParent {
    let span = context.span();
    let span = span.span_context();
    let (trace, id) = (span.trace_id(), span.span_id());
    TraceParent::new(
        u128::from_be_bytes(trace.to_bytes()),
        u64::from_be_bytes(id.to_bytes()),
    )
    .sampled(span.is_sampled())
}

/// The parent of a span whose parent is in another process.
pub(super) fn remote(parent: TraceParent) -> Context {
    Context::new().with_remote_span_context(span_context(parent))
}

pub(super) fn span_context(parent: TraceParent) -> SpanContext {
    SpanContext::new(
        TraceId::from(parent.trace_id().as_u128()),
        SpanId::from(parent.span_id()),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    )
}

pub(super) fn start(recorder: &Recorder, builder: SpanBuilder, parent: &Context) -> Span {
    let span = builder.start_with_context(&recorder.tracer, parent);
    // It has no place in a trace once the export has ended.
    let is_valid = span.span_context().is_valid();
    Span(is_valid.then(|| Context::new().with_span(span)))
}

/// The first span of a trace whose id is known already.
pub(super) fn start_trace(recorder: &Recorder, builder: SpanBuilder, trace: TraceParent) -> Span {
    NEXT_TRACE.set(Some(trace.trace_id().as_u128()));
    let span = start(recorder, builder, &Context::new());
    NEXT_TRACE.set(None);
    span
}

thread_local! {
    /// The id of the trace that begins on this thread now.
    static NEXT_TRACE: Cell<Option<u128>> = const { Cell::new(None) };
}

/// Gives new traces the ids that our log lines have for them.
#[derive(Debug, Default)]
pub(super) struct OwnTraceIds(RandomIdGenerator);

impl IdGenerator for OwnTraceIds {
    fn new_trace_id(&self) -> TraceId {
        let known = NEXT_TRACE.take().map(TraceId::from);
        known.unwrap_or_else(|| self.0.new_trace_id())
    }

    fn new_span_id(&self) -> SpanId {
        self.0.new_span_id()
    }
}

/// When a span began that is made later.
pub(super) fn builder(name: String, kind: SpanKind, started: SystemTime) -> SpanBuilder {
    SpanBuilder::from_name(name)
        .with_kind(kind)
        .with_start_time(started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_an_export_spans_are_nothing() {
        let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for span in [
            Span::step("a"),
            Span::client("b"),
            Span::consumer("c", Some(sampled)),
            Span::none().child("d"),
        ] {
            span.set("key", 1);
            span.fail("timeout");
            assert_eq!(span.place(), None);
            assert_eq!(span.run(async { 7 }).await, 7);
        }
    }
}
