//! A body that may be absent, for calls whose token comes as a cookie.

use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::{Members, is_json, read, refuse_encoded};
use crate::error::{ApiError, RequestFault};

/// A JSON body, or none at all: then it has no members and needs no `Content-Type`.
///
/// Any other type is refused even where the body is empty: every form of a page declares one.
pub(crate) struct OptionalJsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        if !is_json && request.headers().contains_key(CONTENT_TYPE) {
            return Err(RequestFault::ContentTypeUnsupported.into());
        }
        refuse_encoded(request.headers())?;
        let bytes = read(request.into_body()).await?;
        let members = match (bytes.is_empty(), is_json) {
            (true, _) => Members::default(),
            (false, true) => Members::parse(&bytes)?,
            (false, false) => return Err(RequestFault::ContentTypeUnsupported.into()),
        };
        Ok(Self(members.read()?))
    }
}
