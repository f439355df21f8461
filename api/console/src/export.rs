//! The list of messages as a file.
//!
//! A file is asked for with a reason, which goes into the audit log; then it can be downloaded once, by the session
//! that asked. It is read from the ledger in steps while it is sent, so that however long it is, little of it is in
//! memory; the page tells how far it is.

mod cell;
mod rows;
mod runs;

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use domain::staff::Role;
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use uuid::Uuid;

use crate::console::Console;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::{Frame, lead_to, page};
use crate::sends::Asked;
use crate::staff::Staff;

pub(crate) use runs::Runs;
use runs::{Run, Stage};

#[derive(Template)]
#[template(path = "export.html")]
struct ExportPage {
    frame: Frame,
    /// The filters, by name.
    filters: Vec<(&'static str, String)>,
    /// The same as they go back with the form.
    query: String,
    back: String,
    may_whole: bool,
}

#[derive(Template)]
#[template(path = "export_run.html")]
struct RunPage {
    frame: Frame,
    back: String,
    /// Where the file is, while nobody has taken it.
    file: Option<String>,
    progress: String,
    is_live: bool,
    is_failed: bool,
}

/// `GET /sends/export` with the filters of the list.
pub(crate) async fn ask(
    State(console): State<Console>,
    staff: Staff,
    RawQuery(query): RawQuery,
) -> Result<Response, Fault> {
    staff.may(Role::Support)?;
    let asked = Asked::read(&console, query.as_deref());
    let template = ExportPage {
        frame: Frame::new(&console, &staff, staff.words.sends.export),
        filters: named(&asked, &staff),
        query: asked.query(None),
        back: asked.address("/sends", None),
        may_whole: staff.role >= Role::Operator,
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

/// `POST /sends/export`: prepares a file.
pub(crate) async fn prepare(
    State(console): State<Console>,
    staff: Staff,
    form: Form,
) -> Result<Response, Fault> {
    let whole = form.text("whole") == "1";
    staff.may(if whole { Role::Operator } else { Role::Support })?;
    let asked = Asked::read(&console, Some(form.text("query")));
    if !asked.is_read() {
        return Err(Fault::Unreadable);
    }
    let deed = staff.deed(form.reason()?);
    let flows = console.desk.flows();
    let id = flows.random().uuid_v4();
    let details = json!({
        "export": id,
        "whole_numbers": whole,
        "filters": filters_for_audit(&console, &asked),
    });
    console.desk.note_export(&deed, details).await?;
    let now = console.now();
    let run = Run::new(
        id,
        staff.session.id,
        now,
        asked.filter.clone(),
        asked.query(None),
        whole,
    );
    console.exports.add(run, now);
    Ok(lead_to(&format!("/sends/export/{id}")))
}

/// `GET /sends/export/{id}`: how far a file is.
pub(crate) async fn show(
    State(console): State<Console>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    staff.may(Role::Support)?;
    let run = of_session(&console, &staff, &id)?;
    let words = staff.words.sends;
    let stage = run.stage();
    let text = match stage {
        Stage::Ready => words.export_ready,
        Stage::Running => words.export_running,
        Stage::Done => words.export_done,
        Stage::Failed => words.export_failed,
    };
    let back = match run.query.as_str() {
        "" => "/sends".to_owned(),
        query => format!("/sends?{query}"),
    };
    let template = RunPage {
        frame: Frame::new(&console, &staff, words.export),
        back,
        file: (stage == Stage::Ready).then(|| format!("/sends/export/{}/sends.csv", run.id)),
        progress: text.replace("{rows}", &crate::times::grouped(run.rows().into())),
        is_live: matches!(stage, Stage::Ready | Stage::Running),
        is_failed: stage == Stage::Failed,
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

/// `GET /sends/export/{id}/sends.csv`: the file, once.
pub(crate) async fn file(
    State(console): State<Console>,
    staff: Staff,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    staff.may(Role::Support)?;
    let run = of_session(&console, &staff, &id)?;
    // Somebody who lost the role meanwhile gets nothing.
    if run.whole {
        staff.may(Role::Operator)?;
    }
    if !run.begin() {
        return Err(Fault::NotFound);
    }
    let body = Body::from_stream(rows::stream(Arc::clone(&console.desk), run));
    let mut response = body.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (CONTENT_DISPOSITION, "attachment; filename=\"sends.csv\""),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Files belong to the session that asked for them.
fn of_session(console: &Console, staff: &Staff, id: &str) -> Result<Arc<Run>, Fault> {
    let id: Uuid = id.parse().map_err(|_| Fault::NotFound)?;
    let run = console.exports.find(id, console.now());
    run.filter(|run| run.session == staff.session.id)
        .ok_or(Fault::NotFound)
}

/// The filters as the page of the export names them.
fn named(asked: &Asked, staff: &Staff) -> Vec<(&'static str, String)> {
    let words = staff.words.sends;
    let mut named = Vec::new();
    if let Some(phone) = &asked.filter.phone {
        named.push((words.number, crate::number::masked(phone)));
    }
    if let Some(fate) = asked.filter.fate {
        named.push((words.state, words.fate(fate).to_owned()));
    }
    if let Some(operator) = asked.filter.operator {
        named.push((words.operator, words.operator_name(operator).to_owned()));
    }
    if let Some(channel) = asked.filter.channel {
        named.push((words.channel, words.channel_name(channel).to_owned()));
    }
    for (field, name) in [
        ("digits", words.last_digits),
        ("from", words.from),
        ("to", words.to),
        ("code", words.code),
        ("route", words.route),
        ("request", words.request),
        ("message", words.message_id),
    ] {
        let text = asked.text(field);
        if !text.is_empty() {
            named.push((name, text.to_owned()));
        }
    }
    named
}

/// The filters, the number as the audit log names numbers.
fn filters_for_audit(console: &Console, asked: &Asked) -> serde_json::Value {
    let mut filters = serde_json::Map::new();
    for field in [
        "digits", "state", "from", "to", "operator", "channel", "code", "route", "request",
        "message",
    ] {
        let text = asked.text(field);
        if !text.is_empty() {
            filters.insert(field.to_owned(), json!(text));
        }
    }
    if let Some(phone) = &asked.filter.phone {
        filters.insert(
            "number".to_owned(),
            json!(console.desk.number_object(phone)),
        );
    }
    filters.into()
}
