//! A number that somebody needs to see whole.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use domain::phone::PhoneNumber;
use domain::staff::Role;
use http::StatusCode;
use serde::Deserialize;
use uuid::Uuid;

use super::Staff;
use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, Notice, done, page};
use crate::number;
use web::OwnPath;

/// What the link beside a masked number carries.
#[derive(Deserialize)]
pub(crate) struct Asked {
    number: String,
    next: String,
    subject: Option<Uuid>,
}

#[derive(Template)]
#[template(path = "staff_unmask.html")]
struct UnmaskPage {
    frame: Frame,
    number: String,
    masked: String,
    next: String,
    subject: String,
}

/// Where somebody asks to see a number whole; `next` is the page that they look at. The number itself stands in no
/// address: it is sealed.
pub(crate) fn unmask_address(
    console: &Console,
    phone: &PhoneNumber,
    subject: Option<Uuid>,
    next: &str,
) -> Option<String> {
    let sealed = console.seal_number(phone)?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("number", &sealed)
        .append_pair("next", next);
    if let Some(subject) = subject {
        query.append_pair("subject", &subject.to_string());
    }
    Some(format!("/unmask?{}", query.finish()))
}

fn opened(console: &Console, sealed: &str) -> Result<PhoneNumber, Fault> {
    console.open_number(sealed).ok_or(Fault::Unreadable)
}

/// `GET /unmask`
pub(crate) async fn ask(
    State(console): State<Console>,
    staff: Staff,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    staff.may(Role::Support)?;
    let phone = opened(&console, &asked.number)?;
    let template = UnmaskPage {
        frame: Frame::new(&console, &staff, staff.words.frame.unmask),
        masked: number::masked(&phone),
        number: asked.number,
        next: asked.next,
        subject: asked.subject.map(|id| id.to_string()).unwrap_or_default(),
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

/// `POST /unmask` with the same and a reason.
pub(crate) async fn unmask(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Support)?;
    let phone = opened(&console, form.text("number"))?;
    let subject = form.text("subject").parse::<Uuid>().ok();
    let deed = staff.deed(form.reason()?);
    flows::staff::unmask(&console.desk, &staff.session, &phone, subject, &deed).await?;
    let next = OwnPath::parse(form.text("next"));
    let next = next.as_ref().map_or("/", OwnPath::as_str);
    Ok(done(&console, next, Notice::Unmasked))
}
