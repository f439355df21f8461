//! Where applications lead people: what is asked is looked at, and either answered at once or kept until its
//! person has signed in.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use domain::challenge::Locale;
use http::{HeaderMap, HeaderValue};
use oidc::authorization::{self, Standing};
use oidc::{Parameters, Provider};
use web::PageCookie;

use super::waiting::{keep, path, standing, who_is_signed_on};
use super::way_back;
use crate::fault::Fault;
use crate::frame::lead_to;
use crate::login::with_next;
use crate::pages::{CONFIRM, LOG_IN};
use crate::state::PagesState;
use crate::visitor::CallerOf;
use web::OwnPath;

/// The longest question that is looked at.
const MAX_QUERY_BYTES: usize = 8 * 1024;
/// What is shown of an unknown client in the log.
const SHOWN_CHARS: usize = 64;

/// `POST /oidc/authorize`: another site's form brings no cookies along, so the same is asked once more by
/// GET, which does.
pub(crate) async fn authorize_by_form(headers: HeaderMap, body: Body) -> Result<Response, Fault> {
    let form = Parameters::of_form(&headers, body).await;
    let query = form.ok_or(Fault::Unreadable)?.to_query();
    if query.len() > MAX_QUERY_BYTES {
        return Err(Fault::Unreadable);
    }
    Ok(lead_to(&format!("{}?{query}", Provider::AUTHORIZE)))
}

/// `GET /oidc/authorize`
pub(crate) async fn authorize(
    State(state): State<PagesState>,
    CallerOf(caller): CallerOf,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    let provider = state.provider.as_ref().ok_or(Fault::NotFound)?;
    let query = query.unwrap_or_default();
    if query.len() > MAX_QUERY_BYTES {
        return Err(Fault::Unreadable);
    }
    let parameters = Parameters::parse(query.as_bytes());
    let request = match provider.validate(&parameters) {
        Ok(request) => request,
        Err(authorization::Fault::Page(fault)) => {
            let named = parameters.first("client_id").unwrap_or_default();
            let client: String = named
                .chars()
                .take(SHOWN_CHARS)
                .flat_map(char::escape_debug)
                .collect();
            tracing::warn!(%client, "an application is set up wrongly: {}", fault.advice());
            return Err(Fault::Application);
        }
        Err(authorization::Fault::Back {
            to,
            error,
            description,
        }) => {
            let client = parameters.first("client_id");
            tracing::info!(client, error, "an application was refused: {description}");
            return Ok(way_back::with_error(provider, &to, error, description));
        }
    };
    let back = request.back();
    let signed_on = match who_is_signed_on(&state, &headers).await {
        Ok(signed_on) => signed_on,
        Err(refusal) => return Ok(way_back::with_refusal(provider, &back, &refusal)),
    };
    let standing = standing(provider, &request, signed_on.as_ref());
    if let (Standing::Ready, Some(signed_on)) = (standing, &signed_on) {
        return Ok(way_back::with_code(provider, &request, signed_on).await);
    }
    if request.none
        && let Some((error, description)) = standing.without_page()
    {
        return Ok(way_back::with_error(provider, &back, error, description));
    }
    let locale = request.ui_locales.as_deref().and_then(first_known);
    let mut kept = HeaderMap::new();
    let id = match keep(&state, caller, &headers, request, &mut kept).await {
        Ok(id) => id,
        Err(refusal) => return Ok(way_back::with_refusal(provider, &back, &refusal)),
    };
    let mut response = lead_to(&first_page(standing, &id));
    let answer = response.headers_mut();
    answer.extend(kept);
    answer.insert(
        http::header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    let chosen = state.site.cookies.kept(&headers, PageCookie::Language);
    if let (Some(locale), None) = (locale, chosen) {
        // Until the browser is closed: the person has not chosen it.
        state
            .site
            .cookies
            .keep(answer, PageCookie::Language, locale.as_str(), None);
    }
    Ok(response)
}

/// The page on which somebody begins.
pub(super) fn first_page(standing: Standing, id: &str) -> String {
    let on = path(id);
    let next = OwnPath::parse(&on);
    match standing {
        Standing::SignIn => with_next(LOG_IN, next.as_ref()),
        Standing::SignInAgain => with_next(CONFIRM, next.as_ref()),
        Standing::Confirm | Standing::OtherPerson | Standing::Ready => on,
    }
}

/// The first of the languages that the pages have.
fn first_known(ui_locales: &str) -> Option<Locale> {
    let mut tags = ui_locales.split_ascii_whitespace();
    tags.find_map(|tag| Locale::from_tag(tag.split('-').next().unwrap_or(tag)))
}
