//! The pages as a browser without JavaScript meets them.

mod browser;
pub(crate) mod defence;
pub(crate) mod refusals;
pub(crate) mod sign_in;
pub(crate) mod staying;

pub(crate) use browser::{Browser, Page};
