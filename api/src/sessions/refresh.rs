//! `POST /api/v1/usr/token/refresh`: the next pair of tokens.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::tokens::SessionTokens;
use flows::{CountedUseCase, Flows, RefusalCode, sessions};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use web::{PresentedRefresh, Site, UserAgent};

use super::taking_back_cookies;
use crate::caller::CallerOf;
use crate::error::{ApiError, ErrorCode, RequestFault};
use crate::json_body::OptionalJsonBody;
use crate::openapi::{BODY_ERRORS, refusals};
use crate::signed_in::{TOKEN_TYPE, with_cookies};

/// A refresh token, where it does not come as a cookie.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"refresh_token": "w3mJ4q0dQz8mN1yZ5Wb7sXc2VtR9aHfKpLuEoGiYjTk"}))]
pub(crate) struct RefreshRequest {
    /// The newest one of the session. Browsers leave it out: their cookie carries it.
    refresh_token: Option<String>,
}

/// The tokens with which a session goes on.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiJ9.eyJ...fQ.c2ln...",
    "refresh_token": "Zk2pX8sVd0uQm5Yt7Lb1cRj4Wn9aHgEf3iKoTzPyGxM",
    "token_type": "Bearer", "expires_in": 300
}))]
pub(crate) struct Refreshed {
    /// A JWT (RFC 9068) for `Authorization: Bearer`.
    access_token: String,
    /// Takes the place of the one that was sent, which is dead now.
    refresh_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token is dead.
    expires_in: u64,
}

impl Refreshed {
    fn answer(site: &Site, tokens: &SessionTokens) -> Response {
        let body = Self {
            access_token: tokens.access.expose().to_owned(),
            refresh_token: tokens.refresh.expose(),
            token_type: TOKEN_TYPE,
            expires_in: tokens.access_lifetime.as_secs(),
        };
        with_cookies(site, tokens, body)
    }
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, [
        ErrorCode::Refusal(RefusalCode::RefreshTokenInvalid),
        ErrorCode::Refusal(RefusalCode::TooManyRefreshes),
        ErrorCode::Refusal(RefusalCode::TooManyRequestsAddress),
        ErrorCode::Request(RequestFault::CrossSiteRequest),
        ErrorCode::Refusal(RefusalCode::StoreUnavailable),
    ]
}

/// Renews the tokens of a session.
///
/// Apps send the refresh token in the body, browsers as a cookie with an empty body; where both
/// come, the body counts. Each refresh token works once. One that was replaced less than five
/// minutes ago (`REFRESH_GRACE`) gets the same successor again, as long as that was not used; later it
/// ends the session. A session is renewed 30 times in a minute and 2000 times in a day at most. Every refusal of a token is `refresh_token_invalid`, whatever is wrong with it.
#[utoipa::path(
    post,
    path = "/api/v1/usr/token/refresh",
    tag = "sessions",
    request_body(content = Option<RefreshRequest>, examples(
        ("by_cookie" = (summary = "A browser: its cookie carries the token", value = json!({}))),
        ("in_the_body" = (
            summary = "An app: the newest refresh token of its session",
            value = json!({"refresh_token": "w3mJ4q0dQz8mN1yZ5Wb7sXc2VtR9aHfKpLuEoGiYjTk"})
        ))
    )),
    responses(
        (status = 200, description = "The next tokens", body = Refreshed,
            headers(("Set-Cookie" = String, description = "The two tokens as HTTP-only cookies"))),
        Refusals
    )
)]
pub(crate) async fn refresh_tokens(
    State(flows): State<Arc<Flows>>,
    State(site): State<Arc<Site>>,
    CallerOf(caller): CallerOf,
    UserAgent(agent): UserAgent,
    headers: HeaderMap,
    body: Result<OptionalJsonBody<RefreshRequest>, ApiError>,
) -> Result<Response, ApiError> {
    let presented = body.and_then(|OptionalJsonBody(body)| {
        let in_body = body.refresh_token.as_deref();
        Ok(PresentedRefresh::find(&site, &headers, in_body)?)
    });
    let presented =
        presented.inspect_err(|_| flows.metrics.unreadable(CountedUseCase::Refreshing))?;
    match sessions::refresh(&flows, caller, presented.token, caller.device(None, agent)).await {
        Ok(tokens) => Ok(Refreshed::answer(&site, &tokens)),
        Err(dead) if presented.by_cookie && dead.code == RefusalCode::RefreshTokenInvalid => {
            Ok(taking_back_cookies(&site, ApiError::from(dead)))
        }
        Err(refusal) => Err(refusal.into()),
    }
}
