//! `POST /api/v1/usr/login`: signing in with a password.
//!
//! Every refusal of the credentials is the same, after the same work, so that nobody learns here
//! which numbers have an account.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::SessionId;
use domain::client_address::ClientAddress;
use domain::password::{Password, PasswordHash, Place};
use domain::phone::PhoneNumber;
use http::HeaderMap;
use shared::records::{PasswordHolder, PasswordLogIn, StepLogInOutcome, User};
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members};
use crate::metrics::LogInResult;
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::request_context::Client;
use crate::signed_in::{Opening, SignedIn};
use crate::tries::{CountedTry, TRY_ERRORS};

/// A number and its password.
#[derive(ToSchema)]
#[schema(example = json!({
    "phone_number": "09123456789", "password": "tahdig-va-ghormeh", "device_name": "Pixel 9"
}))]
pub(crate) struct Credentials {
    /// A mobile number as people write it.
    #[schema(example = "09123456789")]
    phone_number: String,
    /// The password to the letter: nothing is cut off or replaced.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 128)]
    password: Password,
    /// What the person calls this device, for the list of their sessions; 64 characters at most.
    #[schema(example = "Pixel 9", max_length = 64)]
    device_name: Option<String>,
}

impl FromMembers for Credentials {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            phone_number: members.required_text("phone_number")?,
            password: members.required_password("password")?,
            device_name: members.device_name()?,
        })
    }
}

/// What a log-in with a password can be refused with, besides a malformed body and too many tries.
pub(crate) const LOG_IN_ERRORS: [ErrorCode; 9] = [
    ErrorCode::FieldMissing,
    ErrorCode::PhoneEmpty,
    ErrorCode::PhoneMalformed,
    ErrorCode::PhoneNotMobile,
    ErrorCode::PhoneCountryNotAllowed,
    ErrorCode::PasswordTooLong,
    ErrorCode::CredentialsWrong,
    ErrorCode::PasswordBusy,
    ErrorCode::StoreUnavailable,
];

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        error_responses(&[&BODY_ERRORS[..], &TRY_ERRORS, &LOG_IN_ERRORS].concat())
    }
}

/// Signs in with a password.
///
/// The tokens come in the body and as HTTP-only cookies. A wrong password, an unknown number, a user
/// without a password and a blocked user are answered alike. Failures lock the number for this way
/// and for codes without their `session_id`; a code with its `session_id` always gets the owner in.
#[utoipa::path(
    post,
    path = "/api/v1/usr/login",
    tag = "sign-in",
    request_body = Credentials,
    responses(
        (status = 200, description = "Signed in", body = SignedIn,
            headers(("Set-Cookie" = String, description = "The two tokens as HTTP-only cookies"))),
        Refusals
    )
)]
pub(crate) async fn log_in(
    State(app): State<Arc<AppState>>,
    Client(address): Client,
    headers: HeaderMap,
    body: Result<JsonBody<Credentials>, ApiError>,
) -> Result<Response, ApiError> {
    let ended = async {
        let Credentials {
            phone_number,
            password,
            device_name,
        } = body?.0;
        let log_in = LogIn {
            phone: PhoneNumber::parse(&phone_number, &app.otp.allowed_countries)?,
            password,
            device_name,
            step: None,
        };
        log_in_with(&app, log_in, &headers, address).await
    };
    counted_log_in(&app, ended.await)
}

/// A password that was given for a number.
pub(crate) struct LogIn {
    pub(crate) phone: PhoneNumber,
    pub(crate) password: Password,
    pub(crate) device_name: Option<String>,
    /// The step of the step flow that it comes with, which a right password uses up.
    pub(crate) step: Option<SessionId>,
}

/// Counts how a log-in ended.
pub(crate) fn counted_log_in(
    app: &AppState,
    ended: Result<Response, Refused>,
) -> Result<Response, ApiError> {
    match ended {
        Ok(response) => {
            app.metrics.password_log_in(LogInResult::LoggedIn);
            Ok(response)
        }
        Err(Refused { result, error }) => {
            app.metrics.password_log_in(result);
            Err(error)
        }
    }
}

