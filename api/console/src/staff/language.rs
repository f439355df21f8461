//! The language that somebody chooses, which wins over what their browser asks for.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use domain::challenge::Locale;
use web::PageCookie;

use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::lead_to;
use web::OwnPath;

const KEPT: Duration = Duration::from_hours(24 * 365);

/// `POST /language`
pub(crate) async fn choose(State(console): State<Console>, form: Form) -> Result<Response, Fault> {
    let path = OwnPath::parse(form.text("next"));
    let mut response = lead_to(path.as_ref().map_or("/", OwnPath::as_str));
    let locale = Locale::from_tag(form.text("language")).ok_or(Fault::Unreadable)?;
    console.site.cookies.keep(
        response.headers_mut(),
        PageCookie::Language,
        locale.as_str(),
        Some(KEPT),
    );
    Ok(response)
}
