//! The step of those who have a password, or all steps at once.

use domain::challenge::SessionId;
use domain::password::Password;
use domain::phone::PhoneNumber;
use shared::records::{Device, Step};

use crate::caller::Caller;
use crate::flows::Flows;
use crate::password::{LogIn, RefusedLogIn, counted_log_in, log_in_with};
use crate::refusal::{Input, Refusal, RefusalCode};
use crate::signed_in::SignedIn;

/// A password, and whose it is: by a step, or by a number.
pub struct StepCredentials {
    /// The handle of the step `password`.
    pub session: Option<SessionId>,
    /// The number as it was typed.
    pub phone_number: Option<String>,
    /// The password as it was typed.
    pub password: Password,
}

/// Logs in with a password. A wrong password does not use up the step.
pub async fn log_in(
    flows: &Flows,
    caller: Caller,
    credentials: StepCredentials,
    device: Device,
) -> Result<SignedIn, Refusal> {
    let logged_in = async {
        let log_in = read(flows, credentials).await?;
        log_in_with(flows, caller, log_in, device).await
    };
    counted_log_in(flows, logged_in.await)
}

async fn read(flows: &Flows, credentials: StepCredentials) -> Result<LogIn, RefusedLogIn> {
    let typed = credentials
        .phone_number
        .map(|typed| PhoneNumber::parse(&typed, &flows.otp.allowed_countries))
        .transpose()?;
    let phone = match (credentials.session, typed) {
        (None, None) => return Err(Refusal::missing(Input::Session).into()),
        (None, Some(phone)) => phone,
        (Some(session), typed) => {
            let found = flows
                .records
                .step_phone(session, Step::Password, flows.clock.now());
            let phone = found.await?.ok_or(RefusalCode::StepSessionUnknown)?;
            if typed.is_some_and(|typed| typed != phone) {
                return Err(RefusalCode::PhoneMismatch.into());
            }
            phone
        }
    };
    Ok(LogIn {
        phone,
        password: credentials.password,
        step: credentials.session,
    })
}
