//! What signed-in users see and change of their own account.

mod delete;
mod phone;
mod phone_move;
mod show;
mod update;

pub(crate) use delete::{__path_delete_account, delete_account};
pub(crate) use phone::{
    __path_request_phone_change, __path_verify_phone_change, request_phone_change,
    verify_phone_change,
};
pub(crate) use phone_move::{
    __path_show_phone_move, __path_stop_phone_move, show_phone_move, stop_phone_move,
};
pub(crate) use show::{__path_show_profile, show_profile};
pub(crate) use update::{__path_update_profile, update_profile};
