//! `GET /api/v1/usr/me`: one's own account.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::records::User;
use utoipa::ToSchema;

use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::openapi::refusals;
use crate::signed_in::UserProfile;

/// A user as shown to themselves, with what their account is like.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019a7f3e-5c1b-7d4e-9a6f-0b2c4d6e8f10", "phone_number": "+989123456789",
    "email": "maryam@example.com", "username": "989123456789", "first_name": "مریم",
    "last_name": "رضایی", "has_password": false, "phone_verified_at": "2026-11-21T08:30:00Z",
    "last_sign_in_at": "2026-11-21T08:30:00Z", "created_at": "2026-11-21T08:30:00Z"
}))]
pub(crate) struct Profile {
    #[serde(flatten)]
    user: UserProfile,
    /// Whether they can sign in with a password too.
    has_password: bool,
    /// When a code proved that the number is theirs.
    phone_verified_at: Option<DateTime<Utc>>,
    /// When they last signed in.
    last_sign_in_at: Option<DateTime<Utc>>,
    /// Since when they have an account.
    created_at: DateTime<Utc>,
}

impl From<User> for Profile {
    fn from(user: User) -> Self {
        Self {
            has_password: user.has_password,
            phone_verified_at: user.phone_verified_at,
            last_sign_in_at: user.last_sign_in_at,
            created_at: user.created_at,
            user: user.into(),
        }
    }
}

refusals! {
    /// What the call can be refused with.
    Refusals: AUTHENTICATION_ERRORS
}

/// Shows the signed-in user.
#[utoipa::path(
    get,
    path = "/api/v1/usr/me",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, description = "The user", body = Profile), Refusals)
)]
pub(crate) async fn show_profile(Authenticated(authenticated): Authenticated) -> Json<Profile> {
    Json(authenticated.user.into())
}
