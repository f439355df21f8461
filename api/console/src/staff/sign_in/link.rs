//! The link of `api admin-link`. Looking at it uses nothing up: programs that look at links before people do would.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::staff::StaffToken;
use http::StatusCode;

use super::go_on;
use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, page};
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "staff_link.html")]
struct LinkPage {
    frame: Frame,
    link: String,
}

/// `GET /link/{token}`
pub(crate) async fn show(
    State(console): State<Console>,
    mut visitor: Visitor,
    Path(link): Path<String>,
) -> Response {
    // The language form of this page does not carry the token on.
    "/".clone_into(&mut visitor.path);
    let template = LinkPage {
        frame: Frame::of_visitor(&console, &visitor, visitor.words.staff.link),
        link,
    };
    page(&console, &visitor, StatusCode::OK, &template)
}

/// `POST /link`
pub(crate) async fn take(
    State(console): State<Console>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, Fault> {
    let over = || Fault::Told(StatusCode::GONE, "link_over", |words| words.staff.link_over);
    let token = StaffToken::parse(form.text("link")).ok_or_else(over)?;
    let known = flows::staff::by_link(&console.desk, visitor.caller(), &token).await?;
    let known = known.ok_or_else(over)?;
    Ok(go_on(&console, known, None))
}
