//! Sites and apps that sign their people in through us (OpenID Connect), over HTTP.

pub(crate) mod conformance;
pub(crate) mod flow;
pub(crate) mod leaving;
mod receiver;
pub(crate) mod threats;
pub(crate) mod tokens;
pub(crate) mod visit;
