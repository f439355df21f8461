//! `POST /api/v1/usr/token/refresh`: the next pair of tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::client_address::ClientAddress;
use domain::tokens::RefreshToken;
use http::HeaderMap;
use serde::Serialize;
use shared::records::{Refresh, RefreshOutcome, Renewed};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::clearing_cookies;
use super::presented::Presented;
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, Members, OptionalJsonBody};
use crate::metrics::RefreshResult;
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::request_context::{Client, user_agent};
use crate::signed_in::{SessionTokens, TOKEN_TYPE};

/// A refresh token, where it does not come as a cookie.
#[derive(ToSchema)]
#[schema(example = json!({"refresh_token": "w3mJ4q0dQz8mN1yZ5Wb7sXc2VtR9aHfKpLuEoGiYjTk"}))]
pub(crate) struct RefreshRequest {
    /// The newest one of the session. Browsers leave it out: their cookie carries it.
    refresh_token: Option<String>,
}

impl FromMembers for RefreshRequest {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            refresh_token: members.text("refresh_token")?,
        })
    }
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

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ErrorCode::RefreshTokenInvalid,
            ErrorCode::CrossSiteRequest,
            ErrorCode::StoreUnavailable,
        ];
        error_responses(&[&BODY_ERRORS[..], &own].concat())
    }
}

/// Renews the tokens of a session.
///
/// Apps send the refresh token in the body, browsers as a cookie with an empty body; where both
/// come, the body counts. Each refresh token works once. One that was replaced less than ten
/// seconds ago gets the same successor again, as long as that was not used; later it ends the
/// session. Every refusal of a token is `refresh_token_invalid`, whatever is wrong with it.
#[utoipa::path(
    post,
    path = "/api/v1/usr/token/refresh",
    tag = "sessions",
    request_body = Option<RefreshRequest>,
    responses(
        (status = 200, description = "The next tokens", body = Refreshed,
            headers(("Set-Cookie" = String, description = "The two tokens as HTTP-only cookies"))),
        Refusals
    )
)]
pub(crate) async fn refresh_tokens(
    State(app): State<Arc<AppState>>,
    Client(address): Client,
    headers: HeaderMap,
    body: Result<OptionalJsonBody<RefreshRequest>, ApiError>,
) -> Response {
    let presented = body.and_then(|OptionalJsonBody(body)| {
        Presented::find(&app, &headers, body.refresh_token.as_deref())
    });
    let by_cookie = presented.as_ref().is_ok_and(|found| found.by_cookie);
    let renewed = async { renew(&app, presented?.token, &headers, address).await };
    let (result, response) = match renewed.await {
        Ok(renewed) => renewed,
        Err(Refused { result, error }) => {
            let is_dead = error.code == ErrorCode::RefreshTokenInvalid;
            let response = if by_cookie && is_dead {
                clearing_cookies(app.cookies, error)
            } else {
                error.into_response()
            };
            (result, response)
        }
    };
    app.metrics.refreshes.count(result);
    response
}

/// A refusal with what the metrics call it, which is more than the client is told.
struct Refused {
    result: RefreshResult,
    error: ApiError,
}

impl<E: Into<ApiError>> From<E> for Refused {
    fn from(error: E) -> Self {
        let error = error.into();
        let result = RefreshResult::of_error(&error);
        Self { result, error }
    }
}

async fn renew(
    app: &AppState,
    token: Option<RefreshToken>,
    headers: &HeaderMap,
    address: ClientAddress,
) -> Result<(RefreshResult, Response), Refused> {
    let token = token.ok_or(ErrorCode::RefreshTokenInvalid)?;
    let refresh = Refresh {
        token,
        salt: app.random.bytes(),
        address: Some(address.ip()),
        user_agent: user_agent(headers),
        now: app.clock.now(),
        idle_lifetime: app.tokens.refresh_idle_lifetime,
    };
    match app.records.refresh(&refresh).await? {
        RefreshOutcome::Rotated(renewed) => Ok((RefreshResult::Rotated, answer(app, &renewed)?)),
        RefreshOutcome::Repeated(renewed) => Ok((RefreshResult::Repeated, answer(app, &renewed)?)),
        RefreshOutcome::Reused { user, session } => {
            // Neither id is a secret: the session's opens nothing, unlike that of a challenge.
            tracing::warn!(
                %user,
                %session,
                "a refresh token came back after it was replaced; its session was ended"
            );
            Err(Refused {
                result: RefreshResult::Reused,
                error: ErrorCode::RefreshTokenInvalid.into(),
            })
        }
        RefreshOutcome::Refused => Err(ErrorCode::RefreshTokenInvalid.into()),
    }
}

fn answer(app: &AppState, renewed: &Renewed) -> Result<Response, ApiError> {
    let tokens = SessionTokens::issue(app, renewed.user, renewed.session, &renewed.token)?;
    Ok(tokens.answer(app, |tokens| Refreshed {
        access_token: tokens.access_token.expose().to_owned(),
        refresh_token: tokens.refresh_token.expose(),
        token_type: TOKEN_TYPE,
        expires_in: app.access_tokens.lifetime().as_secs(),
    }))
}
