//! `POST /api/v1/usr/otp/verify`: giving a code back.
//!
//! With the session id the attempts of that one challenge count, and the answer says why it is
//! refused. With the phone number alone one guess is compared with all live challenges of the
//! number under a count of its own, and every refusal is the same: whoever knows a number only
//! learns nothing about it.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use shared::challenge::{Challenge, ChallengeId, Locale, Salt, SessionId, Way};
use shared::hot_state::{Attempt, PHONE_CHALLENGES, Verdict};
use shared::otp::{OtpCode, Purpose};
use shared::phone::PhoneNumber;
use utoipa::openapi::RefOr;
use utoipa::{IntoResponses, ToSchema};

use super::sign_in::{Proven, SignedIn, sign_in};
use crate::app::AppState;
use crate::error::{ApiError, ErrorCode};
use crate::json_body::{FromMembers, JsonBody, Members, missing};
use crate::metrics::VerificationResult;
use crate::openapi::{BODY_ERRORS, error_responses};
use crate::request_context::Client;

/// The only purpose whose codes open a session here.
const PURPOSE: Purpose = Purpose::SignIn;
/// The number of the challenge that is derived where there is none, for the same work.
const DECOY_NUMBER: &str = "+989000000000";

/// A code and what it belongs to: `session_id`, or `phone_number`, or both.
#[derive(ToSchema)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code": "123456"
}))]
pub(crate) struct Verification {
    /// The `session_id` that came with the request for the code.
    #[schema(value_type = Option<String>, format = Uuid)]
    session_id: Option<SessionId>,
    /// The number that the code was sent to, where the session id is not at hand.
    #[schema(example = "09123456789")]
    phone_number: Option<String>,
    /// The code as it was typed; Persian and Arabic digits and spaces are understood.
    #[schema(example = "۱۲۳۴۵۶")]
    code: String,
}

impl FromMembers for Verification {
    fn from_members(members: &mut Members) -> Result<Self, ApiError> {
        Ok(Self {
            session_id: members.session_id("session_id")?,
            phone_number: members.text("phone_number")?,
            code: members.required_text("code")?,
        })
    }
}

/// A refusal with what the metrics call it, which may be more than the client is told.
pub(super) struct Refused {
    pub(super) result: VerificationResult,
    pub(super) error: ApiError,
}

impl<E: Into<ApiError>> From<E> for Refused {
    fn from(error: E) -> Self {
        let error = error.into();
        let result = VerificationResult::of_error(&error);
        Self { result, error }
    }
}

/// What the call can be refused with.
struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let own = [
            ErrorCode::FieldMissing,
            ErrorCode::PhoneEmpty,
            ErrorCode::PhoneMalformed,
            ErrorCode::PhoneNotMobile,
            ErrorCode::PhoneCountryNotAllowed,
            ErrorCode::CodeMalformed,
            ErrorCode::CodeWrong,
            ErrorCode::AttemptsExhausted,
            ErrorCode::SessionUnknown,
            ErrorCode::PhoneMismatch,
            ErrorCode::CodeUsed,
            ErrorCode::CodeExpired,
            ErrorCode::StoreUnavailable,
            ErrorCode::KeyUnavailable,
        ];
        error_responses(&[&BODY_ERRORS[..], &own].concat())
    }
}

/// Checks a code and signs in; the first sign-in creates the user.
///
/// The tokens come in the body and as HTTP-only cookies. With `session_id` the answer to a wrong
/// code says how many attempts are left; with `phone_number` alone every refusal is `code_wrong`.
/// A code that cannot be right because of its length is refused without counting an attempt.
#[utoipa::path(
    post,
    path = "/api/v1/usr/otp/verify",
    tag = "sign-in",
    request_body = Verification,
    responses(
        (status = 200, description = "Signed in", body = SignedIn,
            headers(("Set-Cookie" = String, description = "The two tokens as HTTP-only cookies"))),
        Refusals
    )
)]
pub(crate) async fn verify_code(
    State(app): State<Arc<AppState>>,
    Client(address): Client,
    headers: HeaderMap,
    body: Result<JsonBody<Verification>, ApiError>,
) -> Result<Response, ApiError> {
    let verified = async {
        let JsonBody(verification) = body?;
        let proven = check(&app, verification).await?;
        sign_in(&app, proven, &headers, address).await
    };
    match verified.await {
        Ok(response) => {
            app.metrics.verification(VerificationResult::Verified);
            Ok(response)
        }
        Err(Refused { result, error }) => {
            app.metrics.verification(result);
            Err(error)
        }
    }
}

async fn check(app: &AppState, verification: Verification) -> Result<Proven, Refused> {
    let phone = verification
        .phone_number
        .as_deref()
        .map(|typed| PhoneNumber::parse(typed, &app.otp.allowed_countries).map_err(ApiError::from));
    match (verification.session_id, phone.transpose()?) {
        (Some(session), phone) => by_session(app, session, phone, &verification.code).await,
        (None, Some(phone)) => by_phone(app, &phone, &verification.code).await,
        (None, None) => Err(missing("session_id").into()),
    }
}

