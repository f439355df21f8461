//! The server of an application, which is told of log-outs.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use tokio::net::TcpListener;

/// What was sent to it, and how it answers.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

struct Seen {
    /// The tokens, in the order in which they came.
    tokens: Vec<String>,
    /// Whatever was asked of it elsewhere.
    elsewhere: Vec<String>,
    answer: StatusCode,
}

impl Receiver {
    /// On a free port.
    pub(crate) async fn start() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], harness::free_port()))).await
    }

    /// On this port, which may have been nobody's until now.
    pub(crate) async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let seen = Arc::new(Mutex::new(Seen {
            tokens: Vec::new(),
            elsewhere: Vec::new(),
            answer: StatusCode::OK,
        }));
        let router = Router::new().fallback(take).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    /// How it answers from now on.
    pub(crate) fn answers(&self, answer: StatusCode) {
        self.seen.lock().expect("not poisoned").answer = answer;
    }

    /// The tokens that have come.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.seen.lock().expect("not poisoned").tokens.clone()
    }

    /// The paths beside its own that were asked for.
    pub(crate) fn elsewhere(&self) -> Vec<String> {
        self.seen.lock().expect("not poisoned").elsewhere.clone()
    }
}

async fn take(State(seen): State<Arc<Mutex<Seen>>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 * 1024).await.expect("a body");
    let mut seen = seen.lock().expect("not poisoned");
    let form = parts
        .headers
        .get("content-type")
        .map(http::HeaderValue::as_bytes);
    let is_form = form == Some(b"application/x-www-form-urlencoded");
    if parts.method != "POST" || parts.uri.path() != "/out" || !is_form {
        seen.elsewhere
            .push(format!("{} {}", parts.method, parts.uri));
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut fields = url::form_urlencoded::parse(&body);
    let (name, token) = fields.next().expect("a field");
    assert_eq!((name.as_ref(), fields.next()), ("logout_token", None));
    seen.tokens.push(token.into_owned());
    (seen.answer, [("location", "/elsewhere")]).into_response()
}