/// A refusal with what the metrics call it, which may be more than the client is told.
pub(crate) struct Refused {
    result: LogInResult,
    error: ApiError,
}

impl<E: Into<ApiError>> From<E> for Refused {
    fn from(error: E) -> Self {
        let error = error.into();
        let result = LogInResult::of_error(&error);
        Self { result, error }
    }
}

/// How a comparison ended.
enum Compared {
    /// Right, and the session is open.
    LoggedIn(Box<User>, PasswordHash),
    Wrong,
    /// Right, but the user is kept out.
    Blocked,
    /// Right, but the hash is no longer that.
    Changed,
    /// Right, but another has taken the step since.
    NoStep,
}

/// Logs in: counts the try, compares, opens the session, and replaces a hash that is out of date.
pub(crate) async fn log_in_with(
    app: &AppState,
    log_in: LogIn,
    headers: &HeaderMap,
    address: ClientAddress,
) -> Result<Response, Refused> {
    let LogIn {
        phone,
        password,
        device_name,
        step,
    } = log_in;
    let holder = app.records.password_of_phone(&phone).await?;
    // What can be away or busy comes before the try is counted.
    let place = app.passwords.place()?;
    let counted = CountedTry::begin(app, &phone, address).await?;

    let opening = Opening::new(app, headers, address, device_name);
    let mut compared = compare(app, place, holder, &password, step, &opening).await?;
    if matches!(compared, Compared::Changed) {
        // Most likely a log-in at the same moment has upgraded the hash of this very password.
        let holder = app.records.password_of_phone(&phone).await?;
        let place = app.passwords.place()?;
        compared = compare(app, place, holder, &password, step, &opening).await?;
    }
    let (user, hash) = match compared {
        Compared::LoggedIn(user, hash) => (*user, hash),
        Compared::Wrong | Compared::Changed => return Err(ErrorCode::CredentialsWrong.into()),
        Compared::NoStep => {
            // It was no guess.
            counted.succeeded(app).await;
            return Err(ErrorCode::StepSessionUnknown.into());
        }
        Compared::Blocked => {
            return Err(Refused {
                result: LogInResult::Blocked,
                error: ErrorCode::CredentialsWrong.into(),
            });
        }
    };
    counted.succeeded(app).await;
    if hash.needs_upgrade() {
        upgrade(app, user.id, &password, &hash).await;
    }
    Ok(opening.signed_in(app, user, false)?)
}

/// Compares, whether or not there is something to compare with, and opens the session.
async fn compare(
    app: &AppState,
    place: Place<'_>,
    holder: Option<PasswordHolder>,
    password: &Password,
    step: Option<SessionId>,
    opening: &Opening,
) -> Result<Compared, ApiError> {
    let hash = holder.as_ref().and_then(|holder| holder.hash.as_ref());
    let right = place.verify(password, hash).await?;
    let (Some(holder), Some(hash), true) = (&holder, hash, right) else {
        return Ok(Compared::Wrong);
    };
    if holder.blocked {
        return Ok(Compared::Blocked);
    }
    let log_in = PasswordLogIn {
        user: holder.user,
        hash: hash.clone(),
        session: opening.session.clone(),
    };
    let user = match step {
        None => app.records.log_in(&log_in).await?,
        Some(step) => match app.records.log_in_by_step(step, &log_in).await? {
            StepLogInOutcome::LoggedIn(user) => Some(user),
            StepLogInOutcome::NoStep => return Ok(Compared::NoStep),
            StepLogInOutcome::Refused => None,
        },
    };
    Ok(match user {
        Some(user) => Compared::LoggedIn(Box::new(user), log_in.hash),
        None => Compared::Changed,
    })
}

/// Stores a better hash of the password, which is at hand only now. The next log-in tries again
/// where that fails.
async fn upgrade(app: &AppState, user: Uuid, password: &Password, old: &PasswordHash) {
    let upgraded = async {
        let new = app.passwords.hash(password).await?;
        app.records.upgrade_password(user, old, &new).await?;
        Ok::<_, ApiError>(())
    };
    if let Err(error) = upgraded.await {
        tracing::warn!(code = error.code.as_str(), "an old password hash stays");
    }
}
