//! The first step.

use domain::challenge::SessionId;
use domain::limits;
use domain::phone::PhoneNumber;
use shared::hot_state::Subjects;
use shared::records::Step;

use super::{NextStep, PURPOSE};
use crate::caller::Caller;
use crate::flows::Flows;
use crate::otp::Asking;
use crate::refusal::{Input, Refusal, RefusalCode};
use crate::tries;

/// A number, or the handle of a code to be sent once more.
pub struct Registration {
    /// The number as it was typed.
    pub phone_number: Option<String>,
    /// The handle of an earlier answer with the step `otp`.
    pub session: Option<SessionId>,
}

/// Begins the flow: sends a code, or asks for the password of somebody who has one.
pub async fn register(
    flows: &Flows,
    caller: Caller,
    registration: Registration,
) -> Result<NextStep, Refusal> {
    let session = registration.session;
    let of_code = registration.phone_number.is_none();
    let phone = phone(flows, registration).await?;
    // The handle of the code that the number was read from goes on; no other that a client names does.
    let own = session.filter(|_| of_code);
    if let Some(session) = begin_with_password(flows, caller, &phone, own).await? {
        return Ok(NextStep::new(session, Step::Password));
    }
    let asking = Asking::new(flows, PURPOSE, caller);
    let sent = match session {
        Some(session) => asking.once_more(session, phone).await?,
        None => asking.first(phone).await?,
    };
    Ok(NextStep::otp(sent.session))
}

/// The number that is meant: the one that was given, or that of the code to send again.
async fn phone(flows: &Flows, registration: Registration) -> Result<PhoneNumber, Refusal> {
    if let Some(typed) = registration.phone_number {
        return Ok(PhoneNumber::parse(&typed, &flows.otp.allowed_countries)?);
    }
    let session = registration.session;
    let session = session.ok_or_else(|| Refusal::missing(Input::PhoneNumber))?;
    let challenge = flows.hot_state.challenge(session.challenge_id()).await?;
    let challenge = challenge.filter(|challenge| challenge.root.purpose == PURPOSE);
    Ok(challenge.ok_or(RefusalCode::SessionUnknown)?.root.phone)
}

/// The handle of the flow, which asks for the password, where there is one to ask for. It costs the
/// client's address as much as a code would: the answer tells something of a number.
async fn begin_with_password(
    flows: &Flows,
    caller: Caller,
    phone: &PhoneNumber,
    own: Option<SessionId>,
) -> Result<Option<SessionId>, Refusal> {
    let user = flows.records.find_user_by_phone(phone).await?;
    if !user.is_some_and(|user| user.has_password && user.blocked_at.is_none()) {
        return Ok(None);
    }
    let asked_by = Subjects {
        caller: Some(caller.address),
        ..Subjects::default()
    };
    tries::count(flows, limits::Step::Question, &asked_by).await?;
    let session = own.unwrap_or_else(|| SessionId::new(&flows.random));
    let begun = flows
        .records
        .begin_password_step(phone, session, flows.clock.now());
    Ok(begun.await?.then_some(session))
}
