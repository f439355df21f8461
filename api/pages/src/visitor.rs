//! Who looks at a page: in which language, and by which browser.

use std::sync::Arc;

use axum::extract::{FromRef as _, FromRequestParts};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::challenge::Locale;
use flows::{Caller, Flows};
use http::Uri;
use http::request::Parts;
use uuid::Uuid;
use web::{Client, MissingFromRouter, PageCookie, PresentedDevice, RequestContext, Site};

use crate::fault::Fault;
use crate::state::PagesState;
use crate::words::Words;

/// Bytes of the token that forms carry.
const TOKEN_BYTES: usize = 16;

/// What every page knows of the one who looks at it, without asking a store.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    /// Names the request in logs and to support.
    pub(crate) request_id: Uuid,
    pub(crate) words: &'static Words,
    /// The page itself, for anyone who changes the language.
    pub(crate) path: String,
    /// What the forms of the page carry, and the cookie with them.
    pub(crate) token: FormToken,
}

/// Proves that a form comes back from the browser that it was shown to.
#[derive(Clone, Debug)]
pub(crate) struct FormToken {
    pub(crate) value: String,
    /// Whether the browser has no cookie of it yet.
    pub(crate) is_new: bool,
}

impl FormToken {
    fn of(parts: &Parts, site: &Site, flows: &Flows) -> Self {
        let kept = site.cookies.kept(&parts.headers, PageCookie::Form);
        let kept = kept.filter(|text| {
            let bytes = URL_SAFE_NO_PAD.decode(text);
            bytes.is_ok_and(|bytes| bytes.len() == TOKEN_BYTES)
        });
        match kept {
            Some(value) => Self {
                value: value.to_owned(),
                is_new: false,
            },
            None => Self {
                value: URL_SAFE_NO_PAD.encode(flows.random().bytes::<TOKEN_BYTES>()),
                is_new: true,
            },
        }
    }
}

impl FromRequestParts<PagesState> for Visitor {
    type Rejection = MissingFromRouter;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &PagesState,
    ) -> Result<Self, MissingFromRouter> {
        // The layer around the pages has looked already.
        if let Some(visitor) = parts.extensions.get::<Self>() {
            return Ok(visitor.clone());
        }
        let context = RequestContext::from_request_parts(parts, state).await?;
        let (site, flows) = (Arc::<Site>::from_ref(state), Arc::<Flows>::from_ref(state));
        let chosen = site.cookies.kept(&parts.headers, PageCookie::Language);
        let locale = chosen.and_then(Locale::from_tag).unwrap_or(context.locale);
        Ok(Self {
            request_id: context.id,
            words: Words::of(locale),
            path: address(&parts.uri),
            token: FormToken::of(parts, &site, &flows),
        })
    }
}

/// The address of a page as links have it: with the slash at the end of its path, which the layer around
/// all faces has taken away.
fn address(uri: &Uri) -> String {
    let path = uri.path().trim_end_matches('/');
    match uri.query() {
        Some(query) => format!("{path}/?{query}"),
        None => format!("{path}/"),
    }
}

/// The visitor as the use cases want to know them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerOf(pub(crate) Caller);

impl FromRequestParts<PagesState> for CallerOf {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &PagesState) -> Result<Self, Fault> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        let Client(address) = Client::from_request_parts(parts, state).await?;
        Ok(Self(Caller {
            request_id: visitor.request_id,
            locale: visitor.words.locale,
            address,
            device: PresentedDevice::find(&state.site, &parts.method, &parts.headers).0,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_keeps_the_slash_of_its_address() {
        for (uri, wanted) in [
            ("/", "/"),
            ("/accounts/verify", "/accounts/verify/"),
            ("/accounts/verify/", "/accounts/verify/"),
            ("/accounts/login?next=%2Fa", "/accounts/login/?next=%2Fa"),
            ("/?a=b", "/?a=b"),
        ] {
            assert_eq!(address(&Uri::from_static(uri)), wanted, "{uri}");
        }
    }
}
