//! `POST /api/v1/usr/password`: setting a password, or changing it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use domain::client_address::ClientAddress;
use domain::password::{OwnWords, Password, PasswordHash};
use http::StatusCode;
use shared::records::{PasswordChange, PasswordChangeOutcome, User};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::{NEW_PASSWORD_ERRORS, notice};
use crate::app::AppState;
use crate::authentication::{AUTHENTICATION_ERRORS, Authenticated};
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members, missing};
use crate::notices;
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::request_context::{Client, RequestContext};
use crate::tries::{CountedTry, TRY_ERRORS};

/// A new password, and what shows that its owner sets it.
#[derive(ToSchema)]
#[schema(example = json!({
    "new_password": "tahdig-va-ghormeh", "current_password": "correct horse battery staple"
}))]
pub(crate) struct NewPassword {
    /// At least 8 characters that are not easy to guess. Kept to the letter.
    #[schema(value_type = String, format = Password, min_length = 8, max_length = 128)]
    new_password: Password,
    /// The present password. Needed where there is one, except within ten minutes of a sign-in with
    /// a code.
    #[schema(value_type = Option<String>, format = Password, min_length = 1, max_length = 128)]
    current_password: Option<Password>,
}

impl FromMembers for NewPassword {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            new_password: members.required_password("new_password")?,
            current_password: members.password("current_password")?,
        })
    }
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ErrorCode::PasswordWrong,
            ErrorCode::FreshSignInRequired,
            ErrorCode::TooManyPasswordChanges,
        ];
        let codes = [
            &BODY_ERRORS[..],
            &AUTHENTICATION_ERRORS,
            &NEW_PASSWORD_ERRORS,
            &TRY_ERRORS,
            &own,
        ];
        error_responses(&codes.concat())
    }
}

/// Sets or changes the password of the signed-in user.
///
/// Whoever has a password gives it as `current_password`, unless they signed in with a code in the
/// last ten minutes; `field_missing` says that it is needed. Whoever has none needs such a sign-in.
/// All other sessions of the user end; this one stays. Their owner is told of a change by SMS,
/// at most five times a day: then `too_many_password_changes`.
#[utoipa::path(
    post,
    path = "/api/v1/usr/password",
    tag = "account",
    security(("bearer" = []), ("cookie" = [])),
    request_body = NewPassword,
    responses((status = 204, description = "The password is set"), Refusals)
)]
pub(crate) async fn change_password(
    State(app): State<Arc<AppState>>,
    authenticated: Authenticated,
    context: RequestContext,
    Client(address): Client,
    body: Result<JsonBody<NewPassword>, ApiError>,
) -> Result<StatusCode, ApiError> {
    let JsonBody(body) = body?;
    let stored = app.records.password_of_user(authenticated.user.id).await?;
    require_proof(&app, &authenticated, stored.as_ref(), &body)?;
    // Before the comparison: a poor choice costs no try.
    judge(&app, &body.new_password, &authenticated.user).await?;
    if let (Some(stored), Some(current)) = (&stored, &body.current_password) {
        compare(&app, &authenticated.user, address, stored, current).await?;
    }
    let change = PasswordChange {
        user: authenticated.user.id,
        hash: app.passwords.hash(&body.new_password).await?,
        keep_session: Some(authenticated.session.id),
        now: app.clock.now(),
    };
    // A first password is no change that anybody must be warned of.
    let phone = authenticated.user.phone.filter(|_| stored.is_some());
    let notice = phone.map(|phone| notice(&app, phone, context.locale));
    let changed = app.records.change_password(&change, notice.as_ref());
    match changed.await? {
        PasswordChangeOutcome::Set => {}
        // The session was ended, or the user blocked, since the request came in.
        PasswordChangeOutcome::NotAllowed => return Err(ErrorCode::Unauthenticated.into()),
        PasswordChangeOutcome::TooOften { until } => {
            let wait = until - app.clock.now();
            return Err(ApiError::too_many_password_changes(wait.num_milliseconds()));
        }
    }
    if let Some(notice) = notice {
        notices::enqueue(&app, notice.waiting(), context).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A stolen session alone must not set a password: that would make it last.
fn require_proof(
    app: &AppState,
    authenticated: &Authenticated,
    stored: Option<&PasswordHash>,
    body: &NewPassword,
) -> Result<(), ApiError> {
    if stored.is_some() && body.current_password.is_some() {
        return Ok(());
    }
    if authenticated.session.by_code && authenticated.require_fresh(app).is_ok() {
        return Ok(());
    }
    Err(if stored.is_some() {
        missing("current_password")
    } else {
        ErrorCode::FreshSignInRequired.into()
    })
}

async fn judge(app: &AppState, password: &Password, user: &User) -> Result<(), ApiError> {
    let names = [&user.username, &user.first_name, &user.last_name].map(String::as_str);
    let own = OwnWords::new(
        user.phone.as_ref(),
        names.into_iter().chain(user.email.as_deref()),
    );
    let judged = app.passwords.judge(password, own).await;
    judged.map_err(|error| ApiError::new_password(error, "new_password"))
}

/// Compares the current password, under the limits of all tries at it.
async fn compare(
    app: &AppState,
    user: &User,
    address: ClientAddress,
    stored: &PasswordHash,
    current: &Password,
) -> Result<(), ApiError> {
    // Without a number there is no lock to count on; such accounts sign in to nothing here.
    let phone = user.phone.as_ref().ok_or(ErrorCode::FreshSignInRequired)?;
    let place = app.passwords.place()?;
    let counted = CountedTry::begin(app, phone, address).await?;
    if !place.verify(current, Some(stored)).await? {
        return Err(ErrorCode::PasswordWrong.into());
    }
    counted.succeeded(app).await;
    Ok(())
}
