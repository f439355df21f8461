//! The refresh token that comes with a request.

use domain::tokens::RefreshToken;
use http::{HeaderMap, Method};
use web::cookies::TokenCookie;

use crate::app::AppState;
use crate::cross_site::refuse_cross_site;
use crate::error::ApiError;

/// A refresh token as it came in.
pub(super) struct Presented {
    /// `None` where there is none, or no text that could be one.
    pub(super) token: Option<RefreshToken>,
    /// Whether a browser sent it by itself.
    pub(super) by_cookie: bool,
}

impl Presented {
    /// The token in the body, which wins because somebody put it there, or that of the cookie,
    /// which counts on pages of our own origin only.
    pub(super) fn find(
        app: &AppState,
        headers: &HeaderMap,
        in_body: Option<&str>,
    ) -> Result<Self, ApiError> {
        if let Some(text) = in_body {
            return Ok(Self {
                token: RefreshToken::parse(text),
                by_cookie: false,
            });
        }
        let in_cookie = app.cookies.read(headers, TokenCookie::Refresh);
        if in_cookie == Ok(None) {
            return Ok(Self {
                token: None,
                by_cookie: false,
            });
        }
        refuse_cross_site(&Method::POST, headers, &app.public_origin)?;
        Ok(Self {
            token: in_cookie.ok().flatten().and_then(RefreshToken::parse),
            by_cookie: true,
        })
    }
}
