//! Who is signed in, as far as their cookies still say so. Anyone who has none costs no store anything.

use axum::extract::FromRequestParts;
use axum::response::Response;
use domain::tokens::{RefreshToken, SessionTokens};
use flows::RefusalCode;
use flows::sessions::{self, Authenticated};
use http::request::Parts;
use web::{NavigationCookies, Site, UserAgent};

use crate::fault::Fault;
use crate::number::spaced;
use crate::state::PagesState;
use crate::visitor::CallerOf;

/// Somebody who is signed in, or nobody.
pub(crate) struct Membership {
    pub(crate) member: Option<Authenticated>,
    cookies: Cookies,
}

/// What becomes of the cookies of tokens.
enum Cookies {
    /// They stay.
    Kept,
    /// The access token was dead and the refresh token brought new ones.
    Renewed(SessionTokens),
    /// They open nothing any more.
    Dead,
}

impl Membership {
    /// The number of the member, for the head of the page.
    pub(crate) fn number(&self) -> Option<String> {
        let member = self.member.as_ref()?;
        member.user.phone.as_ref().map(spaced)
    }

    /// Lets the browser have what belongs to the membership now.
    pub(crate) fn with_cookies(&self, site: &Site, mut response: Response) -> Response {
        match &self.cookies {
            Cookies::Kept => {}
            Cookies::Renewed(tokens) => site.cookies.hand_over(response.headers_mut(), tokens),
            Cookies::Dead => site.cookies.take_back(response.headers_mut()),
        }
        response
    }
}

impl FromRequestParts<PagesState> for Membership {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &PagesState) -> Result<Self, Fault> {
        let cookies = NavigationCookies::find(&state.site, &parts.headers);
        let refresh = cookies.refresh.and_then(RefreshToken::parse);
        if let Some(token) = cookies.access {
            match sessions::authenticate(&state.flows, token).await {
                Ok(member) => {
                    return Ok(Self {
                        member: Some(member),
                        cookies: Cookies::Kept,
                    });
                }
                Err(refusal) if refusal.code == RefusalCode::Unauthenticated => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        let Some(token) = refresh else {
            let cookies = if cookies.access.is_some() || cookies.refresh.is_some() {
                Cookies::Dead
            } else {
                Cookies::Kept
            };
            return Ok(Self {
                member: None,
                cookies,
            });
        };
        let CallerOf(caller) = CallerOf::from_request_parts(parts, state).await?;
        let UserAgent(agent) = match UserAgent::from_request_parts(parts, state).await {
            Ok(agent) => agent,
            Err(never) => match never {},
        };
        let device = caller.device(None, agent);
        match sessions::refresh(&state.flows, caller, Some(token), device).await {
            Ok(tokens) => {
                let member = sessions::authenticate(&state.flows, tokens.access.expose()).await?;
                Ok(Self {
                    member: Some(member),
                    cookies: Cookies::Renewed(tokens),
                })
            }
            Err(refusal) if refusal.code == RefusalCode::RefreshTokenInvalid => Ok(Self {
                member: None,
                cookies: Cookies::Dead,
            }),
            Err(refusal) => Err(refusal.into()),
        }
    }
}
