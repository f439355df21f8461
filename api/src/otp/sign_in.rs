//! What a right code opens: a session with its tokens.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::{SET_COOKIE, USER_AGENT};
use serde::Serialize;
use shared::challenge::Challenge;
use shared::client_address::ClientAddress;
use shared::records::{Device, SignIn, SignInOutcome, User};
use shared::tokens::RefreshToken;
use utoipa::ToSchema;
use uuid::Uuid;

use super::verify::Refused;
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::metrics::VerificationResult;

/// A challenge whose code was right, with an attempt counted for it.
pub(super) struct Proven {
    pub(super) challenge: Challenge,
    /// What a wrong code would have been answered: blocked users hear no more.
    pub(super) as_if_wrong: ApiError,
    /// The answer where the code had its effect before.
    pub(super) if_used: ApiError,
}

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
    user: SignedInUser,
}

/// A user, as shown to themselves.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedInUser {
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

/// Opens the session, once for each challenge. Where the records are away nothing is used up: the
/// same code may be tried again, and that attempt counts too.
pub(super) async fn sign_in(
    app: &AppState,
    proven: Proven,
    headers: &HeaderMap,
    address: ClientAddress,
) -> Result<Response, Refused> {
    let challenge = proven.challenge;
    let (now, now_millis) = (app.clock.now(), app.clock.now_millis());
    let refresh_token = RefreshToken::new(&app.random);
    let session_id = app.random.uuid_v7(now_millis);
    let user_agent = headers
        .get(USER_AGENT)
        .and_then(|value| value.to_str().ok());
    let sign_in = SignIn {
        challenge: challenge.id,
        purpose: challenge.purpose,
        phone: challenge.phone,
        new_user_id: app.random.uuid_v7(now_millis),
        session_id,
        refresh_token_hash: refresh_token.hash(),
        device: Device {
            name: None,
            user_agent: user_agent.map(str::to_owned),
            address: Some(address.ip()),
        },
        now,
        idle_expires_at: now + app.tokens.refresh_idle_lifetime,
        expires_at: now + app.tokens.refresh_lifetime,
    };
    let (user, is_new_user) = match app.records.sign_in(&sign_in).await? {
        SignInOutcome::SignedIn { user, is_new } => (user, is_new),
        SignInOutcome::CodeUsed => {
            return Err(Refused {
                result: VerificationResult::Used,
                error: proven.if_used,
            });
        }
        SignInOutcome::Blocked => {
            return Err(Refused {
                result: VerificationResult::Blocked,
                error: proven.as_if_wrong,
            });
        }
    };
    // The records keep the code from acting twice; this only stops resends of it.
    if let Err(error) = app.hot_state.consume(challenge.id).await {
        tracing::warn!(%error, challenge = %challenge.id, "a used challenge stays open");
    }
    app.metrics
        .verified_after(seconds_between(challenge.created_at, now_millis));
    let phone_number = sign_in.phone.as_e164().to_owned();
    answer(
        app,
        user,
        phone_number,
        is_new_user,
        session_id,
        &refresh_token,
    )
}

fn answer(
    app: &AppState,
    user: User,
    phone_number: String,
    is_new_user: bool,
    session_id: Uuid,
    refresh_token: &RefreshToken,
) -> Result<Response, Refused> {
    let issued = app
        .access_tokens
        .issue(user.id, session_id, app.clock.now_millis(), &app.random);
    let access_token = issued.map_err(|error| {
        tracing::error!(%error, "an access token cannot be signed");
        ErrorCode::Internal
    })?;
    let lifetime = app.access_tokens.lifetime();
    let body = SignedIn {
        access_token: access_token.expose().to_owned(),
        refresh_token: refresh_token.expose(),
        token_type: "Bearer",
        expires_in: lifetime.as_secs(),
        is_new_user,
        user: SignedInUser {
            id: user.id,
            phone_number,
            email: user.email,
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
        },
    };
    let mut response = Json(body).into_response();
    let idle = app.tokens.refresh_idle_lifetime;
    for cookie in [
        app.cookies.set_access(&access_token, lifetime),
        app.cookies.set_refresh(refresh_token, idle),
    ] {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a span in milliseconds is far below 2^52"
)]
fn seconds_between(earlier: i64, later: i64) -> f64 {
    (later - earlier).max(0) as f64 / 1000.0
}
