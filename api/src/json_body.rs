//! The one way by which a body comes in.
//!
//! A body is small, JSON and an object whose members each stand there once. Everything else is an
//! error that names what to mend. axum's own extractor would answer in plain text, let a repeated
//! member win over the first and take bodies of two megabytes.

mod members;
mod optional;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;

use crate::error::{ApiError, RequestFault};

pub(crate) use members::{Change, Members, invalid, missing};
pub(crate) use optional::OptionalJsonBody;

/// The largest body that is read.
const MAX_BODY_BYTES: usize = 4 * 1024;
/// What is thrown away of a larger body before the answer, so that an honest client reads the
/// answer instead of a broken connection.
const MAX_DISCARDED_BYTES: usize = 256 * 1024;
/// How long a body may take; slower ones only hold a connection.
const BODY_TIME_LIMIT: Duration = Duration::from_secs(10);

/// A body that was read into `T`.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// What can be read from the members of a JSON object.
pub(crate) trait FromMembers: Sized {
    /// Takes each member that it knows.
    fn from_members(members: &mut Members) -> Result<Self, ApiError>;
}

impl<S: Send + Sync, T: FromMembers> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(RequestFault::ContentTypeUnsupported.into());
        }
        let bytes = read(request.into_body()).await?;
        let mut members = Members::parse(&bytes)?;
        let body = T::from_members(&mut members)?;
        members.none_left()?;
        Ok(Self(body))
    }
}

/// No other type is taken: a page of another site can send forms and plain text, but not this.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(text) = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()) else {
        return false;
    };
    let (essence, parameters) = text.split_once(';').unwrap_or((text, ""));
    let charset = parameters.trim().to_ascii_lowercase();
    essence.trim().eq_ignore_ascii_case("application/json")
        && matches!(charset.as_str(), "" | "charset=utf-8" | "charset=\"utf-8\"")
}

/// Reads a body as far as bodies go here.
pub(crate) async fn read(body: Body) -> Result<Bytes, ApiError> {
    tokio::time::timeout(BODY_TIME_LIMIT, read_limited(body))
        .await
        .unwrap_or_else(|_| Err(RequestFault::RequestTimeout.into()))
}

async fn read_limited(mut body: Body) -> Result<Bytes, ApiError> {
    let mut bytes = BytesMut::new();
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| RequestFault::BodyIncomplete)?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        seen += data.len();
        if seen <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&data);
        } else if seen > MAX_DISCARDED_BYTES {
            break;
        }
    }
    if seen > MAX_BODY_BYTES {
        return Err(RequestFault::BodyTooLarge.into());
    }
    Ok(bytes.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csr_01_only_json_is_taken() {
        for (text, taken) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("application/json; charset=latin1", false),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("application/jsonp", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(text));
            assert_eq!(is_json(&headers), taken, "{text}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_38_a_body_that_does_not_arrive_ends_after_ten_seconds() {
        let silent = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        let error = read(Body::from_stream(silent)).await.expect_err("too late");
        assert_eq!(error.code, RequestFault::RequestTimeout.into());
    }

    #[tokio::test]
    async fn a_38_a_body_is_read_up_to_its_limit_and_an_endless_one_is_left() {
        let whole = read(Body::from(vec![b' '; MAX_BODY_BYTES])).await;
        assert_eq!(whole.expect("read").len(), MAX_BODY_BYTES);
        let larger = read(Body::from(vec![b' '; MAX_BODY_BYTES + 1])).await;
        assert_eq!(
            larger.expect_err("too large").code,
            RequestFault::BodyTooLarge.into()
        );
        let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]));
        let endless = futures::stream::repeat_with(chunk);
        let error = read(Body::from_stream(endless)).await.expect_err("endless");
        assert_eq!(error.code, RequestFault::BodyTooLarge.into());
    }
}