async fn by_session(
    app: &AppState,
    session: SessionId,
    phone: Option<PhoneNumber>,
    typed: &str,
) -> Result<Proven, Refused> {
    let found = app.hot_state.challenge(session.challenge_id()).await?;
    let challenge = found.filter(|challenge| challenge.purpose == PURPOSE);
    let digits = challenge.as_ref().map_or(app.otp.length, |c| c.digits);
    let typed = parse(typed, digits)?;
    let Some(challenge) = challenge else {
        compare_with_decoy(app, &typed);
        return Err(ErrorCode::SessionUnknown.into());
    };
    if phone.is_some_and(|phone| phone != challenge.phone) {
        return Err(ErrorCode::PhoneMismatch.into());
    }
    let Some(code) = challenge.code(&app.otp_keys) else {
        tracing::error!(kid = challenge.kid, "OTP_KEY lacks the key of a challenge");
        return Err(ErrorCode::KeyUnavailable.into());
    };

    let right = code.matches(&typed);
    let attempts = [Attempt {
        challenge: &challenge,
        right,
    }];
    let allowed = app.otp.max_attempts;
    let counted = app
        .hot_state
        .count_attempt(Way::Session, allowed, &attempts);
    let verdict = counted.await?;
    let error = match verdict {
        Verdict::Right { .. } => {
            let left = allowed.saturating_sub(challenge.session_attempts + 1);
            return Ok(Proven {
                challenge,
                as_if_wrong: ApiError::code_wrong(Some(left)),
                if_used: ErrorCode::CodeUsed.into(),
            });
        }
        Verdict::Used => ErrorCode::CodeUsed.into(),
        Verdict::Wrong { attempts_left } => ApiError::code_wrong(Some(attempts_left)),
        Verdict::Exhausted => ErrorCode::AttemptsExhausted.into(),
        Verdict::Expired => ErrorCode::CodeExpired.into(),
        Verdict::Gone => ErrorCode::SessionUnknown.into(),
    };
    Err(refused(verdict, error))
}

async fn by_phone(app: &AppState, phone: &PhoneNumber, typed: &str) -> Result<Proven, Refused> {
    let typed = parse(typed, app.otp.length)?;
    let mut challenges = app.hot_state.phone_challenges(phone).await?;
    let attempts: Vec<Attempt<'_>> = challenges
        .iter()
        .filter_map(|challenge| {
            let right = is_right_or_decoy(app, challenge, &typed)?;
            Some(Attempt { challenge, right })
        })
        .collect();
    for _ in attempts.len()..PHONE_CHALLENGES {
        compare_with_decoy(app, &typed);
    }
    // Also where nothing was compared: the answer shall not come sooner for it.
    let allowed = app.otp.max_attempts;
    let counted = app.hot_state.count_attempt(Way::Phone, allowed, &attempts);
    let verdict = counted.await?;
    if let Verdict::Right { id } = verdict
        && let Some(index) = challenges.iter().position(|challenge| challenge.id == id)
    {
        return Ok(Proven {
            challenge: challenges.swap_remove(index),
            as_if_wrong: ApiError::code_wrong(None),
            if_used: ApiError::code_wrong(None),
        });
    }
    Err(refused(verdict, ApiError::code_wrong(None)))
}

fn parse(typed: &str, digits: u8) -> Result<OtpCode, ApiError> {
    OtpCode::parse(typed, digits).map_err(|_| ApiError::code_malformed(digits))
}

/// `None` where the key is not known here: nothing was compared, so nothing is counted, and another
/// api that knows the key can still take the code.
fn is_right_or_decoy(app: &AppState, challenge: &Challenge, typed: &OtpCode) -> Option<bool> {
    if let Some(code) = challenge.code(&app.otp_keys) {
        return Some(code.matches(typed));
    }
    // An answer of its own would tell that the number has a challenge.
    tracing::error!(kid = challenge.kid, "OTP_KEY lacks the key of a challenge");
    None
}

/// Does the work of a comparison where there is nothing to compare with.
fn compare_with_decoy(app: &AppState, typed: &OtpCode) {
    let Some(phone) = PhoneNumber::from_e164(DECOY_NUMBER) else {
        return;
    };
    let decoy = Challenge {
        id: ChallengeId::from_bytes([0; 16]),
        phone,
        purpose: PURPOSE,
        kid: app.otp_keys.newest().kid().to_owned(),
        salt: Salt::from_bytes([0; 16]),
        digits: app.otp.length,
        locale: Locale::Fa,
        created_at: 0,
        expires_at: 0,
        last_send_at: 0,
        sends: 0,
        session_attempts: 0,
        phone_attempts: 0,
        consumed: false,
    };
    black_box(
        decoy
            .code(&app.otp_keys)
            .is_some_and(|code| code.matches(typed)),
    );
}

fn refused(verdict: Verdict, error: ApiError) -> Refused {
    let result = match verdict {
        // Not here, unless the store names a challenge that it was not asked about.
        Verdict::Right { .. } => VerificationResult::Failed,
        Verdict::Used => VerificationResult::Used,
        Verdict::Wrong { .. } => VerificationResult::Wrong,
        Verdict::Exhausted => VerificationResult::Exhausted,
        Verdict::Expired => VerificationResult::Expired,
        Verdict::Gone => VerificationResult::Unknown,
    };
    Refused { result, error }
}
