//! The connections to PostgreSQL: given back, thrown away, or held together by a transaction.
//!
//! Behind one address the primary may change, and the old one live on as a standby that answers every
//! question and refuses every write. So a connection leaves the pool
//!
//! * when the server says by an error that it is not the one to write to, or is about to go
//!   ([`is_of_no_use`]),
//! * before it is used, when it was idle for a moment and its server is a standby, or does not answer,
//! * and when it is older than [`LIFE`]: what its address leads to is then asked again.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Row as _, Transaction};
use tokio::time::{Instant, timeout, timeout_at};

use super::RecordsError;
use super::connection::{PoolSettings, within};

/// A connection answered when the pool got it back, so it is asked again only after so long: a
/// server does not restart in less, and a round trip before each statement would double the time
/// of most.
const TRUSTED_FOR: Duration = Duration::from_millis(250);
/// A server that needs longer to say whether it is a standby is asked over a new connection.
const ANSWERS_WITHIN: Duration = Duration::from_millis(400);
/// No connection is older than this.
const LIFE: Duration = Duration::from_mins(1);

/// What stands between a process and PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or one that gives each client a connection of its own (session mode).
    #[default]
    None,
    /// One that gives each transaction any connection (`pool_mode = transaction` of `PgBouncer`).
    /// Prepared statements then stay behind on connections that others get.
    Transaction,
}

/// The pool of connections to a server.
#[derive(Clone, Debug)]
pub(super) struct PostgresServer {
    pool: PgPool,
    pooler: Pooler,
}

impl PostgresServer {
    /// Nothing is connected yet.
    pub(super) fn connect(url: &str, settings: PoolSettings) -> Result<Self, RecordsError> {
        let mut options: PgConnectOptions = url
            .parse()
            .map_err(|_| RecordsError::Url("the PostgreSQL URL is malformed"))?;
        if settings.pooler == Pooler::Transaction {
            // PgBouncer refuses clients that set what it does not track.
            options = options.statement_cache_capacity(0).extra_float_digits(None);
        }
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .acquire_timeout(settings.time_limit)
            .max_lifetime(LIFE)
            .test_before_acquire(false)
            .before_acquire(|connection, held| Box::pin(can_be_used(connection, held.idle_for)))
            .connect_lazy_with(options);
        Ok(Self {
            pool,
            pooler: settings.pooler,
        })
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Takes a connection from the pool, or makes one.
    pub(super) async fn acquire(&self, deadline: Instant) -> Result<Lease, RecordsError> {
        let connection = within(deadline, async { Ok(self.pool.acquire().await?) }).await?;
        Ok(Lease {
            connection,
            pooler: self.pooler,
        })
    }

    /// Asks what is not of the records themselves.
    pub(super) async fn ask<T>(
        &self,
        deadline: Instant,
        question: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T, RecordsError> {
        let mut lease = self.acquire(deadline).await?;
        let answer = within(deadline, async {
            let mut hold = lease.hold().await?;
            let answer = question(hold.connection()).await;
            hold.end(answer.map_err(RecordsError::from)).await
        })
        .await;
        lease.settle(deadline, &answer);
        answer
    }

    /// Connects once beside the pool, which tries again and again and keeps the reason to itself.
    pub(super) async fn why_away(&self, deadline: Instant) -> Option<String> {
        let options = self.pool.connect_options();
        let connecting = PgConnection::connect_with(&options);
        let cause = match timeout_at(deadline, connecting).await {
            Ok(Ok(connection)) => {
                drop(connection);
                return None;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        let (host, port) = (options.get_host(), options.get_port());
        Some(format!("PostgreSQL at {host}:{port}: {cause}"))
    }
}

/// Whether a connection that nobody used for so long can be used. Otherwise another is made.
async fn can_be_used(connection: &mut PgConnection, idle_for: Duration) -> sqlx::Result<bool> {
    if idle_for < TRUSTED_FOR {
        return Ok(true);
    }
    // One message, so that a pooler cannot tear it apart.
    let asking = sqlx::raw_sql("SELECT pg_is_in_recovery()").fetch_one(connection);
    match timeout(ANSWERS_WITHIN, asking).await {
        Ok(answer) => Ok(!answer?.try_get::<bool, _>(0)?),
        Err(_) => Ok(false),
    }
}

/// A connection to PostgreSQL during one call.
pub(super) struct Lease {
    connection: PoolConnection<Postgres>,
    pooler: Pooler,
}

impl Lease {
    /// Begins to use it.
    pub(super) async fn hold(&mut self) -> Result<Hold<'_>, RecordsError> {
        Ok(match self.pooler {
            Pooler::None => Hold::Plain(&mut self.connection),
            // A transaction keeps the server's connection to itself; on it others have left
            // statements of the same names as ours.
            Pooler::Transaction => {
                let whole = self.connection.begin_with("BEGIN; DEALLOCATE ALL");
                Hold::Whole(whole.await?)
            }
        })
    }

    /// Gives it back, or throws it away where it is of no use any more. So is one that missed the
    /// deadline: the pool would wait for its answer without a limit and count it as in use meanwhile.
    pub(super) fn settle<T>(self, deadline: Instant, result: &Result<T, RecordsError>) {
        let refused = match result {
            Err(RecordsError::Unavailable(cause)) => is_of_no_use(cause),
            _ => false,
        };
        if refused || Instant::now() >= deadline {
            drop(self.connection.detach());
        }
    }
}

/// A connection that is being used.
pub(super) enum Hold<'c> {
    Plain(&'c mut PgConnection),
    Whole(Transaction<'c, Postgres>),
}

impl Hold<'_> {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        match self {
            Self::Plain(connection) => connection,
            Self::Whole(transaction) => transaction,
        }
    }

    /// Ends what was begun with the use; a failure undoes it.
    pub(super) async fn end<T>(self, result: Result<T, RecordsError>) -> Result<T, RecordsError> {
        if let Self::Whole(transaction) = self
            && result.is_ok()
        {
            transaction.commit().await?;
        }
        result
    }
}

/// Whether an error means that its connection must not be used again.
fn is_of_no_use(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(refusal) => {
            refusal.code().is_some_and(|code| is_code_of_no_use(&code))
        }
        sqlx::Error::RowNotFound | sqlx::Error::ColumnDecode { .. } => false,
        // The connection broke, or what came over it cannot be understood.
        _ => true,
    }
}

