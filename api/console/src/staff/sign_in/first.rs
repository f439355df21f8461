//! Number and password.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use domain::password::Password;
use flows::password::Credentials;
use flows::{Refusal, RefusalCode};
use http::StatusCode;
use serde::Deserialize;

use super::{go_on, next_of};
use crate::console::Console;
use crate::fault::{Fault, refusal_texts, status_of};
use crate::form::Form;
use crate::frame::{Frame, page};
use crate::visitor::Visitor;

/// Where to go afterwards.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Template)]
#[template(path = "staff_sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    number: String,
    /// What is wrong, and what to do.
    trouble: Option<(String, String)>,
}

/// `GET /sign-in`
pub(crate) async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let template = SignInPage {
        frame: Frame::of_visitor(&console, &visitor, visitor.words.staff.sign_in),
        next: asked.next,
        number: String::new(),
        trouble: None,
    };
    Ok(page(&console, &visitor, StatusCode::OK, &template))
}

/// `POST /sign-in`
pub(crate) async fn check(
    State(console): State<Console>,
    visitor: Visitor,
    form: Form,
) -> Result<Response, Fault> {
    let refusal = match password_of(&form) {
        Err(refusal) => refusal,
        Ok(password) => {
            let credentials = Credentials {
                phone_number: form.text("number").to_owned(),
                password,
            };
            let known =
                flows::staff::by_password(&console.desk, visitor.caller(), credentials).await;
            match known {
                Ok(known) => {
                    return Ok(go_on(&console, known, next_of(form.text("next")).as_ref()));
                }
                Err(refusal) => refusal,
            }
        }
    };
    if refusal.code == RefusalCode::Internal {
        return Err(refusal.into());
    }
    let (title, detail) = refusal_texts(&refusal, visitor.words, visitor.request_id);
    let status = status_of(&refusal);
    let template = SignInPage {
        frame: Frame::of_visitor(&console, &visitor, visitor.words.staff.sign_in),
        next: form.text("next").to_owned(),
        number: form.text("number").to_owned(),
        trouble: Some((title, detail)),
    };
    let response = page(&console, &visitor, status, &template);
    Ok(crate::frame::retry_after(
        response,
        refusal.details.retry_after,
    ))
}

fn password_of(form: &Form) -> Result<Password, Refusal> {
    let typed = form.typed("password").to_owned();
    // An empty or endless one is wrong like any other.
    Password::parse(typed).map_err(|_| RefusalCode::CredentialsWrong.into())
}
