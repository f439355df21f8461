//! People whom a site or an app has led here, to sign in to it through us (OpenID Connect). What may be asked
//! is the business of the crate `oidc`; here is what people see of it, and their way back.

mod authorize;
mod going_on;
mod leaving;
mod waiting;
mod way_back;
mod who_asks;

pub(crate) use authorize::{authorize, authorize_by_form};
pub(crate) use going_on::{ContinuePage, cancel, confirm, go_on, other};
pub(crate) use leaving::{LEAVE, confirm_leaving, leave, leave_by_form};
pub(crate) use who_asks::{WhoAsks, who_asks};

/// Where somebody goes on who came from an application; the id of what it asked for follows.
pub(crate) const GO_ON: &str = "/oidc/continue/";
/// Where they leave it.
pub(crate) const CANCEL: &str = "/oidc/cancel/";
/// Where they take another number.
pub(crate) const OTHER: &str = "/oidc/other/";
