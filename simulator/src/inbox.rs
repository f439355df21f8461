//! The inbox: what the handsets got, at `/`.

mod language;
mod view;

use askama::Template;
use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use self::view::InboxPage;
use crate::simulator::Simulator;

const STYLE: &str = include_str!("../templates/inbox.css");
const ICON: &str = include_str!("../templates/inbox.svg");
const SCRIPT: &str = include_str!("../templates/inbox.js");
/// Nothing from elsewhere, and nothing inline.
const POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'; object-src 'none'";

/// What the page is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct PageQuery {
    #[serde(default)]
    lang: String,
    #[serde(default)]
    receptor: String,
}

pub(crate) async fn page(
    State(simulator): State<Simulator>,
    Query(query): Query<PageQuery>,
) -> Response {
    let page = InboxPage::new(&simulator, &query.lang, query.receptor.trim());
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    match page.render() {
        Ok(html) => (headers, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the inbox page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

pub(crate) async fn script() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        SCRIPT,
    )
}

pub(crate) async fn icon() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "image/svg+xml")], ICON)
}
