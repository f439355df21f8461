//! What the limits have against one number, and what can be done about it. The number itself stands in no address: it
//! is sealed.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use chrono::TimeDelta;
use domain::phone::PhoneNumber;
use domain::staff::Role;
use flows::staff::limits;
use http::StatusCode;
use serde::Deserialize;
use shared::hot_state::LockOf;

use super::moment;
use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, Notice, ShownNumber, done, lead_to, page};
use crate::staff::Staff;
use crate::times;
use crate::words::LimitsWords;

/// For so many hours a number can be exempt.
const HOURS: [i64; 4] = [1, 4, 12, 24];

/// What stands in the address.
#[derive(Deserialize)]
pub(crate) struct Asked {
    n: String,
}

#[derive(Template)]
#[template(path = "limits_number.html")]
struct NumberPage {
    frame: Frame,
    words: &'static LimitsWords,
    number: ShownNumber,
    sealed: String,
    sends: usize,
    last_send: Option<String>,
    full: Vec<(&'static str, String)>,
    refusals: Vec<(&'static str, String, String)>,
    failures: u32,
    locked_until: Option<String>,
    exemption: Option<Exempt>,
    hours: [i64; 4],
    may_lift: bool,
    may_exempt: bool,
}

struct Exempt {
    until: String,
    by: String,
    reason: String,
}

/// Where the limits of a number are.
pub(crate) fn address_of(console: &Console, phone: &PhoneNumber) -> String {
    address(&console.seal_number(phone).unwrap_or_default())
}

fn address(sealed: &str) -> String {
    let sealed: String = url::form_urlencoded::byte_serialize(sealed.as_bytes()).collect();
    format!("/limits/number?n={sealed}")
}

fn opened(console: &Console, sealed: &str) -> Result<PhoneNumber, Fault> {
    console.open_number(sealed).ok_or(Fault::Unreadable)
}

/// There is nothing to lift.
pub(super) fn no_lock() -> Fault {
    Fault::Told(StatusCode::CONFLICT, "no_lock", |words| {
        words.limits.no_lock_to_lift
    })
}

/// `GET /limits/number?n=…`
pub(crate) async fn show(
    State(console): State<Console>,
    staff: Staff,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let phone = opened(&console, &asked.n)?;
    let found = limits::limits_of(&console.desk, &phone).await?;
    let (now, words) = (console.now(), staff.words);
    let at = |millis| times::moment(moment(millis), now, words);
    let rule = words.limits.rule;
    let state = &found.state;
    let template = NumberPage {
        words: words.limits,
        number: ShownNumber::new(&console, &staff, &phone, None),
        sealed: asked.n,
        sends: state.sends.len(),
        last_send: state.sends.last().map(|millis| at(*millis)),
        full: found
            .full
            .iter()
            .map(|(of, free_at)| (rule(*of), at(*free_at)))
            .collect(),
        refusals: state
            .refusals
            .iter()
            .map(|refused| {
                let count = times::grouped(refused.count.into());
                (rule(refused.rule), count, at(refused.last_at))
            })
            .collect(),
        failures: state.failures,
        locked_until: found.lock.map(|lock| at(lock.until)),
        exemption: found.exemption.map(|exemption| Exempt {
            until: at(exemption.until),
            by: exemption.by,
            reason: exemption.reason,
        }),
        hours: HOURS,
        may_lift: staff.role >= Role::Support,
        may_exempt: staff.role >= Role::Operator,
        frame: Frame::new(&console, &staff, words.limits.of_number),
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

/// `POST /limits/number`: a number as it is typed leads to its page.
pub(crate) async fn find(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    match console.desk.flows().read_number(form.text("number")) {
        Some(phone) => Ok(lead_to(&address_of(&console, &phone))),
        None => Err(Fault::Told(
            StatusCode::UNPROCESSABLE_ENTITY,
            "number_unreadable",
            |words| words.limits.number_unreadable,
        )),
    }
}

/// `POST /limits/lift`
pub(crate) async fn lift(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Support)?;
    let phone = opened(&console, form.text("n"))?;
    let deed = staff.deed(form.reason()?);
    let of = LockOf::Phone(&phone);
    if !limits::lift_lock(&console.desk, of, &deed).await? {
        return Err(no_lock());
    }
    Ok(done(&console, &address(form.text("n")), Notice::Done))
}

/// `POST /limits/exempt`
pub(crate) async fn exempt(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Operator)?;
    let phone = opened(&console, form.text("n"))?;
    let hours = form.text("hours").parse().ok();
    let hours = hours.filter(|hours| HOURS.contains(hours));
    let life = TimeDelta::hours(hours.ok_or(Fault::Unreadable)?);
    let deed = staff.deed(form.reason()?);
    let who = Frame::new(&console, &staff, "").who;
    let by = who.map_or_else(String::new, |who| who.name);
    if limits::exempt(&console.desk, &phone, life, by, &deed).await? {
        Ok(done(&console, &address(form.text("n")), Notice::Done))
    } else {
        Err(Fault::Told(
            StatusCode::CONFLICT,
            "too_many_exemptions",
            |words| words.limits.too_many_exemptions,
        ))
    }
}

/// `POST /limits/end-exemption`
pub(crate) async fn end_exemption(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Operator)?;
    let phone = opened(&console, form.text("n"))?;
    let deed = staff.deed(form.reason()?);
    if limits::end_exemption(&console.desk, &phone, &deed).await? {
        Ok(done(&console, &address(form.text("n")), Notice::Done))
    } else {
        Err(Fault::Told(StatusCode::CONFLICT, "no_exemption", |words| {
            words.limits.no_exemption_to_end
        }))
    }
}
