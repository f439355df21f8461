//! The pages as a browser without JavaScript meets them.

pub(crate) mod account;
mod browser;
pub(crate) mod defence;
pub(crate) mod passwords;
pub(crate) mod refusals;
pub(crate) mod sign_in;
pub(crate) mod staying;

pub(crate) use browser::{Browser, Page};
