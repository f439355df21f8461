//! The sign-in: asking for its code, and what the right code opens.

use domain::challenge::{Locale, SessionId};
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use shared::records::{Device, SignIn};
use shared::traces::Span;

use super::asking::{Asking, CodeRequest, CodeSent};
use super::checking::{by_phone, by_session};
use super::proven::{Effect, Proven, RefusedVerification};
use crate::caller::Caller;
use crate::flows::Flows;
use crate::metrics::VerificationResult;
use crate::refusal::{Input, Refusal};
use crate::refused::counted;
use crate::signed_in::{Opening, SignedIn};

/// The only purpose whose codes open a session here.
const PURPOSE: Purpose = Purpose::SignIn;

/// A code and what it belongs to: a session, or a number, or both.
pub struct Verification {
    /// The handle that came with the request for the code.
    pub session: Option<SessionId>,
    /// The number as it was typed, where the handle is not at hand.
    pub phone_number: Option<String>,
    /// The code as it was typed.
    pub code: String,
}

/// Sends the code of a sign-in, or the same once more.
pub async fn request_code(
    flows: &Flows,
    caller: Caller,
    request: CodeRequest,
) -> Result<CodeSent, Refusal> {
    Asking::new(flows, PURPOSE, caller).ask(request).await
}

/// Whether the code of a sign-in can be read out by a call, in this language.
pub fn can_be_called(flows: &Flows, locale: Locale) -> bool {
    flows.templates.covers(locale, PURPOSE)
}

/// Checks a code and signs in; the first sign-in creates the user.
pub async fn sign_in(
    flows: &Flows,
    caller: Caller,
    verification: Verification,
    device: Device,
) -> Result<SignedIn, Refusal> {
    let opened = async {
        let proven = check(flows, caller, verification).await?;
        open(flows, proven, device).await
    };
    counted(opened.await, |result| flows.metrics.verification(result))
}

async fn check(
    flows: &Flows,
    caller: Caller,
    verification: Verification,
) -> Result<Proven, RefusedVerification> {
    let phone = verification
        .phone_number
        .as_deref()
        .map(|typed| PhoneNumber::parse(typed, &flows.otp.allowed_countries));
    match (verification.session, phone.transpose()?) {
        (Some(session), phone) => {
            by_session(
                flows,
                PURPOSE,
                session,
                phone,
                caller.address,
                &verification.code,
            )
            .await
        }
        (None, Some(phone)) => Box::pin(by_phone(flows, &phone, caller, &verification.code)).await,
        (None, None) => Err(Refusal::missing(Input::Session).into()),
    }
}

/// Opens the session, once for each root. Where the records are away nothing is used up: the
/// same code may be tried again, and that attempt counts too.
async fn open(
    flows: &Flows,
    proven: Proven,
    device: Device,
) -> Result<(VerificationResult, SignedIn), RefusedVerification> {
    let root = &proven.root;
    let opening = match proven.session {
        Some(session) => Opening::of_challenge(flows, device, session),
        None => Opening::new(flows, device),
    };
    let sign_in = SignIn {
        root: root.id,
        purpose: root.purpose,
        phone: root.phone.clone(),
        new_user_id: flows.random.uuid_v7(flows.clock.now_millis()),
        session: opening.session.clone(),
    };
    let signed_in = Span::step("sign in")
        .run(Box::pin(flows.records.sign_in(&sign_in)))
        .await?;
    let effect = Effect::from(signed_in);
    if matches!(effect, Effect::HadBefore) {
        let again = Box::pin(answer_again(flows, proven)).await?;
        return Ok((VerificationResult::Repeated, again));
    }
    let (user, is_new) = proven.settle(flows, effect).await?;
    let signed_in = opening.signed_in(flows, user, is_new)?;
    Ok((VerificationResult::Verified, signed_in))
}

/// The answer of a sign-in may have been lost on its way: for a minute the same session id and code get
/// the same session and refresh token again, until that is used.
async fn answer_again(flows: &Flows, proven: Proven) -> Result<SignedIn, RefusedVerification> {
    let Some(session) = proven.session else {
        return Err(proven.used(flows).await);
    };
    let lost = flows
        .records
        .lost_answer(proven.root.id, session, flows.clock.now());
    let Some(lost) = lost.await? else {
        return Err(proven.used(flows).await);
    };
    tracing::info!("a sign-in is answered once more");
    let again = SignedIn::to(flows, lost.user, lost.is_new, lost.session, lost.token);
    Ok(again?)
}
