//! The way of spans to the collector: a bounded queue, batches on a thread of their own, and a count
//! of what was lost. Nothing here makes a request wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor};
use tokio::runtime::Handle;

use crate::telemetry::MetricSet as _;

/// Spans that wait or are on their way at once; more are dropped.
pub(super) const MAX_QUEUE: usize = 4_096;
/// One request to the collector.
const REQUEST_LIMIT: Duration = Duration::from_secs(3);
/// What is read of an answer; one that says something is some hundred bytes long.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const WARN_EVERY: Duration = Duration::from_mins(1);

const QUEUE_FULL: &str = "queue_full";
const NOT_TAKEN: &str = "not_taken";

/// What became of the spans of this process.
pub(crate) static SPANS: LazyLock<SpanCounters> =
    LazyLock::new(|| SpanCounters::make().expect("the names are valid"));

crate::metrics! {
    pub(crate) struct SpanCounters {
        /// Spans that the collector has taken.
        exported: IntCounter("ramz_trace_spans_exported_total");
        /// Spans that were lost: the queue was full, or the collector did not take them.
        dropped: IntCounterVec("ramz_trace_spans_dropped_total", ["reason"]) of [QUEUE_FULL, NOT_TAKEN];
    }
}

impl SpanCounters {
    fn lost(&self, reason: &'static str, spans: usize) {
        let spans = u64::try_from(spans).unwrap_or(u64::MAX);
        self.dropped.with_label_values(&[reason]).inc_by(spans);
    }
}

/// The spans that are in the queue or on their way.
#[derive(Debug, Default)]
pub(super) struct Queue(AtomicUsize);

impl Queue {
    fn enter(&self) -> bool {
        let entered = self.0.fetch_add(1, Ordering::AcqRel) < MAX_QUEUE;
        if !entered {
            self.leave(1);
        }
        entered
    }

    fn leave(&self, spans: usize) {
        self.0.fetch_sub(spans, Ordering::AcqRel);
    }
}

/// Lets in no more spans than fit, so that those which do not are counted.
#[derive(Debug)]
pub(super) struct BoundedProcessor {
    batches: BatchSpanProcessor,
    queue: Arc<Queue>,
}

impl BoundedProcessor {
    pub(super) fn new(batches: BatchSpanProcessor, queue: Arc<Queue>) -> Self {
        Self { batches, queue }
    }
}

impl SpanProcessor for BoundedProcessor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.queue.enter() {
            self.batches.on_end(span);
        } else {
            SPANS.lost(QUEUE_FULL, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Counts what the collector takes, and warns now and then where it does not.
#[derive(Debug)]
pub(super) struct CountingExporter<E> {
    exporter: E,
    queue: Arc<Queue>,
    failures: LastFailure,
    warned_at: Mutex<Option<Instant>>,
}

impl<E> CountingExporter<E> {
    pub(super) fn new(exporter: E, queue: Arc<Queue>, failures: LastFailure) -> Self {
        Self {
            exporter,
            queue,
            failures,
            warned_at: Mutex::new(None),
        }
    }

    fn failed(&self, spans: usize) {
        SPANS.lost(NOT_TAKEN, spans);
        let mut warned_at = self
            .warned_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if warned_at.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
            *warned_at = Some(Instant::now());
            let failure = self.failures.text();
            tracing::warn!(spans, failure, "the collector does not take spans");
        }
    }
}

impl<E: SpanExporter> SpanExporter for CountingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        self.queue.leave(spans);
        match &result {
            Ok(()) => SPANS
                .exported
                .inc_by(u64::try_from(spans).unwrap_or(u64::MAX)),
            Err(_) => self.failed(spans),
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// What went wrong last, without addresses: these may hold a password.
#[derive(Clone, Debug, Default)]
pub(super) struct LastFailure(Arc<Mutex<String>>);

impl LastFailure {
    fn note(&self, failure: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failure.into();
    }

    fn text(&self) -> String {
        let failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone()
    }
}

/// An HTTP client whose requests run on the runtime of the process: batches have a thread without
/// one.
#[derive(Debug)]
pub(super) struct CollectorClient {
    http: reqwest::Client,
    runtime: Handle,
    failures: LastFailure,
}

impl CollectorClient {
    pub(super) fn new() -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(REQUEST_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            http,
            runtime: Handle::current(),
            failures: LastFailure::default(),
        })
    }

    pub(super) fn failures(&self) -> LastFailure {
        self.failures.clone()
    }
}

#[async_trait::async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (http, request) = (self.http.clone(), request.try_into()?);
        // Even to make the future, its timer, needs the runtime.
        let exchange = async move {
            let mut answer = http.execute(request).await?;
            let body = read(&mut answer).await?;
            Ok::<_, reqwest::Error>((answer.status(), body))
        };
        match self.runtime.spawn(exchange).await? {
            Ok((status, body)) => {
                if !status.is_success() {
                    self.failures.note(format!("HTTP {}", status.as_u16()));
                }
                let mut response = Response::new(body);
                *response.status_mut() = status;
                Ok(response)
            }
            Err(error) => {
                let error = error.without_url();
                self.failures.note(if error.is_timeout() {
                    "no answer in time"
                } else if error.is_connect() {
                    "no connection"
                } else {
                    "the exchange failed"
                });
                Err(error.into())
            }
        }
    }
}

/// The body of an answer. One that has no end, or a long way to it, is no answer of a collector: it is
/// left where it is, and what counts is the status.
async fn read(answer: &mut reqwest::Response) -> reqwest::Result<Bytes> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Ok(Bytes::new());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers one request with a body of at most so many kilobytes; how many were taken.
    async fn collector(kilobytes: usize) -> (String, tokio::task::JoinHandle<usize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut head = [0; 1024];
            let _read = stream.read(&mut head).await.expect("a request");
            let length = kilobytes * 1024;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).await.expect("a head");
            for taken in 0..kilobytes {
                if stream.write_all(&[b'x'; 1024]).await.is_err() {
                    return taken;
                }
            }
            kilobytes
        });
        (url, serving)
    }

    async fn answered(url: &str) -> Response<Bytes> {
        let client = CollectorClient::new().expect("a client");
        let request = Request::post(url).body(Bytes::new()).expect("a request");
        client.send_bytes(request).await.expect("an answer")
    }

    #[tokio::test]
    async fn of_an_answer_without_end_no_more_is_read_than_an_answer_has() {
        let gigabyte = 1024 * 1024;
        let (url, serving) = collector(gigabyte).await;
        let answer = answered(&url).await;
        assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 0));
        let taken = serving.await.expect("no panic");
        // Beyond it lie the buffers of the two sockets.
        assert!(taken < 32 * 1024, "{taken} kilobytes were taken");
    }

    #[tokio::test]
    async fn an_answer_of_usual_length_is_read() {
        let (url, serving) = collector(64).await;
        let answer = answered(&url).await;
        assert_eq!(answer.body().len(), MAX_ANSWER_BYTES);
        assert_eq!(serving.await.expect("no panic"), 64);
    }

    #[test]
    fn the_queue_has_an_end_and_has_room_again() {
        let queue = Queue::default();
        assert!((0..MAX_QUEUE).all(|_| queue.enter()));
        assert!(!queue.enter() && !queue.enter());
        queue.leave(2);
        assert!(queue.enter() && queue.enter());
        assert!(!queue.enter());
    }
}
