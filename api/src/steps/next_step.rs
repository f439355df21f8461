//! What every step but the last is answered with.

use axum::Json;
use flows::steps;
use serde::Serialize;
use utoipa::ToSchema;

/// Where the flow goes on.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "next_step": "otp"
}))]
pub(crate) struct NextStep {
    /// The secret handle of the flow, the same in each answer from `POST /api/register/` on. It is
    /// good for the next step only, and in a body only.
    #[schema(format = Uuid)]
    session_id: String,
    /// What is asked for next: `otp` (`POST /api/verify-otp/`), `password` (`POST /api/login/`),
    /// `set_password` (`POST /api/set-password/`) or `user_info` (`POST /api/user-info/`).
    #[schema(pattern = "^(otp|password|set_password|user_info)$")]
    next_step: &'static str,
}

impl NextStep {
    pub(super) fn answer(next: &steps::NextStep) -> Json<Self> {
        Json(Self {
            session_id: next.session.expose(),
            next_step: next.name,
        })
    }
}
