//! Who has which role.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::staff::Role;
use flows::staff::{PeopleSearch, RoleChange, StaffMember};
use http::StatusCode;
use strum::VariantArray as _;
use uuid::Uuid;

use super::{STAFF, Staff};
use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, Notice, ShownNumber, done, page};
use crate::times;

/// A row of the list.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one mark in the row, and they come in any combination"
)]
struct Member {
    id: String,
    number: Option<ShownNumber>,
    name: String,
    role: &'static str,
    role_word: &'static str,
    by_superuser: bool,
    blocked: bool,
    has_factor: bool,
    last_used: String,
    is_oneself: bool,
}

#[derive(Template)]
#[template(path = "staff_roles.html")]
struct RolesPage {
    frame: Frame,
    members: Vec<Member>,
    roles: Vec<(&'static str, &'static str)>,
}

/// `GET /staff`
pub(crate) async fn show(State(console): State<Console>, staff: Staff) -> Result<Response, Fault> {
    staff.may(Role::Admin)?;
    let members = flows::staff::members(&console.desk).await?;
    let template = RolesPage {
        frame: Frame::new(&console, &staff, staff.words.staff.staff),
        members: members
            .iter()
            .map(|member| shown(&console, &staff, member))
            .collect(),
        roles: Role::VARIANTS
            .iter()
            .map(|role| (role.as_str(), staff.words.frame.role(*role)))
            .collect(),
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

fn shown(console: &Console, staff: &Staff, member: &StaffMember) -> Member {
    let phone = member.phone.as_ref();
    let (first, last) = &member.names;
    Member {
        id: member.user.to_string(),
        number: phone.map(|phone| ShownNumber::new(console, staff, phone, Some(member.user))),
        name: format!("{first} {last}").trim().to_owned(),
        role: member.role.as_str(),
        role_word: staff.words.frame.role(member.role),
        by_superuser: member.by_superuser,
        blocked: member.blocked,
        has_factor: member.has_factor,
        last_used: member
            .last_used_at
            .map(|at| times::minute(at, console.now(), staff.words))
            .unwrap_or_default(),
        is_oneself: member.user == staff.session.user,
    }
}

/// `POST /staff` with `user` (an id) or `number`, `role` (empty takes it away) and a reason.
pub(crate) async fn change(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Admin)?;
    staff.fresh()?;
    let role = match form.text("role") {
        "none" => None,
        text => Some(text.parse().map_err(|_| Fault::Unreadable)?),
    };
    let deed = staff.deed(form.reason()?);
    let user = user_of(&console, &form).await?;
    match flows::staff::change_role(&console.desk, user, role, &deed).await? {
        RoleChange::Changed => Ok(done(&console, STAFF, Notice::Done)),
        RoleChange::NotAdmin => Err(Fault::Told(StatusCode::CONFLICT, "not_oneself", |words| {
            words.staff.not_oneself
        })),
        RoleChange::NoSuchUser => Err(no_such_user()),
    }
}

async fn user_of(console: &Console, form: &Form) -> Result<Uuid, Fault> {
    if let Ok(user) = form.text("user").parse() {
        return Ok(user);
    }
    let flows = console.desk.flows();
    let phone = flows
        .read_number(form.text("number"))
        .ok_or_else(no_such_user)?;
    let mut found = flows::staff::search(&console.desk, &PeopleSearch::Phone(phone)).await?;
    found.pop().map(|person| person.id).ok_or_else(no_such_user)
}

fn no_such_user() -> Fault {
    Fault::Told(StatusCode::NOT_FOUND, "no_such_user", |words| {
        words.staff.no_such_user
    })
}
