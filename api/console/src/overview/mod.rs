//! How the service does.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::staff::Role;
use http::StatusCode;

use crate::console::Console;
use crate::fault::Fault;
use crate::frame::{Frame, page};
use crate::staff::Staff;

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
}

/// `GET /`
pub(crate) async fn show(State(console): State<Console>, staff: Staff) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let frame = Frame::new(&console, &staff, staff.words.overview.title);
    let template = OverviewPage { frame };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}
