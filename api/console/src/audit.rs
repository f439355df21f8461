//! The audit log: who did what, to whom, why and from where.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use domain::staff::Role;
use flows::staff::{AuditFilter, AuditRow};
use http::StatusCode;
use serde::Deserialize;

use crate::console::Console;
use crate::fault::Fault;
use crate::frame::{Frame, ShownNumber, page};
use crate::number;
use crate::staff::Staff;
use crate::times;

/// What is wanted, as it stands in the address; what cannot be read does not matter.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    actor: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// Where the next page begins.
    #[serde(default)]
    after: String,
}

struct Row {
    at: String,
    at_utc: String,
    actor: String,
    actor_id: Option<String>,
    role: String,
    action: String,
    subject_id: Option<String>,
    subject_number: Option<ShownNumber>,
    object: String,
    reason: String,
    address: String,
    request: String,
    details: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    asked: Asked,
    actions: &'static [(&'static str, &'static str)],
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<String>,
}

impl Asked {
    fn filter(&self) -> AuditFilter {
        let text = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        AuditFilter {
            actor: self.actor.trim().parse().ok(),
            subject: self.subject.trim().parse().ok(),
            object: text(&self.object),
            action: text(&self.action),
            from: day(&self.from),
            to: day(&self.to).map(|day| day + TimeDelta::days(1)),
            after: after(&self.after),
        }
    }

    /// The address of the same, from there on.
    fn address(&self, after: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("actor", &self.actor),
            ("subject", &self.subject),
            ("object", &self.object),
            ("action", &self.action),
            ("from", &self.from),
            ("to", &self.to),
        ] {
            if !value.trim().is_empty() {
                query.append_pair(name, value.trim());
            }
        }
        if let Some(after) = after {
            query.append_pair("after", after);
        }
        format!("/audit?{}", query.finish())
    }
}

/// The beginning of a day in Tehran.
fn day(text: &str) -> Option<DateTime<Utc>> {
    let day: NaiveDate = text.trim().parse().ok()?;
    let midnight = day.and_time(NaiveTime::MIN);
    web::times::of_tehran(midnight)
}

/// `microseconds.id`
fn after(text: &str) -> Option<(DateTime<Utc>, uuid::Uuid)> {
    let (at, id) = text.split_once('.')?;
    let at = DateTime::from_timestamp_micros(at.parse().ok()?)?;
    Some((at, id.parse().ok()?))
}

/// `GET /audit`
pub(crate) async fn show(
    State(console): State<Console>,
    staff: Staff,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let (rows, more) = flows::staff::audit_log(&console.desk, &asked.filter()).await?;
    let last = rows.last().filter(|_| more);
    let next = last.map(|last| {
        let after = format!("{}.{}", last.at.timestamp_micros(), last.id);
        asked.address(Some(&after))
    });
    let first = (!asked.after.is_empty()).then(|| asked.address(None));
    let words = staff.words.audit;
    let template = AuditPage {
        frame: Frame::new(&console, &staff, words.title),
        actions: words.actions,
        rows: rows
            .into_iter()
            .map(|entry| row(&console, &staff, entry))
            .collect(),
        next,
        first,
        asked,
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

fn row(console: &Console, staff: &Staff, entry: AuditRow) -> Row {
    let words = staff.words;
    let (first, last) = &entry.actor_names;
    let name = format!("{first} {last}");
    let actor = match (name.trim(), &entry.actor_phone, entry.actor) {
        ("", Some(phone), _) => number::masked(phone),
        ("", None, Some(id)) => id.to_string(),
        ("", None, None) => words.audit.source(&entry.source).to_owned(),
        (name, ..) => name.to_owned(),
    };
    let role = entry.role.as_deref().and_then(|role| role.parse().ok());
    let subject = entry.subject;
    Row {
        at: times::moment(entry.at, console.now(), words),
        at_utc: entry.at.to_rfc3339(),
        actor,
        actor_id: entry.actor.map(|id| id.to_string()),
        role: role.map_or("", |role| words.frame.role(role)).to_owned(),
        action: words.audit.action(&entry.action).to_owned(),
        subject_id: subject.map(|id| id.to_string()),
        subject_number: entry
            .subject_phone
            .map(|phone| ShownNumber::new(console, staff, &phone, subject)),
        object: entry.object.unwrap_or_default(),
        reason: entry.reason.unwrap_or_default(),
        address: entry.address.unwrap_or_default(),
        request: entry
            .request_id
            .map(|id| id.to_string())
            .unwrap_or_default(),
        details: match entry.details {
            serde_json::Value::Object(members) if members.is_empty() => String::new(),
            details => details.to_string(),
        },
    }
}
