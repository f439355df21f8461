//! Another number for one's account.
//!
//! The code goes to the new number and can be given back by the user who asked for it only: the id
//! of its challenge is derived from the session id and the user's id (see
//! [`SessionId::challenge_id_of`]). Whether the number is another account's is told after the right
//! code, to the one who holds the phone, and costs the code.

use domain::challenge::SessionId;
use domain::otp::Purpose;
use shared::records::{PhoneChange, PhoneChangeOutcome, User};

use crate::caller::Caller;
use crate::flows::Flows;
use crate::notices;
use crate::otp::{
    Asking, CodeRequest, CodeSent, Effect, RefusedVerification, by_session_of, counted,
};
use crate::refusal::{Refusal, RefusalCode};
use crate::sessions::FreshlyAuthenticated;

const PURPOSE: Purpose = Purpose::ChangePhone;

/// A code that came to the new number.
pub struct PhoneVerification {
    /// The handle that came with the request for the code.
    pub session: SessionId,
    /// The code as it was typed.
    pub code: String,
}

/// Sends a code to a number that the signed-in user wants to change to. The answer is the same
/// whether or not the number has an account.
pub async fn request_phone_change(
    flows: &Flows,
    caller: Caller,
    owner: FreshlyAuthenticated<'_>,
    request: CodeRequest,
) -> Result<CodeSent, Refusal> {
    let asking = Asking::new(flows, PURPOSE, caller).owned_by(owner.user());
    asking.ask(request).await
}

/// Checks the code and changes the number of the signed-in user. All other sessions end, this one
/// stays; the old number is told by a message.
pub async fn change_phone(
    flows: &Flows,
    caller: Caller,
    owner: FreshlyAuthenticated<'_>,
    verification: PhoneVerification,
) -> Result<User, Refusal> {
    let changed = change(flows, caller, owner, &verification).await;
    counted(flows, changed)
}

async fn change(
    flows: &Flows,
    caller: Caller,
    owner: FreshlyAuthenticated<'_>,
    verification: &PhoneVerification,
) -> Result<User, RefusedVerification> {
    let (user, session) = (owner.user().id, verification.session);
    let proven = by_session_of(
        flows,
        PURPOSE,
        user,
        session,
        caller.address,
        &verification.code,
    )
    .await?;
    let change = PhoneChange {
        root: proven.root.id,
        user,
        session: owner.session().id,
        phone: proven.root.phone.clone(),
        locale: caller.locale,
        now: flows.clock.now(),
    };
    let effect = match flows.records.change_phone(&change, &flows.random).await? {
        PhoneChangeOutcome::Changed { user, notice } => Effect::Had(Ok((user, notice))),
        // The code is used up all the same.
        PhoneChangeOutcome::Taken => Effect::Had(Err(RefusalCode::PhoneTaken)),
        PhoneChangeOutcome::CodeUsed => Effect::HadBefore,
        PhoneChangeOutcome::NotAllowed => return Err(RefusalCode::Unauthenticated.into()),
    };
    let (user, notice) = proven.settle(flows, effect).await??;
    if let Some(notice) = notice {
        notices::enqueue(flows, notice, caller.request_id).await;
    }
    Ok(*user)
}
