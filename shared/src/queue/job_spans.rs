//! What log lines and traces say about a job.

use domain::trace_parent::TraceParent;
use tracing::field::{Empty, display};

use super::delivery::Delivery;
use super::job::{Job, JobTask};
use crate::telemetry::SPAN_TARGET;
use crate::traces::Span;

/// Gives the log lines inside of it the ids of the job and of its request.
pub(super) fn log_span(job: &Job) -> tracing::Span {
    let span = match &job.task {
        JobTask::Send {
            challenge,
            root,
            send,
            ..
        } => tracing::error_span!(
            target: SPAN_TARGET,
            "job.send",
            request_id = Empty,
            trace_id = Empty,
            %challenge,
            root = root.map(display),
            send
        ),
        JobTask::Notice { notice } => tracing::error_span!(
            target: SPAN_TARGET,
            "job.notice",
            request_id = Empty,
            trace_id = Empty,
            %notice
        ),
    };
    if let Some(request) = job.request {
        span.record("request_id", display(request));
    }
    let trace = job.trace.as_deref().and_then(|text| text.parse().ok());
    if let Some(trace) = trace.map(TraceParent::trace_id) {
        span.record("trace_id", display(trace));
    }
    span
}

/// The same of a job that was not read yet; nothing where it cannot be read.
pub(super) fn log_span_of(delivery: &Delivery) -> tracing::Span {
    Job::decode(&delivery.payload).map_or_else(|_| tracing::Span::none(), |job| log_span(&job))
}

/// One run of the job, in the trace of its request.
pub(super) fn process_span(job: &Job, delivery: &Delivery) -> Span {
    let name = match job.task {
        JobTask::Send { .. } => "process send",
        JobTask::Notice { .. } => "process notice",
    };
    let span = Span::consumer(name, job.trace.as_deref());
    if span.is_recorded() {
        span.set("messaging.system", "ramz");
        span.set("messaging.operation.type", "process");
        span.set("messaging.message.id", delivery.id.clone());
        span.set("ramz.deliveries", i64::from(delivery.deliveries));
        span.set("ramz.attempts_before", i64::from(delivery.attempts));
        if let Some(request) = job.request {
            span.set("ramz.request_id", request.to_string());
        }
        if let JobTask::Send {
            challenge,
            root,
            send,
            ..
        } = &job.task
        {
            span.set("ramz.challenge", challenge.to_string());
            if let Some(root) = root {
                span.set("ramz.root", root.to_string());
            }
            span.set("ramz.send", i64::from(*send));
        }
    }
    span
}
