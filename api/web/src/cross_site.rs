//! Defence against requests that another site makes in a browser's name (CSRF).
//!
//! Only cookies need it, because only they are sent without the page having them. Browsers say
//! where a request comes from in `Sec-Fetch-Site` (Fetch Metadata), older ones in `Origin`; a
//! request with cookies that says neither is refused.

use http::header::ORIGIN;
use http::{HeaderMap, Method};

use crate::site::Site;

/// A request that changes something and was not made by a page of our own origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request comes from another site")]
pub struct CrossSite;

/// Where a request was made, as far as its headers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeBy {
    /// A page of our own origin, or the person themselves.
    Ourselves,
    /// A page of another origin.
    Another,
    /// A browser that tells neither `Sec-Fetch-Site` nor `Origin`: an old one, or one for text.
    Unsaid,
}

/// Where a request was made, for forms: they tell by a token of their own what an old browser does not.
pub fn made_by(site: &Site, headers: &HeaderMap) -> MadeBy {
    if is_own(headers, &site.public_origin) {
        MadeBy::Ourselves
    } else if headers.contains_key("sec-fetch-site") || headers.contains_key(ORIGIN) {
        MadeBy::Another
    } else {
        MadeBy::Unsaid
    }
}

/// Refuses what another site may have made a browser do.
pub(crate) fn refuse_cross_site(
    method: &Method,
    headers: &HeaderMap,
    own_origin: &str,
) -> Result<(), CrossSite> {
    if method.is_safe() || is_own(headers, own_origin) {
        return Ok(());
    }
    Err(CrossSite)
}

/// Whether a page of our own origin made the request, or the person themselves.
pub(crate) fn is_own(headers: &HeaderMap, own_origin: &str) -> bool {
    // `none` is the person themselves, by the address bar or a bookmark.
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    headers
        .get(ORIGIN)
        .is_some_and(|origin| origin == own_origin)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const OWN: &str = "https://login.example.ir";

    fn passes(method: &Method, pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        refuse_cross_site(method, &headers, OWN).is_ok()
    }

    #[test]
    fn csr_02_only_pages_of_our_own_origin_change_something() {
        let site = "sec-fetch-site";
        for (pairs, passed) in [
            (&[(site, "same-origin")][..], true),
            (&[(site, "none")], true),
            (&[(site, "same-site")], false),
            (&[(site, "cross-site")], false),
            (&[(site, "")], false),
            (&[("origin", OWN)], true),
            (&[("origin", "https://evil.example")], false),
            (
                &[("origin", "https://login.example.ir.evil.example")],
                false,
            ),
            (&[("origin", "http://login.example.ir")], false),
            (&[("origin", "null")], false),
            // The newer header is what counts.
            (&[(site, "cross-site"), ("origin", OWN)], false),
            (&[], false),
        ] {
            for method in [Method::POST, Method::PATCH, Method::DELETE, Method::PUT] {
                assert_eq!(passes(&method, pairs), passed, "{method} {pairs:?}");
            }
            assert!(passes(&Method::GET, pairs), "{pairs:?}");
        }
    }
}
