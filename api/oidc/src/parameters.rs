//! Parameters of a query or a form: each once, and an empty one is as good as none (RFC 6749, section 3.1).

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Limited};

/// The longest query or form that is read; an assertion of a client takes some of it.
pub(crate) const MAX_BYTES: usize = 16 * 1024;
/// How long a form may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Names and values, as they came.
#[derive(Clone)]
pub struct Parameters(Vec<(String, String)>);

/// A parameter that is there twice, so that it cannot be said which is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a parameter is there twice")]
pub struct Repeated;

impl Parameters {
    /// Reads what browsers and libraries write (`application/x-www-form-urlencoded`).
    pub fn parse(text: &[u8]) -> Self {
        let pairs = url::form_urlencoded::parse(text).into_owned();
        Self(pairs.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// Reads a form; `None` where it is none, too long or too slow.
    pub async fn of_form(headers: &HeaderMap, body: Body) -> Option<Self> {
        let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
        let kind = kind.split(';').next()?.trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return None;
        }
        let collected = Limited::new(body, MAX_BYTES).collect();
        let bytes: Bytes = tokio::time::timeout(TIME_LIMIT, collected)
            .await
            .ok()?
            .ok()?
            .to_bytes();
        Some(Self::parse(&bytes))
    }

    /// A parameter, if it is there once.
    pub fn get(&self, name: &str) -> Result<Option<&str>, Repeated> {
        let mut values = self
            .0
            .iter()
            .filter(|(of, _)| of == name)
            .map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Repeated),
            (found, None) => Ok(found),
        }
    }

    /// The same where it is clear already that nothing is there twice, or does not matter.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.get(name).ok().flatten()
    }

    /// Whether any parameter is there twice.
    pub fn any_repeated(&self) -> bool {
        self.0.iter().any(|(name, _)| self.get(name).is_err())
    }

    /// As a query.
    pub fn to_query(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.0);
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_parameter_is_none_and_one_that_is_there_twice_is_neither() {
        let read = Parameters::parse(b"a=1&b=&c=1&c=2&d=%D8%A7+x&b=");
        assert_eq!(read.get("a"), Ok(Some("1")));
        assert_eq!(read.get("b"), Ok(None));
        assert_eq!(read.get("c"), Err(Repeated));
        assert_eq!(read.get("d"), Ok(Some("ا x")));
        assert!(read.any_repeated());
        assert!(!Parameters::parse(b"a=1&b=2&b=").any_repeated());
        assert_eq!(Parameters::parse(b"a=b+c&d=%26").to_query(), "a=b+c&d=%26");
    }
}
