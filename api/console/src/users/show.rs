//! One user.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::staff::Role;
use flows::staff::Person;
use http::StatusCode;
use uuid::Uuid;

use crate::console::Console;
use crate::fault::Fault;
use crate::frame::{Frame, ShownNumber, page};
use crate::staff::Staff;
use crate::times;

struct Device {
    id: String,
    name: String,
    last_used: String,
    address: String,
}

/// What of somebody a page shows.
struct Shown {
    id: String,
    name: String,
    email: String,
    username: String,
    number: Option<ShownNumber>,
    blocked_since: Option<String>,
    verified: Option<String>,
    since: String,
    last_sign_in: String,
    is_staff: bool,
    is_superuser: bool,
    role: &'static str,
}

#[derive(Template)]
#[template(path = "users_show.html")]
struct UserPage {
    frame: Frame,
    user: Shown,
    devices: Vec<Device>,
    may_help: bool,
    may_delete: bool,
}

/// The user of an id in an address.
pub(super) async fn person_of(console: &Console, id: &str) -> Result<Person, Fault> {
    let not_found = || {
        Fault::Told(StatusCode::NOT_FOUND, "no_such_user", |words| {
            words.people.not_found
        })
    };
    let id: Uuid = id.parse().map_err(|_| not_found())?;
    let person = flows::staff::person(&console.desk, id).await?;
    person.ok_or_else(not_found)
}

/// `GET /users/{id}`
pub(crate) async fn show(
    State(console): State<Console>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let person = person_of(&console, &id).await?;
    let role = flows::staff::role_of(&console.desk, person.id).await?;
    let sessions = flows::staff::sessions(&console.desk, person.id).await?;
    let (words, now) = (staff.words, console.now());
    let at = |moment| times::minute(moment, now, words);
    let of_role = role.map_or("", |role| words.frame.role(role));
    let devices = sessions.into_iter().map(|session| Device {
        id: session.id.to_string(),
        name: session
            .device_name
            .or(session.user_agent)
            .unwrap_or_default(),
        last_used: at(session.last_used_at),
        address: session
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
    });
    let phone = person.phone.as_ref();
    let name = format!("{} {}", person.first_name, person.last_name);
    let user = Shown {
        id: person.id.to_string(),
        name: name.trim().to_owned(),
        number: phone.map(|phone| ShownNumber::new(&console, &staff, phone, Some(person.id))),
        // Mostly the digits of the number, which is masked beside it.
        username: match phone {
            Some(phone) if person.username == phone.digits() => String::new(),
            _ => person.username,
        },
        email: person.email.unwrap_or_default(),
        blocked_since: person.blocked_at.map(at),
        verified: person.phone_verified_at.map(at),
        since: at(person.created_at),
        last_sign_in: person
            .last_sign_in_at
            .map_or_else(|| words.people.never.to_owned(), at),
        is_staff: person.is_staff,
        is_superuser: person.is_superuser,
        role: of_role,
    };
    let touches = role.is_none() || staff.role == Role::Admin;
    let not_oneself = person.id != staff.session.user;
    let template = UserPage {
        frame: Frame::new(&console, &staff, words.people.title),
        user,
        devices: devices.collect(),
        may_help: staff.role >= Role::Support && touches && not_oneself,
        may_delete: staff.role >= Role::Admin && not_oneself,
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}
