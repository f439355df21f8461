//! The step flow: registration and log-in in steps, each answer naming the next; see
//! [`flows::steps`]. `STEP_FLOW=off` takes it away.

mod log_in;
mod next_step;
mod register;
mod set_password;
mod user_info;
mod verify_otp;

use axum::routing::post;
use flows::Refusal;
use flows::refusal::Input;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ApiError;
use crate::state::ApiState;

/// The calls of the flow. Each is served with and without the slash at its end and documented once,
/// with it.
pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(register::register))
        .routes(routes!(verify_otp::verify_otp))
        .routes(routes!(set_password::set_password))
        .routes(routes!(user_info::set_user_info))
        .routes(routes!(log_in::step_log_in))
        .route("/api/register", post(register::register))
        .route("/api/verify-otp", post(verify_otp::verify_otp))
        .route("/api/set-password", post(set_password::set_password))
        .route("/api/login", post(log_in::step_log_in))
        .route("/api/user-info", post(user_info::set_user_info))
}

/// A refusal by the names that the fields have here.
fn with_step_fields(refusal: Refusal) -> ApiError {
    ApiError::refused(refusal, |input| match input {
        Input::PhoneNumber => "mobile_number",
        Input::Session => "session_id",
        Input::NewPassword | Input::CurrentPassword => "password",
    })
}
