//! What can go wrong with records.

use std::io;
use std::sync::Arc;

use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;

use crate::together::Interrupted;

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
    /// The database takes this value or row never, however often it is told: it breaks a rule of a table,
    /// or has no form that can be stored or read. The code is that of the database.
    #[error("the database refuses a row: {0}")]
    Refused(Box<str>),
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

    /// Whether what the call wanted stayed locked by another for too long: that is about a row, and not about the
    /// database.
    pub fn is_locked(&self) -> bool {
        self.has_code("55P03")
    }

    /// Whether the time was over before the work was done: less of it may be done in time.
    pub fn is_late(&self) -> bool {
        let timed_out = |cause: &sqlx::Error| matches!(cause, sqlx::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut);
        // query_canceled: by a limit for statements.
        self.has_code("57014") || matches!(self, Self::Unavailable(cause) if timed_out(cause))
    }

    /// Whether the role that asked may not do this.
    pub(super) fn is_not_allowed(&self) -> bool {
        self.has_code("42501")
    }

    /// Whether a statement over several rows failed by what may be about one of them: each may be tried alone.
    pub(super) fn is_of_one_row(&self) -> bool {
        let deadlock = "40P01";
        matches!(self, Self::Conflict | Self::Refused(_))
            || self.is_locked()
            || self.has_code(deadlock)
    }

    fn has_code(&self, wanted: &str) -> bool {
        let Self::Unavailable(cause) = self else {
            return false;
        };
        let refusal = cause.as_database_error();
        refusal
            .and_then(DatabaseError::code)
            .is_some_and(|code| code == wanted)
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

impl From<Interrupted> for RecordsError {
    fn from(_: Interrupted) -> Self {
        Self::closed()
    }
}

impl From<sqlx::Error> for RecordsError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refusal) if refusal.is_unique_violation() => Self::Conflict,
            sqlx::Error::Database(refusal) if is_about_a_row(&**refusal) => {
                Self::Refused(refusal.code().unwrap_or_default().into())
            }
            sqlx::Error::Encode(_)
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::TypeNotFound { .. } => Self::Refused("a value without a form".into()),
            _ => Self::Unavailable(Arc::new(error)),
        }
    }
}

/// Whether a database refused what it was given, and not the moment at which it was: then waiting and
/// repeating help nobody. Everything else may be over in a while: no room, no connection, a lock, a server
/// that ends, a schema or a right that is still to come.
fn is_about_a_row(refusal: &dyn DatabaseError) -> bool {
    let code = refusal.code().unwrap_or_default();
    if refusal.try_downcast_ref::<SqliteError>().is_some() {
        // The lowest byte of a code of SQLite is the kind of error.
        return code
            .parse::<i32>()
            .is_ok_and(|code| SQLITE_OF_A_ROW.contains(&(code & 0xff)));
    }
    POSTGRES_OF_A_ROW
        .iter()
        .any(|class| code.starts_with(class))
}

/// Classes of SQLSTATE: a value that does not fit, a rule of a table, and a row that is too large.
const POSTGRES_OF_A_ROW: [&str; 3] = ["22", "23", "54"];
/// `SQLITE_TOOBIG`, `SQLITE_CONSTRAINT`, `SQLITE_MISMATCH` and `SQLITE_RANGE`.
const SQLITE_OF_A_ROW: [i32; 4] = [18, 19, 20, 25];

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::fmt;

    use sqlx::error::ErrorKind;

    use super::*;

    /// An error that PostgreSQL sends.
    #[derive(Debug)]
    struct Sent(&'static str);

    impl fmt::Display for Sent {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Sent {}

    impl DatabaseError for Sent {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    fn sent(code: &'static str) -> RecordsError {
        sqlx::Error::Database(Box::new(Sent(code))).into()
    }

    #[test]
    fn what_postgres_says_of_a_row_is_for_good() {
        for code in [
            "22001", "22003", "22021", "23502", "23503", "23514", "54000",
        ] {
            let told = sent(code);
            assert!(
                matches!(&told, RecordsError::Refused(it) if **it == *code),
                "{told:?}"
            );
        }
    }

    #[test]
    fn what_postgres_says_of_the_moment_may_be_over_in_a_while() {
        for code in [
            "08006", "25006", "40001", "40P01", "42501", "42P01", "53100", "53200", "53300",
            "55P03", "57014", "57P01", "57P03", "58030", "XX000", "",
        ] {
            let told = sent(code);
            assert!(
                matches!(told, RecordsError::Unavailable(_)),
                "{code}: {told:?}"
            );
        }
    }

    #[test]
    fn a_lock_and_a_limit_are_told_from_a_server_that_is_away() {
        assert!(sent("55P03").is_locked() && !sent("55P03").is_late());
        assert!(sent("57014").is_late() && !sent("57014").is_locked());
        assert!(RecordsError::timed_out().is_late());
        for away in ["57P01", "57P03", "08006", "40P01", "55006", ""] {
            assert!(!sent(away).is_late() && !sent(away).is_locked(), "{away}");
        }
        for of_one in ["22012", "23505", "23514", "40P01", "55P03"] {
            assert!(sent(of_one).is_of_one_row(), "{of_one}");
        }
        for of_all in ["25006", "53100", "57014", "57P01", "08006"] {
            assert!(!sent(of_all).is_of_one_row(), "{of_all}");
        }
        assert!(!RecordsError::from(sqlx::Error::PoolClosed).is_late());
        assert!(!RecordsError::Conflict.is_late() && !RecordsError::Conflict.is_locked());
    }

    #[test]
    fn what_cannot_be_read_is_for_good() {
        let unreadable = sqlx::Error::Decode("a word where a number should be".into());
        let told = RecordsError::from(unreadable);
        assert!(matches!(told, RecordsError::Refused(_)), "{told:?}");
        let away = RecordsError::from(sqlx::Error::PoolTimedOut);
        assert!(matches!(away, RecordsError::Unavailable(_)), "{away:?}");
    }
}
