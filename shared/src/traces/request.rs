//! The trace of a request, and its server span.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use domain::clock::Clock;
use domain::random::Random;
use domain::trace_parent::TraceParent;
use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt as _};

use super::span::{self, Recorder, Span};

tokio::task_local! {
    static REQUEST: RequestTrace;
}

/// The place of a request in a trace.
///
/// It is the client's, if the client names one; else that of the challenge whose code the request
/// gives back or has sent again ([`join`]); else a trace begins with it.
#[derive(Debug)]
pub struct RequestTrace(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The client's span, the challenge's, or one that stands for this request.
    place: TraceParent,
    origin: Origin,
    server: Server,
    /// The challenge of another trace that it belongs to.
    link: Option<TraceParent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Client,
    Here,
    Challenge,
}

/// The span of the request.
#[derive(Debug)]
enum Server {
    /// Nothing is exported.
    Off,
    /// No span of this request was needed until now.
    Waiting { name: String, started: SystemTime },
    /// It is there, or its trace is not recorded.
    Started(Span),
}

impl RequestTrace {
    /// The trace of a request that came with this `traceparent`. Only a setting makes us believe
    /// the client that its trace is to be recorded.
    pub fn begin(
        client: Option<TraceParent>,
        clock: &Clock,
        random: &Random,
        name: impl FnOnce() -> String,
    ) -> Self {
        let origin = client.map_or(Origin::Here, |_| Origin::Client);
        let place = client.unwrap_or_else(|| TraceParent::begin(random));
        let (sampled, server) = match Recorder::get() {
            None => (false, Server::Off),
            Some(recorder) => {
                let sampled = recorder.sampling.decide(client, random);
                let waiting = Server::Waiting {
                    name: name(),
                    started: clock.now().into(),
                };
                (sampled, waiting)
            }
        };
        Self(Mutex::new(State {
            place: place.sampled(sampled),
            origin,
            server,
            link: None,
        }))
    }

    /// Its place at the moment; see [`join`].
    pub fn place(&self) -> TraceParent {
        self.lock().place
    }

    /// Runs the request.
    pub async fn run<F: Future>(self, request: F) -> F::Output {
        REQUEST.scope(self, request).await
    }

    fn join(&self, challenge: TraceParent) -> bool {
        let mut state = self.lock();
        let may_move = state.origin == Origin::Here && !matches!(state.server, Server::Started(_));
        if may_move {
            state.place = challenge.sampled(challenge.is_sampled() && Recorder::get().is_some());
            state.origin = Origin::Challenge;
        } else if challenge.is_sampled() && state.link.is_none() {
            state.link = Some(challenge);
            if let Server::Started(span) = &state.server {
                link(span, challenge);
            }
        }
        may_move
    }

    /// The span of the request, which begins here if it has not begun.
    fn span(&self) -> Span {
        let mut state = self.lock();
        let (name, started) = match &mut state.server {
            Server::Off => return Span::none(),
            Server::Started(span) => return span.clone(),
            Server::Waiting { name, started } => (std::mem::take(name), *started),
        };
        let span = match Recorder::get() {
            Some(recorder) if state.place.is_sampled() => {
                let builder = span::builder(name, SpanKind::Server, started);
                if state.origin == Origin::Here {
                    span::start_trace(recorder, builder, state.place)
                } else {
                    span::start(recorder, builder, &span::remote(state.place))
                }
            }
            _ => Span::none(),
        };
        if let Some(challenge) = state.link {
            link(&span, challenge);
        }
        state.server = Server::Started(span.clone());
        span
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn link(span: &Span, challenge: TraceParent) {
    if let Some(context) = &span.0 {
        let challenge = span::span_context(challenge);
        context.span().add_link(challenge, Vec::new());
    }
}

/// The span of the request that this code runs in.
pub(super) fn parent_in_request() -> Option<Context> {
    REQUEST.try_with(RequestTrace::span).ok()?.0
}

/// The place in a trace of what is being done at the moment.
pub fn current() -> Option<TraceParent> {
    let in_request = || REQUEST.try_with(RequestTrace::place).ok();
    span::parent().as_ref().map(span::place).or_else(in_request)
}

/// The span of the request that this code runs in, for what is known of it at its end.
pub fn server_span() -> Span {
    Span(parent_in_request())
}

/// Makes the request that this code runs in go on with the trace of a challenge, or links it to
/// that where the client has a trace of its own, or the request's span has begun. Log lines of the
/// request have the id of that trace from now on.
pub fn join(challenge: Option<&str>) {
    let Some(challenge) = challenge.and_then(|text| text.parse().ok()) else {
        return;
    };
    let joined = REQUEST.try_with(|request| request.join(challenge));
    if joined == Ok(true) {
        let trace = tracing::field::display(challenge.trace_id());
        tracing::Span::current().record("trace_id", trace);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const CHALLENGE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    fn request(client: Option<&str>) -> RequestTrace {
        let client = client.map(|text| text.parse().expect("valid"));
        let (clock, random) = (Clock::manual(0), Random::seeded(1));
        RequestTrace::begin(client, &clock, &random, || {
            unreachable!("nothing is exported")
        })
    }

    async fn trace_after_join(client: Option<&str>) -> String {
        let work = async {
            join(Some("no trace"));
            join(None);
            join(Some(CHALLENGE));
            current().expect("inside a request").to_string()
        };
        request(client).run(work).await
    }

    #[tokio::test]
    async fn a_request_goes_on_with_the_trace_of_its_challenge_unless_its_client_has_one() {
        assert_eq!(trace_after_join(None).await, CHALLENGE);
        // Nobody records, whatever the client says.
        let unrecorded = CLIENT.replace("-01", "-00");
        assert_eq!(trace_after_join(Some(CLIENT)).await, unrecorded);
        assert_eq!(current(), None);
    }

    #[tokio::test]
    async fn two_requests_that_begin_here_have_traces_of_their_own() {
        let (clock, random) = (Clock::manual(0), Random::seeded(1));
        let begin = || RequestTrace::begin(None, &clock, &random, String::new).place();
        assert_ne!(begin().trace_id(), begin().trace_id());
    }
}
