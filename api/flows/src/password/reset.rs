//! A new password by a code.

use domain::challenge::SessionId;
use domain::limits::Step;
use domain::otp::Purpose;
use domain::password::{OwnWords, Password};
use shared::records::{Device, PasswordReset};

use super::notice;
use crate::call_limits::count_call;
use crate::caller::Caller;
use crate::flows::Flows;
use crate::notices;
use crate::otp::{Asking, CodeRequest, CodeSent, RefusedVerification, by_session, counted, parse};
use crate::refusal::{Refusal, RefusalCode};
use crate::signed_in::{Opening, SignedIn};

/// The only purpose whose codes act here.
const PURPOSE: Purpose = Purpose::ResetPassword;

/// A code for a new password, and that password.
pub struct Reset {
    /// The handle that came with the request for the code.
    pub session: SessionId,
    /// The code as it was typed.
    pub code: String,
    /// The new password.
    pub new_password: Password,
}

/// Sends a code for a new password. The answer is the same for every number: nobody learns here who
/// has an account.
pub async fn request_reset_code(
    flows: &Flows,
    caller: Caller,
    request: CodeRequest,
) -> Result<CodeSent, Refusal> {
    Asking::new(flows, PURPOSE, caller).ask(request).await
}

/// Sets a new password with a code, and signs in. All sessions that the user had end. The code
/// proves the number, so a number without an account gets one, as by a first sign-in.
pub async fn reset_password(
    flows: &Flows,
    caller: Caller,
    wanted: Reset,
    device: Device,
) -> Result<SignedIn, Refusal> {
    let ended = reset(flows, caller, wanted, device).await;
    counted(flows, ended)
}

async fn reset(
    flows: &Flows,
    caller: Caller,
    wanted: Reset,
    device: Device,
) -> Result<SignedIn, RefusedVerification> {
    // Looked at first, so that nobody without a request makes us judge and hash.
    let challenge = flows.hot_state.challenge(wanted.session.challenge_id());
    let challenge = challenge
        .await?
        .filter(|found| found.root.purpose == PURPOSE);
    let challenge = challenge.ok_or(RefusalCode::SessionUnknown)?;
    // What is dear comes after all that is cheap: a code that cannot be one, or comes too often, makes us
    // judge nothing.
    parse(&wanted.code, challenge.root.digits)?;
    if challenge.session_attempts >= flows.otp.max_attempts {
        let (session, address) = (wanted.session, caller.address);
        by_session(flows, PURPOSE, session, None, address, &wanted.code).await?;
        return Err(RefusalCode::AttemptsExhausted.into());
    }
    count_call(flows, Step::NewPassword, caller).await?;
    let client = caller.client();
    let (phone, locale) = (challenge.root.phone, challenge.locale);
    // Only the number is looked for in the password, since that is known to the one who asked: before
    // the code is proven, names must not show through the answer.
    let own = OwnWords::new(Some(&phone), []);
    let judged = flows
        .passwords
        .judge(&wanted.new_password, own, Some(&client))
        .await;
    judged.map_err(Refusal::new_password)?;
    // Taken before the try is counted: a busy moment costs none.
    let place = flows.passwords.place(Some(&client))?;
    let proven = by_session(
        flows,
        PURPOSE,
        wanted.session,
        None,
        caller.address,
        &wanted.code,
    )
    .await?;
    let hash = place.hash(&wanted.new_password).await?;

    let opening = Opening::new(flows, device);
    let reset = PasswordReset {
        root: proven.root.id,
        phone: proven.root.phone.clone(),
        new_user_id: flows.random.uuid_v7(flows.clock.now_millis()),
        hash,
        session: opening.session.clone(),
        notice: notice(flows, phone, locale),
    };
    let outcome = flows.records.reset_password(&reset).await?;
    let (user, is_new) = proven.settle(flows, outcome).await?;
    if user.has_password {
        notices::enqueue(flows, reset.notice.waiting(), caller.request_id).await;
    }
    Ok(opening.signed_in(flows, user, is_new)?)
}
