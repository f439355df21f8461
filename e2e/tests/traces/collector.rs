//! A collector: takes what is exported (OTLP over HTTP, protobuf) and keeps it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use e2e::PATIENCE;
use harness::eventually;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
use prost::Message as _;

/// A span and the service that sent it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) service: String,
    pub(crate) span: Span,
}

impl Received {
    pub(crate) fn trace(&self) -> String {
        hex::encode(&self.span.trace_id)
    }

    pub(crate) fn id(&self) -> String {
        hex::encode(&self.span.span_id)
    }

    pub(crate) fn parent(&self) -> String {
        hex::encode(&self.span.parent_span_id)
    }

    pub(crate) fn kind(&self) -> SpanKind {
        self.span.kind()
    }

    /// An attribute as text; empty if there is none.
    pub(crate) fn attribute(&self, key: &str) -> String {
        value_of(&self.span.attributes, key)
    }

    /// Everything that people wrote into it.
    pub(crate) fn words(&self) -> String {
        let Span {
            name,
            attributes,
            events,
            status,
            trace_state,
            ..
        } = &self.span;
        format!(
            "{} {name} {attributes:?} {events:?} {status:?} {trace_state}",
            self.service
        )
    }
}

fn value_of(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
    match value {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

/// A collector on a free port.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) url: String,
    store: Arc<Mutex<Store>>,
}

#[derive(Default)]
struct Store {
    received: Vec<Received>,
    headers: Vec<HeaderMap>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let store = Arc::new(Mutex::new(Store::default()));
        let router = Router::new()
            .route("/v1/traces", post(take))
            .with_state(Arc::clone(&store));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, store }
    }

    pub(crate) fn spans(&self) -> Vec<Received> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.received.clone()
    }

    /// Whether every request had this header.
    pub(crate) fn was_sent(&self, name: &str, value: &str) -> bool {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let has = |headers: &HeaderMap| headers.get(name).is_some_and(|found| found == value);
        !store.headers.is_empty() && store.headers.iter().all(has)
    }

    /// The spans of a trace, once there are spans of all these names.
    pub(crate) async fn trace(&self, trace: &str, names: &[&str]) -> Trace {
        eventually(PATIENCE, async || {
            let spans = self
                .spans()
                .into_iter()
                .filter(|span| span.trace() == trace);
            let spans = Trace(spans.collect());
            let has = |name: &&str| spans.0.iter().any(|span| span.span.name == **name);
            names.iter().all(has).then_some(spans)
        })
        .await
    }
}

async fn take(
    State(store): State<Arc<Mutex<Store>>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
    store.headers.push(headers);
    for of_resource in request.resource_spans {
        let attributes = of_resource.resource.unwrap_or_default().attributes;
        let service = value_of(&attributes, "service.name");
        let spans = of_resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans);
        store.received.extend(spans.map(|span| Received {
            service: service.clone(),
            span,
        }));
    }
    StatusCode::OK
}

/// The spans of one trace.
#[derive(Debug)]
pub(crate) struct Trace(pub(crate) Vec<Received>);

impl Trace {
    /// The only span of this name.
    pub(crate) fn span(&self, name: &str) -> &Received {
        let mut found = self.0.iter().filter(|span| span.span.name == name);
        match (found.next(), found.next()) {
            (Some(span), None) => span,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Asserts that the spans of these names are children of another.
    pub(crate) fn are_children(&self, children: &[&str], parent: &str) {
        let parent = self.span(parent);
        for name in children {
            let child = self.span(name);
            assert_eq!(child.parent(), parent.id(), "{name}: {self:#?}");
            assert_eq!(child.service, parent.service, "{name}");
        }
    }
}
