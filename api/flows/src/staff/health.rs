//! Whether the parts of the service answer.

use std::time::Duration;

use tokio::time::timeout;

use super::Desk;
use crate::readiness;

/// A page does not wait longer for a part.
const LIMIT: Duration = Duration::from_secs(1);

/// What of the service answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Which database it is.
    pub database: &'static str,
    /// Users and sessions.
    pub records: bool,
    /// Challenges, limits and the queue.
    pub hot_state: bool,
    /// How many workers told lately that they live; nothing where the queue does not answer.
    pub workers: Option<u64>,
    /// Whether the database has the schema of this version.
    pub schema_is_current: bool,
    /// Number and name of the newest migration that was applied.
    pub last_migration: Option<String>,
}

/// Asks each part.
pub async fn health(desk: &Desk) -> Health {
    let (flows, records) = (desk.flows(), desk.records());
    let (readiness, queue, pending, last) = tokio::join!(
        readiness::look(flows),
        timeout(LIMIT, flows.queue.stats()),
        timeout(LIMIT, records.pending_migrations()),
        timeout(LIMIT, records.last_migration()),
    );
    let last = last.ok().and_then(Result::ok).flatten();
    Health {
        database: records.back_end(),
        records: readiness.records,
        hot_state: readiness.hot_state,
        workers: queue.ok().and_then(Result::ok).map(|stats| stats.consumers),
        schema_is_current: matches!(pending, Ok(Ok(pending)) if pending.is_empty()),
        last_migration: last.map(|(version, name)| format!("{version:04} {name}")),
    }
}
