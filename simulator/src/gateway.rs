//! The simulated gateway: `/v1/{key}/{scope}/{method}.json`.

mod account;
mod answer;
mod call;
mod checks;
mod exchange;
mod inbound;
mod lookup;
mod method;
mod parameters;
mod reads;
mod receptor;
mod sending;
mod status;
mod text;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Method as Verb, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;

pub(crate) use self::{answer::Answer, receptor::spelled, status::ReturnStatus};
use self::{call::Call, exchange::Exchange, method::Method};
use crate::{
    faults::{
        ResetConnection,
        answer::{Ending, dictated_status, spoil},
    },
    simulator::Simulator,
};

/// The largest request body that is read.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Answers one call of the gateway.
pub(crate) async fn handle(State(simulator): State<Simulator>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(form) = axum::body::to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let form = if parts.method == Verb::POST {
        form
    } else {
        Bytes::new()
    };
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |info| {
        info.0.ip().to_canonical()
    });
    let reset = parts.extensions.get::<ResetConnection>().cloned();
    let call = Call::read(parts.method, &parts.uri, &form, peer);

    // In a task of its own: a caller that gives up does not stop a gateway that has its request.
    let ending = tokio::spawn(async move { decide(&simulator, &call).await }).await;
    match ending {
        Ok(Ending::Respond(response)) => response,
        Ok(Ending::Hang) => std::future::pending().await,
        Ok(Ending::Reset) => {
            if let Some(reset) = reset {
                reset.reset();
            }
            broken_response()
        }
        Err(error) => {
            tracing::error!(%error, "a call could not be answered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A response whose body fails at once, so that every server ends the connection.
fn broken_response() -> Response {
    let failure = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    Body::from_stream(futures::stream::iter([Err::<Bytes, _>(failure)])).into_response()
}

/// Brings a call to its end: faults, verdict, journal, answer.
async fn decide(simulator: &Simulator, call: &Call) -> Ending {
    let (choice, gateway_delay) = {
        let mut state = simulator.state();
        let now = simulator.clock().now();
        let choice = state
            .faults
            .choose(call.method_name(), &call.receptors(), now);
        (choice, state.account.gateway_delay_ms)
    };
    let delay = Duration::from_millis(choice.delay_ms.saturating_add(gateway_delay));
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }

    let mut fault_name = (choice.delay_ms > 0).then_some("delay");
    let (answer, mode, written) = {
        let mut state = simulator.state();
        let state = &mut *state;
        let now = simulator.clock().now();
        let mut exchange = Exchange::new(
            &mut state.account,
            &mut state.messages,
            &mut state.inbound,
            now,
        );
        let (answer, verdict) = if let Some((fault, false)) = &choice.fault {
            let status = dictated_status(fault);
            (Answer::failed(status.unwrap_or(ReturnStatus::OK)), status)
        } else {
            let admitted = checks::admit(
                call,
                exchange.account,
                &mut state.calls,
                simulator.keys(),
                now,
            );
            let answer = admitted.and_then(|method| method.run(&mut exchange, call));
            let answer = answer.unwrap_or_else(Answer::failed);
            let status = answer.status();
            (answer, Some(status))
        };
        let Exchange {
            made,
            cancelled,
            duplicate,
            ..
        } = exchange;
        if let Some((fault, _)) = &choice.fault {
            fault_name = Some(fault.kind());
        }
        state
            .stats
            .count(call.method_name(), verdict, fault_name, duplicate);
        state.reports.plan(&state.account, &state.messages, &made);
        state
            .reports
            .plan_cancelled(&state.account, &cancelled, now);
        let entry = call.journal_entry(now, verdict, made, duplicate, fault_name);
        // Noted before the state is let go, so that lines stand in the order of the verdicts.
        (
            answer,
            state.account.http_status_mode,
            simulator.note(entry),
        )
    };
    if let Some(written) = written
        && let Err(error) = written.wait().await
    {
        tracing::error!(%error, "the journal could not be written");
        return Ending::Respond(StatusCode::INTERNAL_SERVER_ERROR.into_response());
    }
    simulator.reports_changed();
    match &choice.fault {
        Some((fault, _)) => spoil(fault, answer, mode),
        None => Ending::Respond(answer.into_response(mode)),
    }
}

impl Method {
    fn run(self, exchange: &mut Exchange<'_>, call: &Call) -> Result<Answer, ReturnStatus> {
        let parameters = &call.parameters;
        match self {
            Self::Send => sending::send(exchange, parameters),
            Self::SendArray => sending::send_array(exchange, parameters),
            Self::MakeTts => sending::make_tts(exchange, parameters),
            Self::Lookup => lookup::lookup(exchange, parameters),
            Self::Status => reads::status(exchange, parameters),
            Self::StatusLocalMessageId => reads::status_by_localid(exchange, parameters),
            Self::StatusByReceptor => reads::status_by_receptor(exchange, parameters),
            Self::Select => reads::select(exchange, parameters),
            Self::SelectOutbox => reads::select_outbox(exchange, parameters),
            Self::LatestOutbox => reads::latest_outbox(exchange, parameters),
            Self::CountOutbox => reads::count_outbox(exchange, parameters),
            Self::Receive => inbound::receive(exchange, parameters),
            Self::InboxPaged => inbound::inbox_paged(exchange, parameters),
            Self::CountInbox => inbound::count_inbox(exchange, parameters),
            Self::CallStatus => reads::call_status(exchange, parameters),
            Self::Cancel => reads::cancel(exchange, parameters),
            Self::Info => Ok(account::info(exchange)),
            Self::Config => account::config(exchange, parameters),
            Self::GetDate => Ok(account::get_date(exchange)),
            Self::TemplateList => account::template_list(exchange, parameters),
        }
    }
}
