//! The step flow: registration and log-in in steps, each answer naming the next.
//!
//! `register` → `otp` → `set_password` → `user_info` → tokens for newcomers, `register` →
//! `password` → tokens for those who have a password. A step other than a code is a row of the
//! records (`shared/src/records/steps/`), which is removed by the one who takes it.
//!
//! One handle, made at `register`, goes all the way: what it is good for is the step that it waits for.
//! Each answer repeats it, so a client may keep the first one or take that of each answer.
//!
//! Registration tells whether a number has a password, by design.

mod log_in;
mod register;
mod set_password;
mod user_info;
mod verify_otp;

use domain::challenge::SessionId;
use domain::otp::Purpose;
use shared::records::Step;

pub use log_in::{StepCredentials, log_in};
pub use register::{Registration, register};
pub use set_password::set_password;
pub use shared::records::UserInfo;
pub use user_info::set_user_info;
pub use verify_otp::verify_otp;

/// The purpose of the codes of the flow.
const PURPOSE: Purpose = Purpose::Register;

/// The step that waits for a code, which is no row of the records but a challenge.
const OTP: &str = "otp";

/// Where the flow goes on.
#[derive(Debug)]
pub struct NextStep {
    /// The secret handle of the flow; it is good for the step that comes next.
    pub session: SessionId,
    /// What is asked for next: `otp`, `password`, `set_password` or `user_info`.
    pub name: &'static str,
}

impl NextStep {
    /// A step of the records.
    fn new(session: SessionId, step: Step) -> Self {
        let name = step.as_str();
        Self { session, name }
    }

    /// The step of a code, by the handle of its challenge.
    fn otp(session: SessionId) -> Self {
        Self { session, name: OTP }
    }
}
