//! The answer to the one who signed in: the tokens of a new session, in the body and as cookies.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use domain::tokens::SessionTokens;
use serde::Serialize;
use shared::records::User;
use utoipa::ToSchema;
use uuid::Uuid;
use web::Site;

/// Tokens of a new session.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "access_token": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiJ9.eyJ...fQ.c2ln...",
    "refresh_token": "w3mJ4q0dQz8mN1yZ5Wb7sXc2VtR9aHfKpLuEoGiYjTk",
    "token_type": "Bearer", "expires_in": 300, "is_new_user": true,
    "device_token": "v1.k1.AZp_PlwbfU6abwssTW6PEAGafz5c...ZFAA.PY-Lvc7_Ave_X7Px764VEvfofJ767sHeiykCO0ka3fk",
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
    /// By which this device is known from now on, for 90 days at most: to be kept also after a log-out, secret, and
    /// shown with later calls that ask for a code or sign in. It opens nothing by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_token: Option<String>,
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
        // Anyone who signs in has a number: a code proved it, or a password was given for it.
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

/// `token_type` of every answer with tokens (RFC 6750).
pub(crate) const TOKEN_TYPE: &str = "Bearer";

impl SignedIn {
    /// The answer to a sign-in.
    pub(crate) fn answer(site: &Site, signed_in: flows::SignedIn) -> Response {
        let tokens = &signed_in.tokens;
        let body = Self {
            access_token: tokens.access.expose().to_owned(),
            refresh_token: tokens.refresh.expose(),
            token_type: TOKEN_TYPE,
            expires_in: tokens.access_lifetime.as_secs(),
            is_new_user: signed_in.is_new,
            device_token: signed_in.device.map(|token| token.expose()),
            user: signed_in.user.into(),
        };
        let mut response = with_cookies(site, tokens, body);
        if let Some(token) = &signed_in.device {
            site.cookies.keep_device(response.headers_mut(), token);
        }
        response
    }
}

/// A body with both tokens as cookies beside it.
pub(crate) fn with_cookies(site: &Site, tokens: &SessionTokens, body: impl Serialize) -> Response {
    let mut response = Json(body).into_response();
    site.cookies.hand_over(response.headers_mut(), tokens);
    response
}
