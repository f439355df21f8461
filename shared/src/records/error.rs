//! What can go wrong with records.

use std::io;
use std::sync::Arc;

/// Why a call on records failed. "Not found" is no error but an `Option`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecordsError {
    /// Something that must be unique exists already.
    #[error("a record with the same key exists already")]
    Conflict,
    /// A stored row cannot be read: it was changed by hand or by a newer version.
    #[error("a row of {table} cannot be read: {problem}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column, and what is wrong with it; never its value.
        problem: &'static str,
    },
    /// The database did not answer in time, or refused. Whether the call had its effect is not
    /// known.
    #[error("the database is unavailable: {0}")]
    Unavailable(Arc<sqlx::Error>),
    /// The URL of the database is none; the message never repeats it, since it may hold a password.
    #[error("{0}")]
    Url(&'static str),
}

impl RecordsError {
    /// What is told to operators: with what the driver said, which the text alone hides.
    pub fn explained(&self) -> String {
        match self {
            Self::Unavailable(cause) => format!("the database did not answer: {cause}"),
            other => other.to_string(),
        }
    }

    pub(super) fn timed_out() -> Self {
        let late = io::Error::new(io::ErrorKind::TimedOut, "no answer within the time limit");
        Self::Unavailable(Arc::new(sqlx::Error::Io(late)))
    }

    pub(super) fn standby() -> Self {
        let standby = io::Error::other("the server is a standby, which takes no writes");
        Self::Unavailable(Arc::new(sqlx::Error::Io(standby)))
    }

    pub(super) fn closed() -> Self {
        Self::Unavailable(Arc::new(sqlx::Error::PoolClosed))
    }
}

impl From<sqlx::Error> for RecordsError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refusal) if refusal.is_unique_violation() => Self::Conflict,
            _ => Self::Unavailable(Arc::new(error)),
        }
    }
}
