//! What signed-in users see and change of their own account.

pub(crate) mod fields;
mod show;

pub(crate) use show::{__path_show_profile, show_profile};
