//! Forms as they come back: small, urlencoded, from the page that the browser was shown.
//!
//! What another site sent is refused by what browsers say of it (`Sec-Fetch-Site`, older ones `Origin`); beside that
//! every form carries a token, which is bound to the session.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, ORIGIN};
use http_body_util::{BodyExt as _, Limited};

use crate::console::Console;
use crate::fault::Fault;
use crate::hosts::host_of;
use crate::visitor::form_token;

/// The largest form that is read.
const MAX_BYTES: usize = 16 * 1024;
/// How long it may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// How long a reason must and may be.
const REASON_CHARS: std::ops::RangeInclusive<usize> = 3..=500;

/// The fields of a form.
pub(crate) struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    /// The first field of a name, without what surrounds it; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.typed(name).trim()
    }

    /// The same exactly as it was typed, for passwords.
    pub(crate) fn typed(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(of, _)| of == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// All that was filled in, as an address would have it.
    pub(crate) fn query(&self) -> String {
        let fields = self.fields.iter().filter(|(name, _)| name != "token");
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish()
    }

    /// Why somebody does it; everything that is done needs a reason.
    pub(crate) fn reason(&self) -> Result<String, Fault> {
        let reason: String = self
            .text("reason")
            .chars()
            .map(|character| {
                if character.is_control() {
                    ' '
                } else {
                    character
                }
            })
            .collect();
        if REASON_CHARS.contains(&reason.chars().count()) {
            Ok(reason)
        } else {
            Err(Fault::Reason)
        }
    }
}

impl FromRequest<Console> for Form {
    type Rejection = Fault;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Fault> {
        let host = host_of(&request).unwrap_or_default().to_owned();
        let (parts, body) = request.into_parts();
        if !is_own(&parts.headers, &host) {
            return Err(Fault::CrossSite);
        }
        if !is_form(&parts.headers) {
            return Err(Fault::Unreadable);
        }
        let collected = tokio::time::timeout(TIME_LIMIT, Limited::new(body, MAX_BYTES).collect());
        let bytes: Bytes = match collected.await {
            Ok(Ok(collected)) => collected.to_bytes(),
            _ => return Err(Fault::Unreadable),
        };
        let fields = url::form_urlencoded::parse(&bytes).into_owned().collect();
        let form = Self { fields };
        match form_token(console, &parts.headers) {
            Some(token) if token == form.typed("token") => Ok(form),
            _ => Err(Fault::TooOld),
        }
    }
}

/// Whether a page of our own made the request, as far as the browser says.
fn is_own(headers: &HeaderMap, host: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = headers.get(ORIGIN) else {
        return true;
    };
    let origin = origin.to_str().unwrap_or_default();
    let origin = origin.split_once("://").map(|(_, host)| host);
    origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host))
}

fn is_form(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}
