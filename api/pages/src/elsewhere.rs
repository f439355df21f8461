//! Addresses that other sign-in pages have, and people and links know: they lead to ours.

use axum::extract::{RawQuery, State};
use axum::response::Response;

use crate::frame::lead_to;
use crate::pages::{HOME, LOG_IN, LOG_OUT, PROFILE, SIGN_UP};
use crate::state::PagesState;

pub(crate) async fn home() -> Response {
    lead_to(HOME)
}

pub(crate) async fn log_in(RawQuery(query): RawQuery) -> Response {
    with_query(LOG_IN, query)
}

pub(crate) async fn sign_up(RawQuery(query): RawQuery) -> Response {
    with_query(SIGN_UP, query)
}

pub(crate) async fn profile() -> Response {
    lead_to(PROFILE)
}

/// Nobody is logged out by a link.
pub(crate) async fn log_out() -> Response {
    lead_to(LOG_OUT)
}

/// What browsers ask for by themselves.
pub(crate) async fn icon(State(state): State<PagesState>) -> Response {
    lead_to(&state.look.assets.icon)
}

/// `next` goes along; the page that it comes to looks at it.
fn with_query(path: &str, query: Option<String>) -> Response {
    match query {
        Some(query) if !query.is_empty() => lead_to(&format!("{path}?{query}")),
        _ => lead_to(path),
    }
}
