//! The log-out that an application asks for (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Anyone who comes with an ID token of the person who is signed in here is logged out at once, and led back where
//! the client has registered that. Anybody else is asked first: a link must not log people out.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use flows::sessions::{self, Authenticated, LogOutBy};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue, StatusCode};
use oidc::authorization::Back;
use oidc::{Parameters, Provider};
use uuid::Uuid;
use web::{NavigationCookies, PageCookie, PresentedCookies};

use super::waiting::who_is_signed_on;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{lead_to, page, policy};
use crate::home::Notice;
use crate::log_out::LogOutPage;
use crate::number::spaced;
use crate::pages::HOME;
use crate::state::PagesState;
use crate::visitor::Visitor;

/// Where the page that asks sends its form; what the application asked for stands in the query.
pub(crate) const LEAVE: &str = "/oidc/logout/confirm";
/// An ID token is the longest part of it.
const MAX_QUERY_BYTES: usize = 8 * 1024;

/// What an application asks for, as far as it can be believed.
#[derive(Debug, Default)]
struct Leaving {
    /// Who signed in to it, and by which sign-on.
    person: Option<(Uuid, Uuid)>,
    /// Where the person is led back to.
    back: Option<Back>,
}

impl Leaving {
    /// Nothing of a request with something wrong is believed; the log says what that is.
    fn of(provider: &Provider, parameters: &Parameters) -> Self {
        match Self::believed(provider, parameters) {
            Ok(leaving) => leaving,
            Err(wrong) => {
                let client = parameters.first("client_id");
                let client = client
                    .and_then(|id| provider.client(id))
                    .map(|client| &client.id);
                tracing::warn!(client, "an application asks for a log-out wrongly: {wrong}");
                Self::default()
            }
        }
    }

    fn believed(provider: &Provider, parameters: &Parameters) -> Result<Self, &'static str> {
        if parameters.any_repeated() {
            return Err("a parameter is there twice; send each once");
        }
        let named = parameters.first("client_id");
        let Some(hint) = parameters.first("id_token_hint") else {
            return match parameters.first("post_logout_redirect_uri") {
                None => Ok(Self::default()),
                Some(_) => Err("post_logout_redirect_uri stands without id_token_hint; send both"),
            };
        };
        let read = provider.flows().id_tokens().read_hint(hint, named);
        let claims =
            read.map_err(|_| "id_token_hint is no ID token of this client by this service")?;
        let client = provider.client(&claims.aud);
        let client =
            client.ok_or("id_token_hint is of a client that is in OIDC_CLIENTS_FILE no more")?;
        let back = match parameters.first("post_logout_redirect_uri") {
            None => None,
            Some(address) if client.may_lead_to_after_log_out(address) => Some(Back {
                redirect_uri: address.to_owned(),
                state: parameters.first("state").map(str::to_owned),
            }),
            Some(_) => {
                return Err(
                    "post_logout_redirect_uri is not one of post_logout_redirect_uris of the client, byte by byte",
                );
            }
        };
        Ok(Self {
            person: Some((claims.sub, claims.sid)),
            back,
        })
    }

    /// Whether it is for anyone who is signed in in this browser: by the same sign-on or a later one.
    fn is_of(&self, signed_on: &Authenticated) -> bool {
        self.person
            .is_some_and(|(user, sid)| user == signed_on.user.id || sid == signed_on.session.id)
    }
}

/// `POST /oidc/logout`: another site's form brings no cookies along, so the same is asked once more by GET.
pub(crate) async fn leave_by_form(headers: HeaderMap, body: Body) -> Result<Response, Fault> {
    let form = Parameters::of_form(&headers, body).await;
    let query = form.ok_or(Fault::Unreadable)?.to_query();
    if query.len() > MAX_QUERY_BYTES {
        return Err(Fault::Unreadable);
    }
    Ok(lead_to(&format!("{}?{query}", Provider::LOG_OUT)))
}

/// `GET /oidc/logout`
pub(crate) async fn leave(
    State(state): State<PagesState>,
    visitor: Visitor,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let (leaving, query) = asked(&state, query)?;
    let Some(signed_on) = who_is_signed_on(&state, &headers).await? else {
        return Ok(left(&state, &leaving));
    };
    if leaving.is_of(&signed_on) {
        let cookies = NavigationCookies::find(&state.site, &headers);
        end(
            &state,
            cookies.access.as_slice(),
            cookies.refresh.as_slice(),
        )
        .await?;
        return Ok(left(&state, &leaving));
    }
    let number = signed_on.user.phone.as_ref().map(spaced);
    let mut shown = LogOutPage::new(&state.look, &visitor, number);
    shown.action = format!("{LEAVE}?{query}");
    let mut response = page(&state, &visitor, StatusCode::OK, &shown);
    // Chromium looks at the policy for the way back from a form, too.
    if let Some(back) = &leaving.back
        && let Ok(policy) = HeaderValue::from_str(&policy(&back.form_target()))
    {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// `POST /oidc/logout/confirm`
pub(crate) async fn confirm_leaving(
    State(state): State<PagesState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    form: Form,
) -> Result<Response, Fault> {
    form.require_good()?;
    let (leaving, _) = asked(&state, query)?;
    let cookies = PresentedCookies::of_own_form(&state.site, &headers);
    end(&state, &cookies.access, &cookies.refresh).await?;
    Ok(left(&state, &leaving))
}

fn asked(state: &PagesState, query: Option<String>) -> Result<(Leaving, String), Fault> {
    let provider = state.provider.as_ref().ok_or(Fault::NotFound)?;
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY_BYTES {
        return Err(Fault::Unreadable);
    }
    let parameters = Parameters::parse(query.as_bytes());
    Ok((Leaving::of(provider, &parameters), query))
}

async fn end(state: &PagesState, access: &[&str], refresh: &[&str]) -> Result<(), Fault> {
    let by = LogOutBy {
        access_tokens: access,
        refresh_tokens: refresh,
        all_devices: false,
    };
    sessions::log_out(&state.flows, by).await?;
    Ok(())
}

/// Nobody is signed in here any more: back to the application, or to our own first page.
fn left(state: &PagesState, leaving: &Leaving) -> Response {
    let mut response = match &leaving.back {
        Some(back) => lead_to(&back.with_state()),
        None => lead_to(HOME),
    };
    let answer = response.headers_mut();
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    state.site.cookies.take_back(answer);
    state.site.cookies.forget(answer, PageCookie::SignIn);
    if leaving.back.is_none() {
        Notice::LoggedOut.keep(answer, state.site.cookies);
    }
    response
}
