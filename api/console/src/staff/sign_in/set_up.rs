//! Setting up an app at the first sign-in: a picture, the secret as text beside it, and a first code. Then the recovery
//! codes, which nobody sees again.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::staff::{RecoveryCode, TotpSecret};
use flows::staff::KnownStaff;
use http::{HeaderMap, StatusCode};

use super::{hand_over, told, under_way};
use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, lead_to, page};
use crate::number;
use crate::staff::pending::Pending;
use crate::staff::picture::Picture;
use crate::staff::{FACTOR, SIGN_IN};
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "staff_set_up.html")]
struct SetUpPage {
    frame: Frame,
    picture: Option<Picture>,
    /// In groups of four.
    secret: String,
    uri: String,
    trouble: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "staff_recovery.html")]
struct RecoveryPage {
    frame: Frame,
    codes: Vec<String>,
    next: String,
}

/// `GET /sign-in/set-up`
pub(crate) async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let (pending, known, _) = under_way(&console, &visitor, &headers).await?;
    if known.has_factor {
        return Ok(lead_to(FACTOR));
    }
    set_up_page(&console, &visitor, known, &pending, StatusCode::OK, None).await
}

/// `POST /sign-in/set-up`
pub(crate) async fn check(
    State(console): State<Console>,
    visitor: Visitor,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Fault> {
    let (pending, known, deed) = under_way(&console, &visitor, &headers).await?;
    let secret = pending.secret();
    let secret = secret.ok_or_else(|| Fault::SignIn("/".to_owned()))?;
    let user_agent = visitor.user_agent.clone();
    let code = form.text("code");
    let set_up = flows::staff::set_up(&console.desk, &deed, &secret, code, user_agent).await;
    match set_up {
        Ok(set_up) => {
            let template = RecoveryPage {
                frame: Frame::of_visitor(&console, &visitor, visitor.words.staff.recovery),
                codes: set_up.recovery.iter().map(RecoveryCode::expose).collect(),
                next: pending.next().to_owned(),
            };
            let mut response = page(&console, &visitor, StatusCode::OK, &template);
            hand_over(&console, &mut response, &set_up.token);
            Ok(response)
        }
        Err(refused) => {
            let (status, title, detail) = told(&console, &visitor, &refused)?;
            let trouble = Some((title, detail));
            set_up_page(&console, &visitor, known, &pending, status, trouble).await
        }
    }
}

async fn set_up_page(
    console: &Console,
    visitor: &Visitor,
    known: KnownStaff,
    pending: &Pending,
    status: StatusCode,
    trouble: Option<(String, String)>,
) -> Result<Response, Fault> {
    let Some(secret) = pending.secret() else {
        return Ok(lead_to(SIGN_IN));
    };
    let person = flows::staff::person(&console.desk, known.user).await?;
    let account = person.and_then(|person| person.phone.map(|phone| number::masked(&phone)));
    let uri = secret.uri("Ramz console", &account.unwrap_or_default());
    let template = SetUpPage {
        frame: Frame::of_visitor(console, visitor, visitor.words.staff.set_up),
        picture: Picture::of(&uri),
        secret: in_groups(&secret),
        uri,
        trouble,
    };
    Ok(page(console, visitor, status, &template))
}

fn in_groups(secret: &TotpSecret) -> String {
    let text = secret.to_base32();
    let groups = text.as_bytes().chunks(4).map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(" ")
}
