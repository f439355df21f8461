//! What goes into a request for a code of any purpose, and what comes out.

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::challenge::{Channel, Locale, SessionId};
use flows::otp;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::json_body::typed_or_none;

/// A request for a code. Without `session_id` it is a new one and needs `phone_number`.
///
/// At least one of `phone_number` and `session_id` is needed, and not `null`; without them the answer is `field_missing`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone_number": "09123456789"}))]
pub(crate) struct CodeRequest {
    /// A mobile number as people write it: `+98`, `0098`, `98`, `0` or nothing before it, Latin,
    /// Persian or Arabic digits.
    #[schema(pattern = "{mobile_number}", example = "09123456789")]
    phone_number: Option<String>,
    /// The `session_id` of an earlier answer: sends its code again, or the next one where that is used
    /// or near its end.
    #[serde(deserialize_with = "typed_or_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    session_id: Option<SessionId>,
    /// `sms` (the default), or `call` for a voice call where the service has one.
    #[serde(deserialize_with = "typed_or_none")]
    #[schema(value_type = Option<String>, pattern = "^(sms|call)$", example = "sms")]
    channel: Option<Channel>,
    /// The language of the message, `fa` or `en`; that of `Accept-Language` by default. A code
    /// that is sent again keeps its language.
    #[serde(deserialize_with = "typed_or_none")]
    #[schema(value_type = Option<String>, pattern = "^(fa|en)$", example = "fa")]
    locale: Option<Locale>,
    /// The `device_token` of an earlier sign-in on this device, if there is one: it lets the owner in where
    /// strangers have used up what the number may have. One that does not hold is passed over.
    device_token: Option<String>,
}

impl CodeRequest {
    /// The token of the device that it comes from.
    pub(crate) fn device_token(&self) -> Option<&str> {
        self.device_token.as_deref()
    }
}

impl From<CodeRequest> for otp::CodeRequest {
    fn from(body: CodeRequest) -> Self {
        Self {
            phone_number: body.phone_number,
            session: body.session_id,
            channel: body.channel,
            locale: body.locale,
        }
    }
}

/// A code is on its way, or was a moment ago.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "phone_number": "+989123456789", "message": "کد ورود پیامک می‌شود.", "expires_in": 120,
    "resend_in": 30, "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", "code_length": 6,
    "sent": true
}))]
pub(crate) struct CodeSent {
    /// Whom it is for, in E.164 form.
    phone_number: String,
    /// A sentence for the person who waits.
    message: &'static str,
    /// Seconds until the code is dead.
    expires_in: u64,
    /// Seconds until it can be sent again.
    resend_in: u64,
    /// The secret handle of this request: needed with the code, and to send it again.
    #[schema(format = Uuid)]
    session_id: String,
    /// How many digits the code has.
    code_length: u8,
    /// Whether a message is on its way: `false` only where this very `session_id` was granted one less
    /// than `resend_in` ago.
    sent: bool,
}

impl From<otp::CodeSent> for CodeSent {
    fn from(sent: otp::CodeSent) -> Self {
        Self {
            phone_number: sent.phone.as_e164().to_owned(),
            message: sent.message,
            expires_in: sent.expires_in,
            resend_in: sent.resend_in,
            session_id: sent.session.expose(),
            code_length: sent.code_length,
            sent: sent.sent,
        }
    }
}

impl IntoResponse for CodeSent {
    /// 202 when a message is on its way, 200 when one went out a moment ago.
    fn into_response(self) -> Response {
        let status = if self.sent {
            StatusCode::ACCEPTED
        } else {
            StatusCode::OK
        };
        (status, Json(self)).into_response()
    }
}