/// Of the codes of PostgreSQL (its manual, appendix A), those that are about the connection or about
/// the server that it leads to.
fn is_code_of_no_use(code: &str) -> bool {
    match code {
        // read_only_sql_transaction: a standby, or a primary that has been closed for writes.
        "25006"
        // feature_not_supported: the plan of a prepared statement does not fit the schema any more.
        | "0A000"
        // duplicate_prepared_statement, invalid_sql_statement_name: of another client of a pooler.
        | "42P05" | "26000"
        // A transaction that was left open, or ended by a limit.
        | "25P02" | "25P03" | "25P04" => true,
        // Connection exceptions; operator intervention: the server stops, starts or recovers. But not
        // query_canceled, which is about the statement.
        _ => code.starts_with("08") || (code.starts_with("57") && code != "57014"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_another_server_are_told_from_those_of_a_statement() {
        for code in [
            "25006", "57P01", "57P02", "57P03", "57P05", "08006", "08P01", "26000", "42P05",
        ] {
            assert!(is_code_of_no_use(code), "{code}");
        }
        // unique_violation, serialization_failure, deadlock_detected, query_canceled, disk_full,
        // too_many_connections, undefined_table
        for code in [
            "23505", "40001", "40P01", "57014", "53100", "53300", "42P01",
        ] {
            assert!(!is_code_of_no_use(code), "{code}");
        }
        assert!(is_of_no_use(&sqlx::Error::Protocol("nonsense".into())));
        assert!(!is_of_no_use(&sqlx::Error::RowNotFound));
    }
}
