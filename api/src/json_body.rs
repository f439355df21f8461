//! The one way by which a body comes in.
//!
//! A body is small, JSON and an object whose members each stand there once. Everything else is an
//! error that names what to mend. axum's own extractor would answer in plain text, let a repeated
//! member win over the first and take bodies of two megabytes.
//!
//! The type of a body is a struct that derives `Deserialize` and `ToSchema`, with
//! `#[serde(deny_unknown_fields)]`, which the description shows. A member that is read by rules of its own, or told
//! apart from one that is `null`, has a type or a function in `typed.rs`, or one beside the struct.

mod body_error;
mod member;
mod members;
mod optional;
mod typed;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, RequestFault};
use members::Members;

pub(crate) use body_error::refused;
pub(crate) use optional::OptionalJsonBody;
pub(crate) use typed::{Change, device_name, typed, typed_or_none};

/// The largest body that is read.
const MAX_BODY_BYTES: usize = 4 * 1024;
/// What is thrown away of a larger body before the answer, so that an honest client reads the
/// answer instead of a broken connection.
const MAX_DISCARDED_BYTES: usize = 256 * 1024;
/// How long a body may take; slower ones only hold a connection.
const BODY_TIME_LIMIT: Duration = Duration::from_secs(10);

/// A body that was read into `T`.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(RequestFault::ContentTypeUnsupported.into());
        }
        refuse_encoded(request.headers())?;
        let bytes = read(request.into_body()).await?;
        Ok(Self(Members::parse(&bytes)?.read()?))
    }
}

/// No other type is taken: a page of another site can send forms and plain text, but not this. Read by
/// its grammar (RFC 9110, section 8.3.1) as far as it matters here: parameters in any case and order, values
/// quoted or not; the one that counts is `charset`, which JSON does not need.
fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter().peekable();
    values.peek().is_some() && values.all(|value| value.to_str().is_ok_and(names_json))
}

fn names_json(text: &str) -> bool {
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    essence.eq_ignore_ascii_case("application/json")
        && parts.filter(|part| !part.is_empty()).all(is_harmless)
}

/// Any parameter but a `charset` that is not UTF-8.
fn is_harmless(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let value = value.trim().trim_matches('"');
            value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8")
        }
        _ => true,
    }
}

/// Refuses a compressed body by the name of its encoding (RFC 9110, sections 8.4 and 15.5.16): bodies are
/// small here, and what unpacks them would be one more thing that a stranger can keep busy.
fn refuse_encoded(headers: &HeaderMap) -> Result<(), ApiError> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    for coding in codings {
        let coding = String::from_utf8_lossy(coding.trim_ascii());
        if !coding.is_empty() && !coding.eq_ignore_ascii_case("identity") {
            return Err(ApiError::encoded(&coding));
        }
    }
    Ok(())
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
            ("application/json ; Charset = UTF8 ;", true),
            ("application/json; version=1; charset=utf-8", true),
            ("application/json; version=1; charset=utf-16", false),
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
        let mut doubled = HeaderMap::new();
        for text in ["application/json", "text/plain"] {
            doubled.append(CONTENT_TYPE, http::HeaderValue::from_static(text));
        }
        assert!(!is_json(&doubled));
    }

    #[test]
    fn a_compressed_body_is_refused_by_the_name_of_its_encoding() {
        for (text, refused) in [
            ("gzip", Some("gzip")),
            ("Identity", None),
            ("", None),
            ("identity, br", Some("br")),
            ("x-new", Some("x-new")),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, http::HeaderValue::from_static(text));
            let error = refuse_encoded(&headers).err();
            let named = error.and_then(|error| error.members.content_encoding);
            assert_eq!(named.as_deref(), refused, "{text}");
        }
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
