//! The tokens that come with a request.

use domain::tokens::RefreshToken;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};

use crate::cookies::TokenCookie;
use crate::cross_site::{CrossSite, refuse_cross_site};
use crate::site::Site;

/// The access token of a request.
#[derive(Clone, Copy)]
pub struct PresentedAccess<'a>(pub Option<&'a str>);

impl<'a> PresentedAccess<'a> {
    /// The token in the header, which wins because it is never a browser's own doing, or that of the
    /// cookie, which counts on pages of our own origin only.
    ///
    /// # Errors
    /// When it comes as a cookie and the request from another site.
    pub fn find(site: &Site, method: &Method, headers: &'a HeaderMap) -> Result<Self, CrossSite> {
        if headers.contains_key(AUTHORIZATION) {
            return Ok(Self(bearer_token(headers)));
        }
        let cookie = site.cookies.read(headers, TokenCookie::Access);
        let Some(token) = cookie.ok().flatten() else {
            return Ok(Self(None));
        };
        refuse_cross_site(method, headers, &site.public_origin)?;
        // What only reads was not refused; for a page of another origin the cookie is not there.
        let foreign = site.cors.origin(headers).is_some();
        Ok(Self((!foreign).then_some(token)))
    }
}

/// A refresh token as it came in.
pub struct PresentedRefresh {
    /// `None` where there is none, or no text that could be one.
    pub token: Option<RefreshToken>,
    /// Whether a browser sent it by itself.
    pub by_cookie: bool,
}

impl PresentedRefresh {
    /// The token in the body, which wins because somebody put it there, or that of the cookie,
    /// which counts on pages of our own origin only.
    ///
    /// # Errors
    /// When it comes as a cookie and the request from another site.
    pub fn find(
        site: &Site,
        headers: &HeaderMap,
        in_body: Option<&str>,
    ) -> Result<Self, CrossSite> {
        if let Some(text) = in_body {
            return Ok(Self {
                token: RefreshToken::parse(text),
                by_cookie: false,
            });
        }
        let in_cookie = site.cookies.read(headers, TokenCookie::Refresh);
        if in_cookie == Ok(None) {
            return Ok(Self {
                token: None,
                by_cookie: false,
            });
        }
        refuse_cross_site(&Method::POST, headers, &site.public_origin)?;
        Ok(Self {
            token: in_cookie.ok().flatten().and_then(RefreshToken::parse),
            by_cookie: true,
        })
    }
}

/// The tokens that a browser sends by itself, of a request that changes something.
pub struct PresentedCookies<'a> {
    /// An access token, dead or alive.
    pub access: Option<&'a str>,
    /// A refresh token.
    pub refresh: Option<&'a str>,
}

impl<'a> PresentedCookies<'a> {
    /// Both cookies; they count on pages of our own origin only. `None` where there is neither.
    ///
    /// # Errors
    /// When there is one and the request comes from another site.
    pub fn find(site: &Site, headers: &'a HeaderMap) -> Result<Option<Self>, CrossSite> {
        let cookie = |which| site.cookies.read(headers, which).ok().flatten();
        let (access, refresh) = (cookie(TokenCookie::Access), cookie(TokenCookie::Refresh));
        if access.is_none() && refresh.is_none() {
            return Ok(None);
        }
        refuse_cross_site(&Method::POST, headers, &site.public_origin)?;
        Ok(Some(Self { access, refresh }))
    }
}

/// The token of the one `Authorization: Bearer` header (RFC 6750, section 2.1).
pub fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
