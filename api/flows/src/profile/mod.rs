//! What signed-in users see and change of their own account.

mod delete;
mod fields;
mod phone;
mod update;

pub use delete::delete_account;
pub use fields::{parse_email, parse_name};
pub use phone::{PhoneVerification, change_phone, request_phone_change};
pub use shared::records::{EmailChange, ProfileChange};
pub use update::update_profile;
