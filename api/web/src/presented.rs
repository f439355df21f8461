//! The tokens that come with a request.

use domain::tokens::{DeviceToken, RefreshToken};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};

use crate::cookies::{PageCookie, TokenCookie};
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
        match bearer_token(headers) {
            Bearer::None => {}
            Bearer::One(token) => return Ok(Self(Some(token))),
            Bearer::Unreadable => return Ok(Self(None)),
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
    /// `None` if there is none, or no text that could be one.
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

/// The tokens that a browser sends by itself when somebody opens one of our pages.
///
/// Following a link from another site is no reason not to know a person, and what it makes happen is a
/// renewal that nobody else can read. What another site loads into a page of its own is one.
pub struct NavigationCookies<'a> {
    /// The access token, dead or alive.
    pub access: Option<&'a str>,
    /// The refresh token.
    pub refresh: Option<&'a str>,
}

impl<'a> NavigationCookies<'a> {
    /// The cookies of a request that only reads; of two of one name none counts.
    pub fn find(site: &Site, headers: &'a HeaderMap) -> Self {
        let embedded = headers
            .get("sec-fetch-dest")
            .is_some_and(|dest| dest != "document")
            && !crate::cross_site::is_own(headers, &site.public_origin);
        if embedded || site.cors.origin(headers).is_some() {
            return Self {
                access: None,
                refresh: None,
            };
        }
        let read = |which| site.cookies.read(headers, which).ok().flatten();
        Self {
            access: read(TokenCookie::Access),
            refresh: read(TokenCookie::Refresh),
        }
    }
}

/// The tokens that a browser sends by itself, of a request that changes something.
pub struct PresentedCookies<'a> {
    /// Access tokens, dead or alive.
    pub access: Vec<&'a str>,
    /// Refresh tokens.
    pub refresh: Vec<&'a str>,
}

impl<'a> PresentedCookies<'a> {
    /// All cookies of both kinds, should there be two of one; they count on pages of our own origin
    /// only. `None` if there is none.
    ///
    /// # Errors
    /// When there is one and the request comes from another site.
    pub fn find(site: &Site, headers: &'a HeaderMap) -> Result<Option<Self>, CrossSite> {
        let all = Self::of_own_form(site, headers);
        if all.access.is_empty() && all.refresh.is_empty() {
            return Ok(None);
        }
        refuse_cross_site(&Method::POST, headers, &site.public_origin)?;
        Ok(Some(all))
    }

    /// The same for a form that has shown by itself that it is ours.
    pub fn of_own_form(site: &Site, headers: &'a HeaderMap) -> Self {
        let all = |which| site.cookies.read_all(headers, which).collect::<Vec<_>>();
        Self {
            access: all(TokenCookie::Access),
            refresh: all(TokenCookie::Refresh),
        }
    }
}

/// The token of the device that a browser keeps, as it came in. One that cannot be read, or is there twice, or comes
/// with a request of another site, is as good as none: it is never a reason to refuse.
#[derive(Clone, Copy, Debug)]
pub struct PresentedDevice(pub Option<DeviceToken>);

impl PresentedDevice {
    /// That of a request.
    pub fn find(site: &Site, method: &Method, headers: &HeaderMap) -> Self {
        let kept = site.cookies.kept(headers, PageCookie::Device);
        let token = kept.and_then(DeviceToken::parse).filter(|_| {
            refuse_cross_site(method, headers, &site.public_origin).is_ok()
                && site.cors.origin(headers).is_none()
        });
        Self(token)
    }
}

/// What the `Authorization` headers of a request say of a bearer token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer<'a> {
    /// Nothing. A proxy or an extension may have added a scheme of its own (`Basic`, `Negotiate`).
    None,
    /// This token.
    One(&'a str),
    /// Something that cannot be read, or two tokens: never a reason to look elsewhere.
    Unreadable,
}

impl<'a> Bearer<'a> {
    /// The token, if there is one that can be read: for a log-out, which ends what it can find.
    pub fn token(self) -> Option<&'a str> {
        match self {
            Self::One(token) => Some(token),
            Self::None | Self::Unreadable => None,
        }
    }
}

/// The token of the one `Authorization: Bearer` header (RFC 6750, section 2.1; the scheme is read
/// without regard to case, RFC 9110, section 11.1).
pub fn bearer_token(headers: &HeaderMap) -> Bearer<'_> {
    let mut found = Bearer::None;
    for value in headers.get_all(AUTHORIZATION) {
        let value = value.as_bytes().trim_ascii();
        let end = value.iter().position(|byte| matches!(byte, b' ' | b'\t'));
        let (scheme, rest) = value.split_at(end.unwrap_or(value.len()));
        if !scheme.eq_ignore_ascii_case(b"bearer") {
            continue;
        }
        found = match (found, std::str::from_utf8(rest.trim_ascii())) {
            (Bearer::None, Ok(token)) if !token.is_empty() => Bearer::One(token),
            _ => Bearer::Unreadable,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).expect("a value");
            headers.append(AUTHORIZATION, value);
        }
        headers
    }

    #[test]
    fn a_scheme_of_somebody_else_hides_no_token_of_ours() {
        for (values, found) in [
            (&[][..], Bearer::None),
            (&[b"Basic dXNlcjpwYXNz".as_slice()], Bearer::None),
            (&[b"Negotiate \xff"], Bearer::None),
            (&[b"a.b.c"], Bearer::None),
            (&[b"Bearer a.b.c"], Bearer::One("a.b.c")),
            (&[b"bEARER\t  a.b.c "], Bearer::One("a.b.c")),
            (&[b"Basic x", b"Bearer a.b.c"], Bearer::One("a.b.c")),
            (&[b"Bearer a.b.c", b"\xd8\xaa"], Bearer::One("a.b.c")),
            (&[b"Bearer"], Bearer::Unreadable),
            (&[b"Bearer \xff"], Bearer::Unreadable),
            (&[b"Bearer a", b"Bearer b"], Bearer::Unreadable),
            (&[b"Bearer a", b"Bearer a", b"Bearer a"], Bearer::Unreadable),
        ] {
            assert_eq!(bearer_token(&headers(values)), found, "{values:?}");
        }
    }
}
