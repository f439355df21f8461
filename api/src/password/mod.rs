//! Passwords over HTTP: logging in, setting and changing one, and a new one by a code.
//!
//! A password is an addition to the code by SMS: whoever has none, or forgot it, signs in with a
//! code.

mod change;
mod log_in;
mod reset;

pub(crate) use change::{__path_change_password, change_password};
pub(crate) use log_in::{
    __path_log_in, LOG_IN_ERRORS, LogIn, Refused, counted_log_in, log_in, log_in_with,
};
pub(crate) use reset::{
    __path_ask_reset_code, __path_reset_password, ask_reset_code, reset_password,
};

use domain::challenge::Locale;
use domain::notice::NoticeKind;
use domain::phone::PhoneNumber;
use shared::records::NewNotice;

use crate::app::AppState;
use crate::error::ErrorCode;

/// What a new password can be refused with, besides a malformed body.
pub(crate) const NEW_PASSWORD_ERRORS: [ErrorCode; 5] = [
    ErrorCode::FieldMissing,
    ErrorCode::PasswordTooShort,
    ErrorCode::PasswordTooLong,
    ErrorCode::PasswordTooEasy,
    ErrorCode::PasswordBusy,
];

/// Tells the owner of a number that the password of their account has changed.
fn notice(app: &AppState, phone: PhoneNumber, locale: Locale) -> NewNotice {
    let kind = NoticeKind::PasswordChanged;
    NewNotice::new(&app.random, phone, kind, locale, app.clock.now())
}
