//! The audit log: who changed what by hand. Rows are added inside the transaction of the change.

use uuid::Uuid;

pub(super) const ADD: &str = "INSERT INTO audit_log (id, at, source, actor_id, action, \
     subject_id, object, details) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Where something was done by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditSource {
    /// By a command on the machine of the service.
    CommandLine,
    /// By the person themselves, signed in.
    Owner,
    /// By the service, when its time had come.
    System,
}

impl AuditSource {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::CommandLine => "command_line",
            Self::Owner => "owner",
            Self::System => "system",
        }
    }
}

/// What the log shall hold of a change.
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
            .execute(&mut *$transaction)
            .await?;
    }};
}

pub(super) use write_audit;
