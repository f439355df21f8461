//! Who makes a request, as the use cases want to know it.

use axum::extract::FromRequestParts;
use flows::Caller;
use http::request::Parts;
use web::{Client, PresentedDevice, RequestContext};

use crate::error::ApiError;
use crate::state::ApiState;

/// Extracts the caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerOf(pub(crate) Caller);

impl FromRequestParts<ApiState> for CallerOf {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let context = RequestContext::from_request_parts(parts, state).await?;
        let Client(address) = Client::from_request_parts(parts, state).await?;
        Ok(Self(Caller {
            request_id: context.id,
            locale: context.locale,
            address,
            device: PresentedDevice::find(&state.site, &parts.method, &parts.headers).0,
        }))
    }
}
