//! Waits for the database at the start, and refuses one without this version's schema.

use std::time::Duration;

use migrate::Pending;
use tokio::time::{Instant, sleep};

use super::Stores;
use crate::records::{Records, RecordsError};

/// How long a start waits for the database; orchestrators often start both at once.
const WAIT_LIMIT: Duration = Duration::from_mins(1);
const WAIT_PAUSE: Duration = Duration::from_millis(500);
const WAIT_LOG_EVERY: Duration = Duration::from_secs(5);

/// Why the database cannot be used. No text holds a URL, since that may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It holds what cannot be read.
    #[error("DATABASE_URL cannot be used: {0}")]
    Records(#[from] RecordsError),
    /// It stayed away.
    #[error("the database did not answer within {seconds} s: {cause}")]
    Away {
        /// How long it was waited for.
        seconds: u64,
        /// What its driver said last.
        cause: String,
    },
    /// It answers, but not to us.
    #[error("the database refused: {0}")]
    Refused(String),
    /// A server that Ramz does not work with.
    #[error("{0}")]
    OldServer(String),
    /// The schema is not that of this version.
    #[error(
        "the database lacks migrations ({0}); run `migrate` with the same DATABASE_URL, then start again"
    )]
    Pending(String),
}

impl Stores {
    /// Waits for a database that is just starting, with a line in the log every few seconds. A server
    /// that is too old is refused; of hot state this is known only where it answers by now.
    pub async fn require_schema(&self) -> Result<(), SchemaError> {
        // On the heap: it runs once, and would make every future around it large.
        Box::pin(async {
            self.records.require_schema(WAIT_LIMIT).await?;
            if let Ok(Some(warning)) = self.records.version_warning().await {
                tracing::warn!("{warning}");
            }
            match self.hot_state.version_problem().await {
                Some(problem) => Err(SchemaError::OldServer(problem)),
                None => Ok(()),
            }
        })
        .await
    }
}

impl Records {
    /// The same for records alone, and for as long as the caller wants to wait.
    pub async fn require_schema(&self, wait: Duration) -> Result<(), SchemaError> {
        let deadline = Instant::now() + wait;
        let mut logged_at: Option<Instant> = None;
        let pending = loop {
            let cause = match self.lacks().await {
                Ok(pending) => break pending,
                Err(RecordsError::Unavailable(cause)) => cause,
                Err(error) => return Err(error.into()),
            };
            if !may_come_up(&cause) {
                return Err(SchemaError::Refused(refusal(&cause)));
            }
            let now = Instant::now();
            let cause = match self.why_away().await {
                Some(why) => why,
                None => cause.to_string(),
            };
            if now >= deadline {
                let seconds = wait.as_secs();
                return Err(SchemaError::Away { seconds, cause });
            }
            if logged_at.is_none_or(|at| now - at >= WAIT_LOG_EVERY) {
                let seconds_left = (deadline - now).as_secs();
                tracing::warn!(%cause, seconds_left, "waiting for the database");
                logged_at = Some(now);
            }
            sleep(WAIT_PAUSE).await;
        };
        if pending.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = pending.iter().map(ToString::to_string).collect();
        Err(SchemaError::Pending(names.join(", ")))
    }
}

impl Records {
    /// What the database lacks, if it is one that takes writes.
    async fn lacks(&self) -> Result<Vec<Pending>, RecordsError> {
        self.ping().await?;
        self.pending_migrations().await
    }
}

/// What the server said, and what to do where that is known.
fn refusal(error: &sqlx::Error) -> String {
    let code = match error {
        sqlx::Error::Database(refusal) => refusal.code(),
        _ => None,
    };
    let advice = match code.as_deref() {
        Some("28P01" | "28000") => {
            "check the user and the password in DATABASE_URL; special characters are percent-encoded"
        }
        Some("3D000") => "create the database, or name another in DATABASE_URL",
        Some("42P05" | "26000" | "08P01") => {
            "behind PgBouncer in transaction mode set DATABASE_POOLER=transaction"
        }
        _ => return error.to_string(),
    };
    format!("{error}; {advice}")
}

/// Whether waiting can help: a server that starts, not a wrong password.
fn may_come_up(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
        // 57P03, cannot_connect_now: PostgreSQL is starting up or shutting down.
        sqlx::Error::Database(error) => error.code().as_deref() == Some("57P03"),
        _ => false,
    }
}
