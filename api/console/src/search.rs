//! The field at the top of every page: a number, the id of a request, that of a message, or somebody.

use axum::extract::State;
use axum::response::Response;
use domain::staff::Role;
use domain::typed::ascii_digit;
use url::form_urlencoded;
use uuid::Uuid;

use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::lead_to;
use crate::sends::{last_digits, number_address};
use crate::staff::Staff;
use crate::users::USERS;

/// `POST /search` leads to where it is. No typed number stands in an address, which others write down.
pub(crate) async fn search(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let asked: String = form.text("q").chars().take(200).collect();
    Ok(lead_to(&place(&console, &asked)))
}

fn place(console: &Console, asked: &str) -> String {
    if asked.is_empty() {
        return "/sends".to_owned();
    }
    if let Some(phone) = console.desk.flows().read_number(asked)
        && let Some(address) = number_address(console, &phone)
    {
        return address;
    }
    let with = |path: &str, name: &str, value: &str| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair(name, value);
        format!("{path}?{}", query.finish())
    };
    if let Ok(id) = asked.parse::<Uuid>()
        && asked.contains('-')
    {
        // Users have ids of their time; those of requests are chance.
        return match id.get_version_num() {
            7 => with(USERS, "q", asked),
            _ => format!("/number?request={id}"),
        };
    }
    if let Ok(challenge) = asked.parse::<domain::challenge::ChallengeId>() {
        return format!("/number?challenge={challenge}");
    }
    // Numbers of messages are as long as whole numbers, or longer.
    if let Some(digits) = last_digits(asked) {
        return with("/sends", "digits", &digits);
    }
    let ascii: String = asked
        .chars()
        .map(|character| ascii_digit(character).unwrap_or(character))
        .collect();
    if ascii.bytes().all(|byte| byte.is_ascii_digit()) {
        with("/sends", "message", &ascii)
    } else {
        with(USERS, "q", asked)
    }
}
