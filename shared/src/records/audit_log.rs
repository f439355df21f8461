//! The audit log, read: page by page from the newest, by who did it, what, to whom and when.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::phone::PhoneNumber;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::dispatch::on_connection;
use super::users::stored_phone;
use super::{Records, RecordsError, micros};

const COLUMNS: &str = "SELECT audit_log.id, audit_log.at, audit_log.source, audit_log.actor_id, \
     audit_log.action, audit_log.subject_id, audit_log.object, audit_log.details, audit_log.role, \
     audit_log.reason, audit_log.address, audit_log.request_id, actors.phone AS actor_phone, \
     actors.first_name AS actor_first_name, actors.last_name AS actor_last_name, \
     subjects.phone AS subject_phone FROM audit_log \
     LEFT JOIN users AS actors ON actors.id = audit_log.actor_id \
     LEFT JOIN users AS subjects ON subjects.id = audit_log.subject_id WHERE 1 = 1";

/// Which entries are wanted; what is not named does not matter.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Who did it.
    pub actor: Option<Uuid>,
    /// To whom it was done.
    pub subject: Option<Uuid>,
    /// Another object, by its kind and public id.
    pub object: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// Not before this moment.
    pub from: Option<DateTime<Utc>>,
    /// Before this moment.
    pub to: Option<DateTime<Utc>>,
    /// Behind this entry, which was the last of the page before.
    pub after: Option<(DateTime<Utc>, Uuid)>,
}

/// An entry of the log. Debug output shows no number.
#[derive(Clone, PartialEq)]
pub struct AuditRow {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: DateTime<Utc>,
    /// Where it was done, as the records name it.
    pub source: String,
    /// Who did it, if one did.
    pub actor: Option<Uuid>,
    /// Their number, unless they are gone.
    pub actor_phone: Option<PhoneNumber>,
    /// Their first and last name, unless they are gone.
    pub actor_names: (String, String),
    /// What was done.
    pub action: String,
    /// To whom.
    pub subject: Option<Uuid>,
    /// Their number, unless they are gone.
    pub subject_phone: Option<PhoneNumber>,
    /// To what else.
    pub object: Option<String>,
    /// The facts, as JSON.
    pub details: serde_json::Value,
    /// In which role it was done.
    pub role: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// Where from.
    pub address: Option<String>,
    /// The request, as in the log.
    pub request_id: Option<Uuid>,
}

impl fmt::Debug for AuditRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditRow")
            .field("id", &self.id)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    at: DateTime<Utc>,
    source: String,
    actor_id: Option<Uuid>,
    action: String,
    subject_id: Option<Uuid>,
    object: Option<String>,
    details: sqlx::types::Json<serde_json::Value>,
    role: Option<String>,
    reason: Option<String>,
    address: Option<String>,
    request_id: Option<Uuid>,
    actor_phone: Option<String>,
    actor_first_name: Option<String>,
    actor_last_name: Option<String>,
    subject_phone: Option<String>,
}

impl TryFrom<Row> for AuditRow {
    type Error = RecordsError;

    fn try_from(row: Row) -> Result<Self, RecordsError> {
        Ok(Self {
            id: row.id,
            at: row.at,
            source: row.source,
            actor: row.actor_id,
            actor_phone: stored_phone("users", row.actor_phone)?,
            actor_names: (
                row.actor_first_name.unwrap_or_default(),
                row.actor_last_name.unwrap_or_default(),
            ),
            action: row.action,
            subject: row.subject_id,
            subject_phone: stored_phone("users", row.subject_phone)?,
            object: row.object,
            details: row.details.0,
            role: row.role,
            reason: row.reason,
            address: row.address,
            request_id: row.request_id,
        })
    }
}

impl Records {
    /// A page of the audit log, the newest entry first.
    pub async fn audit_log(
        &self,
        filter: &AuditFilter,
        limit: u32,
    ) -> Result<Vec<AuditRow>, RecordsError> {
        on_connection!(self, readers, connection => {
            let mut query = QueryBuilder::new(COLUMNS);
            if let Some(actor) = filter.actor {
                query.push(" AND audit_log.actor_id = ").push_bind(actor);
            }
            if let Some(subject) = filter.subject {
                query.push(" AND audit_log.subject_id = ").push_bind(subject);
            }
            if let Some(object) = &filter.object {
                query.push(" AND audit_log.object = ").push_bind(object.as_str());
            }
            if let Some(action) = &filter.action {
                query.push(" AND audit_log.action = ").push_bind(action.as_str());
            }
            if let Some(from) = filter.from {
                query.push(" AND audit_log.at >= ").push_bind(micros(from));
            }
            if let Some(to) = filter.to {
                query.push(" AND audit_log.at < ").push_bind(micros(to));
            }
            if let Some((at, id)) = filter.after {
                query.push(" AND (audit_log.at, audit_log.id) < (").push_bind(micros(at));
                query.push(", ").push_bind(id).push(")");
            }
            query.push(" ORDER BY audit_log.at DESC, audit_log.id DESC LIMIT ");
            query.push_bind(i64::from(limit));
            let rows: Vec<Row> =
                query.build_query_as().persistent(false).fetch_all(connection).await?;
            rows.into_iter().map(AuditRow::try_from).collect()
        })
    }
}
