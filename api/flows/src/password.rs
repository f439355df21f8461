//! Passwords: logging in, setting and changing one, and a new one by a code.
//!
//! A password is an addition to the code by SMS: anyone who has none, or forgot it, signs in with a
//! code.

mod change;
mod log_in;
mod reset;

use domain::challenge::Locale;
use domain::notice::NoticeKind;
use domain::phone::PhoneNumber;
use shared::records::NewNotice;

use crate::flows::Flows;
use crate::refusal::RefusalCode;

pub use change::{NewPassword, ProofOfOwner, change_password, proof_of_owner};
pub use log_in::{Credentials, LOG_IN_REFUSALS, log_in};
pub use reset::{Reset, request_reset_code, reset_password};

pub(crate) use log_in::{LogIn, RefusedLogIn, counted_log_in, log_in_with};

/// What a new password can be refused with.
pub const NEW_PASSWORD_REFUSALS: [RefusalCode; 6] = [
    RefusalCode::InputMissing,
    RefusalCode::TooManyRequestsAddress,
    RefusalCode::PasswordTooShort,
    RefusalCode::PasswordTooLong,
    RefusalCode::PasswordTooEasy,
    RefusalCode::PasswordBusy,
];

/// Tells the owner of a number that the password of their account has changed.
fn notice(flows: &Flows, phone: PhoneNumber, locale: Locale) -> NewNotice {
    let kind = NoticeKind::PasswordChanged;
    NewNotice::new(&flows.random, phone, kind, locale, flows.clock.now())
}
