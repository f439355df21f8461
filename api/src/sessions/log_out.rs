//! `POST /api/v1/usr/logout`: ending this session, or all of one's sessions.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::tokens::RefreshToken;
use http::{HeaderMap, Method, StatusCode};
use shared::records::SessionEnd;
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};
use web::cookies::TokenCookie;

use super::clearing_cookies;
use crate::app::AppState;
use crate::authentication::bearer_token;
use crate::cross_site::refuse_cross_site;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, Members, OptionalJsonBody};
use crate::openapi::{BODY_ERRORS, error_responses};

/// What to end. Everything may be left out.
#[derive(ToSchema)]
#[schema(example = json!({"all_devices": false}))]
pub(crate) struct LogOut {
    /// Whether all sessions of the user end; only this one by default.
    #[schema(value_type = Option<bool>, default = false)]
    all_devices: bool,
    /// The refresh token, where the access token may be dead; browsers leave it out.
    refresh_token: Option<String>,
}

impl FromMembers for LogOut {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            all_devices: members.flag("all_devices")?,
            refresh_token: members.text("refresh_token")?,
        })
    }
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ErrorCode::Unauthenticated,
            ErrorCode::CrossSiteRequest,
            ErrorCode::StoreUnavailable,
        ];
        error_responses(&[&BODY_ERRORS[..], &own].concat())
    }
}

/// Logs out.
///
/// The access token or the refresh token is enough, each in its usual place; cookies count where
/// neither header nor body ended a session. Logging out again, or without any token, is no error,
/// except with `all_devices`, which needs a session that still holds.
#[utoipa::path(
    post,
    path = "/api/v1/usr/logout",
    tag = "sessions",
    security((), ("bearer" = []), ("cookie" = [])),
    request_body = Option<LogOut>,
    responses(
        (status = 204, description = "Logged out",
            headers(("Set-Cookie" = String, description = "Clears the cookies of both tokens"))),
        Refusals
    )
)]
pub(crate) async fn log_out(
    State(app): State<Arc<AppState>>,
    headers: HeaderMap,
    body: Result<OptionalJsonBody<LogOut>, ApiError>,
) -> Result<Response, ApiError> {
    let OptionalJsonBody(LogOut {
        all_devices,
        refresh_token,
    }) = body?;
    let ending = Ending {
        app: &app,
        all_devices,
    };
    let mut ended = ending
        .with_tokens(bearer_token(&headers), refresh_token.as_deref())
        .await?;
    if !ended {
        let cookie = |which| app.cookies.read(&headers, which).ok().flatten();
        let (access, refresh) = (cookie(TokenCookie::Access), cookie(TokenCookie::Refresh));
        if access.is_some() || refresh.is_some() {
            refuse_cross_site(&Method::POST, &headers, &app.public_origin)?;
            ended = ending.with_tokens(access, refresh).await?;
        }
    }
    if all_devices && !ended {
        // "Done" would be a lie: the other sessions may go on.
        let refusal = ApiError::from(ErrorCode::Unauthenticated);
        return Ok(clearing_cookies(app.cookies, refusal));
    }
    Ok(clearing_cookies(app.cookies, StatusCode::NO_CONTENT))
}

/// One log-out.
struct Ending<'a> {
    app: &'a AppState,
    all_devices: bool,
}

impl Ending<'_> {
    /// Ends what each of the tokens names, should they name two sessions; tells whether there was
    /// any.
    async fn with_tokens(
        &self,
        access: Option<&str>,
        refresh: Option<&str>,
    ) -> Result<bool, ApiError> {
        let mut ended = false;
        if let Some(token) = access {
            ended |= self.with_access_token(token).await?;
        }
        if let Some(token) = refresh.and_then(RefreshToken::parse) {
            let (hash, now) = (token.hash(), self.app.clock.now());
            ended |= self
                .app
                .records
                .end_session_of_token(hash, self.all_devices, SessionEnd::LogOut, now)
                .await?;
        }
        Ok(ended)
    }

    async fn with_access_token(&self, token: &str) -> Result<bool, ApiError> {
        let (app, now) = (self.app, self.app.clock.now());
        let Ok(claims) = app.access_tokens.verify(token, app.clock.now_millis()) else {
            return Ok(false);
        };
        let (user, session) = (claims.sub, claims.sid);
        let records = &app.records;
        if !self.all_devices {
            let ended = records.end_session(user, session, SessionEnd::LogOut, now);
            return Ok(ended.await?);
        }
        if records.session_in_use(user, session, now).await?.is_none() {
            return Ok(false);
        }
        let ended = records.end_all_sessions(user, SessionEnd::LogOut, now);
        Ok(ended.await? > 0)
    }
}
