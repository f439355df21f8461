//! What a fault makes of the answer.

use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use bytes::Bytes;

use super::rule::Fault;
use crate::{
    gateway::{Answer, ReturnStatus},
    store::account::HttpStatusMode,
};

/// How a call ends on the wire.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With this response.
    Respond(Response),
    /// Never; the connection stays open.
    Hang,
    /// With a reset of the connection.
    Reset,
}

/// More than this the answer of [`Fault::HugeBody`] holds.
const HUGE: usize = 10 * 1024 * 1024;

/// The `return.status` that the fault itself dictates, when the call is not accepted.
pub(crate) fn dictated_status(fault: &Fault) -> Option<ReturnStatus> {
    match fault {
        Fault::Status { status } | Fault::StatusIn200 { status } => ReturnStatus::new(*status),
        Fault::RateLimit { .. } => Some(ReturnStatus::TOO_FAST),
        _ => None,
    }
}

/// The end of a call that `fault` happened to, whose true answer would be `answer`.
pub(crate) fn spoil(fault: &Fault, answer: Answer, mode: HttpStatusMode) -> Ending {
    let dictated = dictated_status(fault).unwrap_or(ReturnStatus::OK);
    let response = match fault {
        Fault::Delay { .. } => answer.into_response(mode),
        Fault::AcceptThenHang => return Ending::Hang,
        Fault::AcceptThenReset | Fault::ResetBeforeAccept => return Ending::Reset,
        Fault::HtmlError { status } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, page(status.canonical_reason().unwrap_or("Error"))).into_response()
        }
        Fault::HtmlOk => page("Welcome to nginx!").into_response(),
        Fault::CutJson => {
            let body = answer.body();
            let half = body.len() / 2;
            json(Bytes::from(body.into_bytes()).slice(..half))
        }
        Fault::EmptyBody => StatusCode::OK.into_response(),
        Fault::EntriesNull => Answer::accepted_without_entries().into_response(mode),
        Fault::EntriesObject => answer.with_first_row_only().into_response(mode),
        Fault::HugeBody => {
            let padding = format!("{{\"padding\":\"{}\",", "x".repeat(HUGE));
            json(Bytes::from(answer.body().replacen('{', &padding, 1)))
        }
        Fault::Redirect { to } => (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, to.as_str())],
        )
            .into_response(),
        Fault::Status { .. } | Fault::RateLimit { .. } => {
            Answer::failed(dictated).into_response(mode)
        }
        Fault::StatusIn200 { .. } => {
            Answer::failed(dictated).into_response(HttpStatusMode::Always200)
        }
    };
    Ending::Respond(response)
}

fn page(title: &str) -> Html<String> {
    Html(format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    ))
}

fn json(body: Bytes) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
        Body::from(body),
    )
        .into_response()
}
