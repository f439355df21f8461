//! Traces: spans that go to a collector over OTLP, if there is one.
//!
//! [`TraceExport`] starts and ends the export. [`Span`]s are nothing, and cost nothing, while it is
//! not started or a trace is not recorded. [`RequestTrace`] is what the code inside a request
//! belongs to: its span begins only when it is needed, because a request that gives a code back
//! learns from the challenge which trace it goes on with (`docs/adr/0010-traces.md`).
//!
//! Whether a trace is recorded is decided once, where a request comes in; the decision travels in
//! the `traceparent` of the job and of the challenge.
//!
//! Spans are for people who may not see everything: no number, code, key, token, session id or
//! address of the gateway is put into one.

mod export;
mod exporter;
mod request;
mod span;

pub use export::{Sampling, TraceExport, TraceExportError, TraceSettings};
pub use request::{RequestTrace, current, join, server_span};
pub use span::Span;

pub(crate) use exporter::SPANS;
