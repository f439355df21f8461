//! Signing out.

use axum::extract::State;
use axum::response::Response;
use web::PageCookie;

use super::{SIGN_IN, Staff};
use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::lead_to;

/// `POST /sign-out`
pub(crate) async fn sign_out(
    State(console): State<Console>,
    staff: Staff,
    _form: Form,
) -> Result<Response, Fault> {
    let deed = staff.deed_without_reason();
    flows::staff::end_session(&console.desk, staff.session.id, &deed).await?;
    let mut response = lead_to(SIGN_IN);
    let cookies = console.site.cookies;
    cookies.forget(response.headers_mut(), PageCookie::StaffSession);
    Ok(response)
}
