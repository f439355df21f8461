//! The second factor: a code of the app, or a recovery code.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::{hand_over, told, under_way};
use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, lead_to, page};
use crate::staff::{FACTOR, SET_UP};
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "staff_factor.html")]
pub(super) struct FactorPage {
    pub(super) frame: Frame,
    pub(super) title: &'static str,
    pub(super) action: &'static str,
    pub(super) next: String,
    pub(super) trouble: Option<(String, String)>,
}

/// `GET /sign-in/factor`
pub(crate) async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let (_, known, _) = under_way(&console, &visitor, &headers).await?;
    if !known.has_factor {
        return Ok(lead_to(SET_UP));
    }
    Ok(factor_page(&console, &visitor, StatusCode::OK, None))
}

/// `POST /sign-in/factor`
pub(crate) async fn check(
    State(console): State<Console>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Fault> {
    let (pending, _, deed) = under_way(&console, &visitor, &headers).await?;
    let user_agent = visitor.user_agent.clone();
    let given =
        flows::staff::with_factor(&console.desk, &deed, form.text("code"), user_agent).await;
    match given {
        Ok(token) => {
            let mut response = lead_to(pending.next());
            hand_over(&console, &mut response, &token);
            Ok(response)
        }
        Err(refused) => {
            let (status, title, detail) = told(&console, &visitor, &refused)?;
            let trouble = Some((title, detail));
            Ok(factor_page(&console, &visitor, status, trouble))
        }
    }
}

fn factor_page(
    console: &Console,
    visitor: &Visitor,
    status: StatusCode,
    trouble: Option<(String, String)>,
) -> Response {
    let title = visitor.words.staff.factor;
    let template = FactorPage {
        frame: Frame::of_visitor(console, visitor, title),
        title,
        action: FACTOR,
        next: String::new(),
        trouble,
    };
    page(console, visitor, status, &template)
}
