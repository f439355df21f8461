//! The language that a person chooses, which wins over what their browser asks for.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::Locale;
use web::{PageCookie, Site};

use crate::fault::Fault;
use crate::form::Form;
use crate::frame::lead_to;
use crate::pages::HOME;
use web::OwnPath;

const KEPT: Duration = Duration::from_hours(24 * 365);

/// `POST /accounts/language/`
pub(crate) async fn choose(State(site): State<Arc<Site>>, form: Form) -> Result<Response, Fault> {
    let path = OwnPath::parse(form.text("next"));
    let mut response = lead_to(path.as_ref().map_or(HOME, OwnPath::as_str));
    let locale = Locale::from_tag(form.text("language")).ok_or(Fault::Unreadable)?;
    let headers = response.headers_mut();
    site.cookies
        .keep(headers, PageCookie::Language, locale.as_str(), Some(KEPT));
    Ok(response)
}

/// `GET` of the same: there is nothing to see.
pub(crate) async fn back() -> Response {
    lead_to(HOME)
}
