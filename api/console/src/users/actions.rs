//! What is done for a user, or to one.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::staff::Role;
use flows::staff::Person;
use http::StatusCode;

use super::USERS;
use super::show::person_of;
use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, Notice, done, page};
use crate::staff::Staff;

#[derive(Template)]
#[template(path = "users_delete.html")]
struct DeletePage {
    frame: Frame,
    id: String,
    name: String,
}

/// `GET /users/{id}/delete`
pub(crate) async fn ask_delete(
    State(console): State<Console>,
    staff: Staff,
    Path((id, action)): Path<(String, String)>,
) -> Result<Response, Fault> {
    if action != "delete" {
        return Err(Fault::NotFound);
    }
    staff.may(Role::Admin)?;
    let person = person_of(&console, &id).await?;
    staff.fresh()?;
    let template = DeletePage {
        frame: Frame::new(&console, &staff, staff.words.people.delete),
        id: person.id.to_string(),
        name: format!("{} {}", person.first_name, person.last_name),
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

/// `POST /users/{id}/{action}` with a reason.
pub(crate) async fn act(
    State(console): State<Console>,
    staff: Staff,
    Path((id, action)): Path<(String, String)>,
    form: Form,
) -> Result<Response, Fault> {
    let needs = match action.as_str() {
        "block" | "unblock" | "verify" | "end-sessions" => Role::Support,
        "delete" => Role::Admin,
        _ => return Err(Fault::NotFound),
    };
    staff.may(needs)?;
    let person = person_of(&console, &id).await?;
    touches(&console, &staff, &person).await?;
    let deed = staff.deed(form.reason()?);
    let (desk, user) = (&console.desk, person.id);
    let acted = match action.as_str() {
        "block" => flows::staff::block_user(desk, &person, &deed).await?,
        "unblock" => flows::staff::unblock_user(desk, &person, &deed).await?,
        "verify" => flows::staff::verify_phone(desk, user, &deed).await?,
        "end-sessions" => {
            let session = form.text("session").parse().ok();
            flows::staff::end_sessions(desk, user, session, &deed).await? > 0
        }
        _ => {
            staff.fresh()?;
            if form.text("word") != staff.words.people.delete_word {
                return Err(Fault::Told(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "word_missing",
                    |words| words.people.word_missing,
                ));
            }
            let deleted = flows::staff::delete_user(desk, &person, &deed).await?;
            if deleted {
                return Ok(done(&console, USERS, Notice::Done));
            }
            false
        }
    };
    if acted {
        Ok(done(&console, &format!("{USERS}/{user}"), Notice::Done))
    } else {
        Err(Fault::Told(
            StatusCode::CONFLICT,
            "nothing_to_do",
            |words| words.people.nothing_to_do,
        ))
    }
}

/// Staff is touched by admins only, and nobody by themselves.
async fn touches(console: &Console, staff: &Staff, person: &Person) -> Result<(), Fault> {
    let role = flows::staff::role_of(&console.desk, person.id).await?;
    if person.id == staff.session.user || (role.is_some() && staff.role < Role::Admin) {
        return Err(Fault::Told(StatusCode::FORBIDDEN, "of_staff", |words| {
            words.people.of_staff
        }));
    }
    Ok(())
}
