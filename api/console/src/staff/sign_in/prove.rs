//! A second factor once more, before what destroys.

use axum::extract::{Query, State};
use axum::response::Response;
use flows::staff::FactorRefused;
use http::StatusCode;
use serde::Deserialize;

use super::factor::FactorPage;
use super::{next_of, told};
use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, lead_to, page};
use crate::staff::{PROVE, Staff};

/// Where to go afterwards.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    next: String,
}

/// `GET /prove`
pub(crate) async fn show(
    State(console): State<Console>,
    staff: Staff,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    Ok(prove_page(
        &console,
        &staff,
        StatusCode::OK,
        asked.next,
        None,
    ))
}

/// `POST /prove`
pub(crate) async fn check(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    let next = form.text("next").to_owned();
    let deed = staff.deed_without_reason();
    let (session, code) = (staff.session.id, form.text("code"));
    match flows::staff::prove_again(&console.desk, &deed, session, code).await {
        Ok(()) => {
            let next = next_of(&next);
            Ok(lead_to(next.as_ref().map_or("/", |next| next.as_str())))
        }
        Err(FactorRefused::Over) => Err(Fault::SignIn("/".to_owned())),
        Err(refused) => {
            let (status, title, detail) = told(&console, &staff, &refused)?;
            let trouble = Some((title, detail));
            Ok(prove_page(&console, &staff, status, next, trouble))
        }
    }
}

fn prove_page(
    console: &Console,
    staff: &Staff,
    status: StatusCode,
    next: String,
    trouble: Option<(String, String)>,
) -> Response {
    let title = staff.words.staff.prove;
    let template = FactorPage {
        frame: Frame::new(console, staff, title),
        title,
        action: PROVE,
        next,
        trouble,
    };
    page(console, staff, status, &template)
}
