//! Finding somebody.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use domain::staff::Role;
use flows::staff::{LISTED, PeopleSearch, Person};
use http::StatusCode;
use serde::Deserialize;

use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, ShownNumber, lead_to, page};
use crate::staff::Staff;
use crate::times;

/// What is looked for.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
}

struct Row {
    id: String,
    name: String,
    email: String,
    number: Option<ShownNumber>,
    blocked: bool,
    since: String,
    last_sign_in: String,
}

#[derive(Template)]
#[template(path = "users_find.html")]
struct FindPage {
    frame: Frame,
    q: String,
    rows: Vec<Row>,
    more: Option<String>,
    newest: bool,
}

/// `GET /users`
pub(crate) async fn find(
    State(console): State<Console>,
    staff: Staff,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let search = flows::staff::read_search(console.desk.flows(), &asked.q);
    answer(&console, &staff, asked.q, search).await
}

/// `POST /users`: what was typed. A list has an address of its own, unless a whole number would stand in it.
pub(crate) async fn find_typed(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let q = form.text("q").to_owned();
    let search = flows::staff::read_search(console.desk.flows(), &q);
    if matches!(search, PeopleSearch::Phone(_) | PeopleSearch::Id(_)) {
        return answer(&console, &staff, q, search).await;
    }
    let q: String = url::form_urlencoded::byte_serialize(q.as_bytes()).collect();
    Ok(lead_to(&format!("{}?q={q}", super::USERS)))
}

async fn answer(
    console: &Console,
    staff: &Staff,
    q: String,
    search: PeopleSearch,
) -> Result<Response, Fault> {
    let found = flows::staff::search(&console.desk, &search).await?;
    let exact = matches!(search, PeopleSearch::Phone(_) | PeopleSearch::Id(_));
    if let ([person], true) = (found.as_slice(), exact) {
        return Ok(lead_to(&format!("{}/{}", super::USERS, person.id)));
    }
    let words = staff.words.people;
    let more = found.len() >= LISTED as usize && search != PeopleSearch::Newest;
    let template = FindPage {
        frame: Frame::new(console, staff, words.title),
        q,
        rows: found
            .iter()
            .map(|person| row(console, staff, person))
            .collect(),
        more: more.then(|| words.too_many.replace("{count}", &LISTED.to_string())),
        newest: search == PeopleSearch::Newest,
    };
    Ok(page(console, staff, StatusCode::OK, &template))
}

fn row(console: &Console, staff: &Staff, person: &Person) -> Row {
    let words = staff.words;
    let at = |moment| times::minute(moment, console.now(), words);
    let phone = person.phone.as_ref();
    Row {
        id: person.id.to_string(),
        name: format!("{} {}", person.first_name, person.last_name)
            .trim()
            .to_owned(),
        email: person.email.clone().unwrap_or_default(),
        number: phone.map(|phone| ShownNumber::new(console, staff, phone, Some(person.id))),
        blocked: person.blocked_at.is_some(),
        since: at(person.created_at),
        last_sign_in: person
            .last_sign_in_at
            .map_or_else(|| words.people.never.to_owned(), at),
    }
}
