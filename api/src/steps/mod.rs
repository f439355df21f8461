//! The step flow: registration and log-in in steps, each answer naming the next.
//!
//! `register` → `otp` → `set_password` → `user_info` → tokens for newcomers, `register` →
//! `password` → tokens for those who have a password. A step other than a code is a row of the
//! records (`shared/src/records/steps/`), which is removed by whoever takes it.
//!
//! Registration tells whether a number has a password, by design; `STEP_FLOW=off` takes the whole
//! flow away.

mod log_in;
mod next_step;
mod register;
mod set_password;
mod user_info;
mod verify_otp;

use std::sync::Arc;

use axum::routing::post;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::AppState;

/// The calls of the flow. Each is served with and without the slash at its end and documented once,
/// with it.
pub(crate) fn router() -> OpenApiRouter<Arc<AppState>> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(verify_otp::verify_otp))
        .routes(routes!(set_password::set_password))
        .routes(routes!(user_info::set_user_info))
        .routes(routes!(log_in::log_in))
        .route("/api/register", post(register::register))
        .route("/api/verify-otp", post(verify_otp::verify_otp))
        .route("/api/set-password", post(set_password::set_password))
        .route("/api/login", post(log_in::log_in))
        .route("/api/user-info", post(user_info::set_user_info))
}
