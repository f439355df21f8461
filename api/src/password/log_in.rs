//! `POST /api/v1/usr/login`: signing in with a password.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use domain::password::Password;
use flows::password::{self, LOG_IN_REFUSALS};
use flows::{CountedUseCase, Flows, TRY_REFUSALS};
use serde::Deserialize;
use utoipa::ToSchema;
use web::{Site, UserAgent};

use crate::caller::CallerOf;
use crate::error::ApiError;
use crate::json_body::{JsonBody, device_name, typed};
use crate::openapi::{BODY_ERRORS, refusals};
use crate::signed_in::SignedIn;

/// A number and its password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "phone_number": "09123456789", "password": "tahdig-va-ghormeh", "device_name": "Pixel 9"
}))]
pub(crate) struct Credentials {
    /// A mobile number as people write it.
    #[schema(pattern = "{mobile_number}", example = "09123456789")]
    phone_number: String,
    /// The password as it was typed; spaces at its ends count.
    #[serde(deserialize_with = "typed")]
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 128)]
    password: Password,
    /// What the person calls this device, for the list of their sessions; cut after 64 characters.
    #[serde(deserialize_with = "device_name")]
    #[schema(example = "Pixel 9")]
    device_name: Option<String>,
    /// The `device_token` of an earlier sign-in on this device, if there is one: it lets the owner in where
    /// strangers have used up what the number may have. One that does not hold is passed over.
    device_token: Option<String>,
}

refusals! {
    /// What the call can be refused with.
    Refusals: BODY_ERRORS, TRY_REFUSALS, LOG_IN_REFUSALS
}

/// Signs in with a password.
///
/// The tokens come in the body and as HTTP-only cookies. A wrong password, an unknown number, a user
/// without a password and a blocked user are answered alike. Failures lock the number for this way
/// and for codes without their `session_id`; a code with its `session_id` always gets the owner in,
/// and so does the password with the `device_token` of an earlier sign-in.
#[utoipa::path(
    post,
    path = "/api/v1/usr/login",
    tag = "sign-in",
    request_body = Credentials,
    responses(
        (status = 200, description = "Signed in", body = SignedIn,
            headers(("Set-Cookie" = String, description = "The tokens of session and device as HTTP-only cookies"))),
        Refusals
    )
)]
pub(crate) async fn log_in(
    State(flows): State<Arc<Flows>>,
    State(site): State<Arc<Site>>,
    CallerOf(caller): CallerOf,
    UserAgent(agent): UserAgent,
    body: Result<JsonBody<Credentials>, ApiError>,
) -> Result<Response, ApiError> {
    let JsonBody(body) =
        body.inspect_err(|_| flows.metrics.unreadable(CountedUseCase::LoggingIn))?;
    let caller = caller.showing(body.device_token.as_deref());
    let device = caller.device(body.device_name, agent);
    let credentials = password::Credentials {
        phone_number: body.phone_number,
        password: body.password,
    };
    let signed_in = password::log_in(&flows, caller, credentials, device).await?;
    Ok(SignedIn::answer(&site, signed_in))
}
