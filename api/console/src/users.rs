//! Users: found, shown, and helped.

mod actions;
mod find;
mod show;

pub(crate) use actions::{act, ask_delete};
pub(crate) use find::{find, find_typed};
pub(crate) use show::show;

/// Where they are.
pub(crate) const USERS: &str = "/users";
