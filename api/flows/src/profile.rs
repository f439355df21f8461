//! What signed-in users see and change of their own account.

mod delete;
mod fields;
mod phone;
mod phone_move;
mod update;

pub use delete::delete_account;
pub(crate) use delete::{erase, finish_erasures, forget_erasures};
pub use fields::{parse_email, parse_name};
pub use phone::{PhoneVerification, change_phone, request_phone_change};
pub use phone_move::{stop_phone_move, waiting_phone_move};
pub use shared::records::{EmailChange, ProfileChange, WaitingMove};

pub(crate) use phone_move::make_due_moves;
pub use update::update_profile;
