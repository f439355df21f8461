//! Passwords: logging in, setting and changing one, and a new one by a code.

mod change;
mod log_in;
mod reset;

pub(crate) use change::{__path_change_password, change_password};
pub(crate) use log_in::{__path_log_in, log_in};
pub(crate) use reset::{
    __path_ask_reset_code, __path_reset_password, ask_reset_code, reset_password,
};
