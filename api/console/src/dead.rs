//! Messages that no worker sends any more by itself: put back while their codes live, or dropped.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::clock::UnixMillis;
use domain::staff::Role;
use flows::staff::dead::{self, CannotRetry, DeadSend, Retried};
use http::StatusCode;
use serde::Deserialize;
use shared::queue::JobTask;

use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, Notice, ShownNumber, done, page};
use crate::staff::Staff;
use crate::times;
use crate::words::{DeadWords, Words};

const ON_A_PAGE: u32 = 20;

/// What stands in the address.
#[derive(Deserialize)]
pub(crate) struct Asked {
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "dead.html")]
struct DeadPage {
    frame: Frame,
    words: &'static DeadWords,
    sends: Vec<Row>,
    next: Option<String>,
    may_decide: bool,
}

struct Row {
    id: String,
    number: Option<ShownNumber>,
    kind: &'static str,
    reason: String,
    died_at: String,
    asked_at: Option<String>,
    attempts: u32,
    cannot: Option<&'static str>,
}

/// `GET /dead`
pub(crate) async fn show(
    State(console): State<Console>,
    staff: Staff,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let before = asked.before.as_deref();
    let sends = dead::dead_sends(&console.desk, before, ON_A_PAGE).await?;
    let next = (sends.len() >= ON_A_PAGE as usize)
        .then(|| {
            sends
                .last()
                .map(|send| format!("/dead?before={}", send.letter.id))
        })
        .flatten();
    let words = staff.words;
    let template = DeadPage {
        words: words.dead,
        sends: sends
            .iter()
            .map(|send| row(&console, &staff, send))
            .collect(),
        next,
        may_decide: staff.role >= Role::Operator,
        frame: Frame::new(&console, &staff, words.frame.dead),
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

fn row(console: &Console, staff: &Staff, send: &DeadSend) -> Row {
    let (now, words) = (console.now(), staff.words);
    let at = |millis| times::moment(moment(millis), now, words);
    let job = send.letter.job.as_ref().ok();
    let phone = send.phone.as_ref();
    Row {
        id: send.letter.id.clone(),
        number: phone.map(|phone| ShownNumber::new(console, staff, phone, None)),
        kind: match job.map(|job| &job.task) {
            Some(JobTask::Send { .. }) => words.dead.code,
            Some(JobTask::Notice { .. }) => words.dead.notice,
            None => words.dead.unknown,
        },
        reason: told_reason(&send.letter.reason, words),
        died_at: at(send.letter.died_at),
        asked_at: job.map(|job| at(job.accepted_at)),
        attempts: send.letter.attempts,
        cannot: send.cannot.map(|why| (words.dead.cannot)(why)),
    }
}

/// In words, where it is one of those that the queue and the worker give.
fn told_reason(reason: &str, words: &'static Words) -> String {
    let known = (words.dead.reason)(reason);
    known.map_or_else(|| reason.replace('_', " "), str::to_owned)
}

/// `POST /dead/retry`
pub(crate) async fn retry(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Operator)?;
    let deed = staff.deed(form.reason()?);
    match dead::retry_dead_send(&console.desk, form.text("id"), &deed).await? {
        Retried::Queued => Ok(done(&console, "/dead", Notice::Done)),
        Retried::Gone => Err(gone()),
        Retried::Refused(why) => Err(Fault::Told(
            StatusCode::CONFLICT,
            "cannot_retry",
            match why {
                CannotRetry::Unreadable => |words| words.dead.retry_unreadable,
                CannotRetry::TooLate => |words| words.dead.retry_too_late,
                CannotRetry::Forgotten => |words| words.dead.retry_forgotten,
                CannotRetry::Used => |words| words.dead.retry_used,
                CannotRetry::Sent => |words| words.dead.retry_sent,
            },
        )),
    }
}

/// `POST /dead/drop`: it destroys, so a factor is asked for again.
pub(crate) async fn drop_send(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    staff.may(Role::Operator)?;
    staff.fresh()?;
    let deed = staff.deed(form.reason()?);
    if dead::drop_dead_send(&console.desk, form.text("id"), &deed).await? {
        Ok(done(&console, "/dead", Notice::Done))
    } else {
        Err(gone())
    }
}

fn gone() -> Fault {
    Fault::Told(StatusCode::CONFLICT, "dead_send_gone", |words| {
        words.dead.gone
    })
}

fn moment(at: UnixMillis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or_default()
}
