//! The answer to whoever signed in: the tokens of a new session, in the body and as cookies.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use domain::client_address::ClientAddress;
use domain::tokens::{AccessToken, RefreshToken};
use http::HeaderMap;
use http::header::SET_COOKIE;
use serde::Serialize;
use shared::records::{Device, NewSession, User};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::request_context::user_agent;

/// Tokens of a new session.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiJ9.eyJ...fQ.c2ln...",
    "refresh_token": "w3mJ4q0dQz8mN1yZ5Wb7sXc2VtR9aHfKpLuEoGiYjTk",
    "token_type": "Bearer", "expires_in": 300, "is_new_user": true,
    "user": {
        "id": "019a7f3e-5c1b-7d4e-9a6f-0b2c4d6e8f10", "phone_number": "+989123456789",
        "email": null, "username": "989123456789", "first_name": "", "last_name": ""
    }
}))]
pub(crate) struct SignedIn {
    /// A JWT (RFC 9068) for `Authorization: Bearer`.
    access_token: String,
    /// Gets the next access token; keep it secret.
    refresh_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until the access token is dead.
    expires_in: u64,
    /// Whether this sign-in created the user.
    is_new_user: bool,
    /// Who signed in.
    user: UserProfile,
}

/// A user, as shown to themselves.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserProfile {
    /// Also the `sub` of the access token.
    id: Uuid,
    /// E.164 form.
    phone_number: String,
    /// Never proven; `null` at first.
    email: Option<String>,
    /// The digits of the number at first.
    username: String,
    /// Empty at first.
    first_name: String,
    /// Empty at first.
    last_name: String,
}

impl From<User> for UserProfile {
    fn from(user: User) -> Self {
        // Whoever signs in has a number: a code proved it, or a password was given for it.
        let phone_number = user.phone.map(|phone| phone.as_e164().to_owned());
        Self {
            id: user.id,
            phone_number: phone_number.unwrap_or_default(),
            email: user.email,
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
        }
    }
}

/// A session on its way into the records, with the one copy of its refresh token.
pub(crate) struct Opening {
    /// What the records store of it.
    pub(crate) session: NewSession,
    refresh_token: RefreshToken,
}

impl Opening {
    /// A session that begins now, for the client that sent these headers.
    pub(crate) fn new(
        app: &AppState,
        headers: &HeaderMap,
        address: ClientAddress,
        device_name: Option<String>,
    ) -> Self {
        let now = app.clock.now();
        let refresh_token = RefreshToken::new(&app.random);
        let session = NewSession {
            id: app.random.uuid_v7(app.clock.now_millis()),
            refresh_token_hash: refresh_token.hash(),
            device: Device {
                name: device_name,
                user_agent: user_agent(headers),
                address: Some(address.ip()),
            },
            opened_at: now,
            idle_expires_at: now + app.tokens.refresh_idle_lifetime,
            expires_at: now + app.tokens.refresh_lifetime,
        };
        Self {
            session,
            refresh_token,
        }
    }

    /// The answer, once the records hold the session.
    pub(crate) fn signed_in(
        &self,
        app: &AppState,
        user: User,
        is_new_user: bool,
    ) -> Result<Response, ApiError> {
        let tokens = SessionTokens::issue(app, user.id, self.session.id, &self.refresh_token)?;
        Ok(tokens.answer(app, |tokens| SignedIn {
            access_token: tokens.access_token.expose().to_owned(),
            refresh_token: tokens.refresh_token.expose(),
            token_type: TOKEN_TYPE,
            expires_in: app.access_tokens.lifetime().as_secs(),
            is_new_user,
            user: user.into(),
        }))
    }
}

/// `token_type` of every answer with tokens (RFC 6750).
pub(crate) const TOKEN_TYPE: &str = "Bearer";

/// The two tokens of a session.
pub(crate) struct SessionTokens<'a> {
    pub(crate) access_token: AccessToken,
    pub(crate) refresh_token: &'a RefreshToken,
}

impl<'a> SessionTokens<'a> {
    /// Signs an access token to go with the refresh token of a session.
    pub(crate) fn issue(
        app: &AppState,
        user: Uuid,
        session: Uuid,
        refresh_token: &'a RefreshToken,
    ) -> Result<Self, ApiError> {
        let now = app.clock.now_millis();
        let issued = app.access_tokens.issue(user, session, now, &app.random);
        let access_token = issued.map_err(|error| {
            tracing::error!(%error, "an access token cannot be signed");
            ErrorCode::Internal
        })?;
        Ok(Self {
            access_token,
            refresh_token,
        })
    }

    /// The body that `write` makes of them, with both as cookies.
    pub(crate) fn answer<B: Serialize>(
        &self,
        app: &AppState,
        write: impl FnOnce(&Self) -> B,
    ) -> Response {
        let mut response = Json(write(self)).into_response();
        let (lifetime, idle) = (
            app.access_tokens.lifetime(),
            app.tokens.refresh_idle_lifetime,
        );
        for cookie in [
            app.cookies.set_access(&self.access_token, lifetime),
            app.cookies.set_refresh(self.refresh_token, idle),
        ] {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}
