//! What an application has asked for, while its person signs in. Hot state keeps it, and only the browser that
//! it was asked by can go on with it: what another one was led to is nothing there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::tokens::RefreshToken;
use flows::grants::{self, AuthorizationRequestId, signed_on};
use flows::sessions::Authenticated;
use flows::{Caller, Refusal};
use http::HeaderMap;
use oidc::Provider;
use oidc::authorization::{AuthorizationRequest, Proof, Standing};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use web::{NavigationCookies, PageCookie};

use super::GO_ON;
use crate::state::PagesState;
use web::OwnPath;

/// Bytes of an id, and of what the browser keeps.
const BYTES: usize = 16;
/// Longer than a request waits.
const KEPT: Duration = Duration::from_hours(1);

/// A request that waits, and what it is known by.
pub(crate) struct Waiting {
    pub(crate) id: String,
    key: AuthorizationRequestId,
    pub(crate) request: AuthorizationRequest,
    /// The client's name for people.
    pub(crate) name: String,
}

fn bytes(text: &str) -> Option<[u8; BYTES]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

fn key(id: &str) -> Option<AuthorizationRequestId> {
    let hash = Sha256::new().chain_update(b"ramz authorization request v1");
    Some(hash.chain_update(bytes(id)?).finalize().into())
}

fn of_browser(secret: &str) -> String {
    let hash = Sha256::new().chain_update(b"ramz authorization browser v1");
    hex::encode(hash.chain_update(secret).finalize())
}

impl Waiting {
    /// What the path of a page names, where this browser may go on with it.
    pub(crate) async fn find(
        state: &PagesState,
        headers: &HeaderMap,
        id: &str,
    ) -> Result<Option<Self>, Refusal> {
        let Some(provider) = &state.provider else {
            return Ok(None);
        };
        let secret = state.site.cookies.kept(headers, PageCookie::Application);
        let (Some(key), Some(secret)) = (key(id), secret) else {
            return Ok(None);
        };
        let Some(body) = grants::request(&state.flows, key).await? else {
            return Ok(None);
        };
        let Ok(request) = serde_json::from_str::<AuthorizationRequest>(&body) else {
            // Of a release that asks for more, or what is no request at all.
            return Ok(None);
        };
        let client = provider.client(&request.client);
        let client = client.filter(|client| client.may_lead_back_to(&request.redirect_uri));
        let own = request.browser == of_browser(secret);
        Ok(client.filter(|_| own).map(|client| Self {
            id: id.to_owned(),
            key,
            name: client.name.clone(),
            request,
        }))
    }

    /// The same of where a sign-in leads afterwards.
    pub(crate) async fn find_by_path(
        state: &PagesState,
        headers: &HeaderMap,
        next: Option<&OwnPath>,
    ) -> Option<Self> {
        let id = next?.as_str().strip_prefix(GO_ON)?.trim_end_matches('/');
        // Where the store is away the page says less, and the way on tells of it.
        Self::find(state, headers, id).await.ok().flatten()
    }

    /// Where its person goes on.
    pub(crate) fn path(&self) -> String {
        path(&self.id)
    }

    /// Takes it away, to answer it; `false` where that was done before.
    pub(crate) async fn take(&self, state: &PagesState) -> Result<bool, Refusal> {
        grants::take_request(&state.flows, self.key).await
    }
}

/// Where the person of a request goes on.
pub(crate) fn path(id: &str) -> String {
    format!("{GO_ON}{id}")
}

/// Keeps a request for this browser; what the browser is to keep is put into `answer`. Gives the id.
pub(crate) async fn keep(
    state: &PagesState,
    caller: Caller,
    headers: &HeaderMap,
    mut request: AuthorizationRequest,
    answer: &mut HeaderMap,
) -> Result<String, Refusal> {
    let cookies = state.site.cookies;
    // One for all of its windows.
    let kept = cookies.kept(headers, PageCookie::Application);
    let kept = kept.filter(|text| bytes(text).is_some()).map(str::to_owned);
    let random = || URL_SAFE_NO_PAD.encode(state.flows.random().bytes::<BYTES>());
    let secret = kept.unwrap_or_else(random);
    request.browser = of_browser(&secret);
    let id = random();
    let body = serde_json::to_string(&request).unwrap_or_default();
    let key = key(&id).unwrap_or_default();
    grants::keep_request(&state.flows, caller, key, &body).await?;
    cookies.keep(answer, PageCookie::Application, &secret, Some(KEPT));
    Ok(id)
}

/// Who is signed in in this browser. Nothing is renewed by that.
pub(crate) async fn who_is_signed_on(
    state: &PagesState,
    headers: &HeaderMap,
) -> Result<Option<Authenticated>, Refusal> {
    let cookies = NavigationCookies::find(&state.site, headers);
    match cookies.refresh.and_then(RefreshToken::parse) {
        Some(token) => signed_on(&state.flows, &token).await,
        None => Ok(None),
    }
}

/// What is missing for a request.
pub(crate) fn standing(
    provider: &Provider,
    request: &AuthorizationRequest,
    signed_on: Option<&Authenticated>,
) -> Standing {
    let proof = signed_on.map(|signed_on| Proof {
        user: signed_on.user.id,
        at: signed_on.session.opened_at,
    });
    request.standing(proof, provider.flows().clock().now_millis())
}
