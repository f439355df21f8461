//! Who looks at a page, before it is known whether they are signed in: in which language, by which browser.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::challenge::Locale;
use domain::client_address::ClientAddress;
use domain::staff::StaffToken;
use flows::Caller;
use http::HeaderMap;
use http::header::USER_AGENT;
use http::request::Parts;
use uuid::Uuid;
use web::{Client, MissingFromRouter, PageCookie, RequestContext};

use crate::console::Console;
use crate::frame::Notice;
use crate::words::Words;

/// Bytes of the token that the forms before the sign-in carry.
const TOKEN_BYTES: usize = 16;
/// What `console.js` sends with what it asks for by itself.
const LIVE: &str = "x-ramz-live";

/// What every page knows of the one who looks at it, without asking a store.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// Names the request in logs and in the audit log.
    pub(crate) request_id: Uuid,
    pub(crate) words: &'static Words,
    /// The page itself, with its query.
    pub(crate) path: String,
    /// Where from.
    pub(crate) address: ClientAddress,
    /// What the browser calls itself.
    pub(crate) user_agent: Option<String>,
    /// What the forms of the page carry.
    pub(crate) form_token: String,
    /// Whether the browser has no cookie of it yet.
    pub(crate) form_token_is_new: bool,
    /// What was done a moment ago.
    pub(crate) notice: Option<Notice>,
    /// Whether a person asked, and not the page by itself.
    pub(crate) by_hand: bool,
}

impl Visitor {
    /// The visitor as the use cases of everybody want to know them.
    pub(crate) fn caller(&self) -> Caller {
        Caller {
            request_id: self.request_id,
            locale: self.words.locale,
            address: self.address,
            device: None,
        }
    }

    /// The address for the audit log.
    pub(crate) fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}

/// The token of the session that a browser shows.
pub(crate) fn session_token(console: &Console, headers: &HeaderMap) -> Option<StaffToken> {
    let kept = console
        .site
        .cookies
        .kept(headers, PageCookie::StaffSession)?;
    StaffToken::parse(kept)
}

/// What a form must carry that comes from this browser: bound to the session where there is one.
pub(crate) fn form_token(console: &Console, headers: &HeaderMap) -> Option<String> {
    if let Some(token) = session_token(console, headers) {
        return Some(token.form_token());
    }
    let kept = console.site.cookies.kept(headers, PageCookie::StaffForm)?;
    let bytes = URL_SAFE_NO_PAD.decode(kept).ok()?;
    (bytes.len() == TOKEN_BYTES).then(|| kept.to_owned())
}

impl FromRequestParts<Console> for Visitor {
    type Rejection = MissingFromRouter;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Console,
    ) -> Result<Self, MissingFromRouter> {
        // The layer around the pages has looked already.
        if let Some(visitor) = parts.extensions.get::<Self>() {
            return Ok(visitor.clone());
        }
        let context = RequestContext::from_request_parts(parts, console).await?;
        let Client(address) = Client::from_request_parts(parts, console).await?;
        let cookies = console.site.cookies;
        let chosen = cookies.kept(&parts.headers, PageCookie::Language);
        let locale = chosen.and_then(Locale::from_tag).unwrap_or(context.locale);
        let kept = form_token(console, &parts.headers);
        let is_new = kept.is_none();
        let user_agent = parts.headers.get(USER_AGENT);
        let user_agent =
            user_agent.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let path = parts.uri.path_and_query();
        Ok(Self {
            request_id: context.id,
            words: Words::of(locale),
            path: path.map_or_else(|| "/".to_owned(), ToString::to_string),
            address,
            user_agent,
            form_token: kept.unwrap_or_else(|| {
                let bytes: [u8; TOKEN_BYTES] = console.desk.flows().random().bytes();
                URL_SAFE_NO_PAD.encode(bytes)
            }),
            form_token_is_new: is_new,
            notice: cookies
                .kept(&parts.headers, PageCookie::StaffNotice)
                .and_then(|notice| notice.parse::<Notice>().ok()),
            by_hand: !parts.headers.contains_key(LIVE),
        })
    }
}
