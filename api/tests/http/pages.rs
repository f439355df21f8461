//! The pages as a browser without JavaScript meets them.

pub(crate) mod account;
pub(crate) mod browser;
pub(crate) mod counting;
pub(crate) mod defence;
pub(crate) mod devices;
pub(crate) mod ending;
pub(crate) mod messages;
pub(crate) mod passwords;
pub(crate) mod phone;
pub(crate) mod refusals;
pub(crate) mod sign_in;
pub(crate) mod staying;

pub(crate) use browser::{Browser, Page};
