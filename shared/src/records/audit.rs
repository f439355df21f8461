//! The audit log: who changed what by hand. Rows are added inside the transaction of the change.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use domain::staff::Role;
use uuid::Uuid;

use super::dispatch::in_transaction;
use super::{Records, RecordsError, micros};

pub(super) const ADD: &str = "INSERT INTO audit_log (id, at, source, actor_id, action, \
     subject_id, object, details, role, reason, address, request_id) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

/// Where something was done by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum AuditSource {
    /// By a command on the machine of the service.
    CommandLine,
    /// By the person themselves, signed in.
    Owner,
    /// By the service, when its time had come.
    System,
    /// In the console.
    #[strum(serialize = "admin_console")]
    Console,
}

impl AuditSource {
    pub(super) fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What the log keeps of a change.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// The id of the row.
    pub id: Uuid,
    /// Where it was done.
    pub source: AuditSource,
    /// The user who did it, if one did.
    pub actor: Option<Uuid>,
    /// What was done, as `noun_verb`.
    pub action: &'static str,
    /// The user to whom it was done.
    pub subject: Option<Uuid>,
    /// Another object, by its kind and public id.
    pub object: Option<String>,
    /// Facts; never a code, a token, a secret or a whole phone number.
    pub details: serde_json::Value,
    /// How it was done, where it was done in the console.
    pub in_console: Option<InConsole>,
}

/// What is written of something that was done in the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InConsole {
    /// The role in which it was done; none before somebody has signed in.
    pub role: Option<Role>,
    /// Why, as the one who did it has written.
    pub reason: Option<String>,
    /// Where from.
    pub address: Option<IpAddr>,
    /// The request, as in the log.
    pub request_id: Uuid,
}

/// Adds an entry inside `in_transaction!`.
macro_rules! write_audit {
    ($transaction:ident, $entry:expr, $now:expr) => {{
        let entry: &$crate::records::AuditEntry = $entry;
        sqlx::query($crate::records::audit::ADD)
            .bind(entry.id)
            .bind($now)
            .bind(entry.source.as_str())
            .bind(entry.actor)
            .bind(entry.action)
            .bind(entry.subject)
            .bind(entry.object.as_deref())
            .bind(sqlx::types::Json(&entry.details))
            .bind(
                entry
                    .in_console
                    .as_ref()
                    .and_then(|console| console.role)
                    .map(::domain::staff::Role::as_str),
            )
            .bind(
                entry
                    .in_console
                    .as_ref()
                    .and_then(|console| console.reason.as_deref()),
            )
            .bind(
                entry
                    .in_console
                    .as_ref()
                    .and_then(|console| console.address)
                    .map(|address| address.to_string()),
            )
            .bind(entry.in_console.as_ref().map(|console| console.request_id))
            .execute(&mut *$transaction)
            .await?;
    }};
}

pub(super) use write_audit;

impl Records {
    /// Writes down what was done elsewhere than in the records. To be called before it is done.
    pub async fn write_audit(
        &self,
        entry: &AuditEntry,
        now: DateTime<Utc>,
    ) -> Result<(), RecordsError> {
        let now = micros(now);
        in_transaction!(self, transaction => {
            write_audit!(transaction, entry, now);
            transaction.commit().await?;
            Ok(())
        })
    }
}
