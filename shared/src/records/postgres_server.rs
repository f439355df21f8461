//! The connections to PostgreSQL: given back, thrown away, or held together by a transaction.
//!
//! Behind one address the primary may change, and the old one live on as a standby that answers every
//! question and refuses every write. So a connection leaves the pool
//!
//! * when the server says by an error that it is not the one to write to, or is about to go
//!   ([`is_of_no_use`]),
//! * before it is used, when it was idle for a moment and its server is a standby, or does not answer,
//! * and when it is older than [`LIFE`]: what its address leads to is then asked again.
//!
//! One that has just answered a statement is used for the next without the pool ([`KeptConnections`]).
//!
//! Anyone who wants one first gets a place ([`Places`]), so that no row and no kind of work takes them all.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool, Postgres, Row as _,
    Transaction,
};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use super::RecordsError;
use super::connection::{PoolSettings, within};
use super::kept_connections::{KeptConnections, Taken};
use super::places::{Place, Placed, Places, Work};
use super::sign_in_rounds::{SignInRounds, SignInTogether};

/// A connection answered when the pool got it back, so it is asked again only after so long: a
/// server does not restart in less, and a round trip before each statement would double the time
/// of most.
const TRUSTED_FOR: Duration = Duration::from_millis(250);
/// A server that needs longer to say whether it is a standby is asked over a new connection.
const ANSWERS_WITHIN: Duration = Duration::from_millis(400);
/// How long a call that was given up keeps its place, unless its connection answers before: longer than a
/// statement of the API waits for a lock.
const GIVEN_UP_FOR: Duration = Duration::from_secs(1);
/// What a page read out of order costs against one in order.
const RANDOM_PAGE_COST: &str = "1.1";
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
    kept: KeptConnections,
    pooler: Pooler,
    places: Places,
    sign_in_rounds: SignInRounds,
    /// How a transaction begins behind a pooler, whose connections keep nothing of ours.
    begin_pooled: Arc<str>,
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
        let lock_timeout = lock_timeout(settings.time_limit);
        // A plan lives as long as its connection, and one that reads all of a table because it was young would be kept
        // when it is large: what an index costs is told as it is on disks without heads.
        let settings_of_each = (settings.pooler == Pooler::None).then(|| {
            Arc::<str>::from(format!(
                "SELECT set_config('lock_timeout', '{lock_timeout}', FALSE), \
                 set_config('random_page_cost', '{RANDOM_PAGE_COST}', FALSE)"
            ))
        });
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .acquire_timeout(settings.time_limit)
            .max_lifetime(LIFE)
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                let set = settings_of_each.clone();
                Box::pin(async move {
                    if let Some(set) = set {
                        connection.execute(AssertSqlSafe(&*set)).await?;
                    }
                    Ok(())
                })
            })
            .before_acquire(|connection, held| Box::pin(can_be_used(connection, held.idle_for)))
            .connect_lazy_with(options);
        Ok(Self {
            pool,
            kept: KeptConnections::default(),
            pooler: settings.pooler,
            places: Places::new(settings.max_connections),
            sign_in_rounds: SignInRounds::new(SignInTogether),
            begin_pooled: format!("BEGIN; DEALLOCATE ALL; SET LOCAL lock_timeout = {lock_timeout}")
                .into(),
        })
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Where those wait who sign in at the same moment.
    pub(super) fn sign_in_rounds(&self) -> &SignInRounds {
        &self.sign_in_rounds
    }

    /// How many connections the pool counts as used that are free.
    pub(super) fn kept(&self) -> usize {
        self.kept.count()
    }

    /// Takes a connection that was used a moment ago, or one from the pool, or makes one, when it is this call's
    /// turn.
    pub(super) async fn acquire(
        &self,
        deadline: Instant,
        place: &Place,
    ) -> Result<Lease, RecordsError> {
        within(deadline, async {
            let placed = self.places.take(place).await;
            let taken = match self.kept.take() {
                Some(taken) => taken,
                // The future of the pool is large, and each call would carry it along.
                None => Taken::new(Box::pin(self.pool.acquire()).await?),
            };
            Ok(Lease {
                held: Some((taken, placed)),
                kept: self.kept.clone(),
                pooler: self.pooler,
                begin_pooled: Arc::clone(&self.begin_pooled),
            })
        })
        .await
    }

    /// Asks what is not of the records themselves.
    pub(super) async fn ask<T>(
        &self,
        deadline: Instant,
        question: impl AsyncFnOnce(&mut PgConnection) -> sqlx::Result<T>,
    ) -> Result<T, RecordsError> {
        let mut lease = self.acquire(deadline, &Place::of(Work::Other)).await?;
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

/// How long a statement waits for a lock, in milliseconds: not as long as its call, so that anyone who locked a
/// row keeps one connection from others for this time, and no statement goes on waiting in the server when
/// nobody waits for its answer.
fn lock_timeout(time_limit: Duration) -> u128 {
    (time_limit.as_millis() * 5 / 8).max(1)
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
    /// Until it is given back.
    held: Option<(Taken, Placed)>,
    kept: KeptConnections,
    pooler: Pooler,
    begin_pooled: Arc<str>,
}

impl Lease {
    /// Begins to use it.
    pub(super) async fn hold(&mut self) -> Result<Hold<'_>, RecordsError> {
        let (taken, _) = self.held.as_mut().ok_or_else(RecordsError::closed)?;
        let connection = taken.connection();
        Ok(match self.pooler {
            Pooler::None => Hold::Plain(connection),
            // A transaction keeps the server's connection to itself; on it others have left
            // statements of the same names as ours.
            Pooler::Transaction => {
                let whole = connection.begin_with(AssertSqlSafe(&*self.begin_pooled));
                Hold::Whole(whole.await?)
            }
        })
    }

    /// Gives it back, or throws it away where it is of no use any more. So is one that missed the
    /// deadline: the pool would wait for its answer without a limit and count it as in use meanwhile.
    pub(super) fn settle<T>(mut self, deadline: Instant, result: &Result<T, RecordsError>) {
        let refused = match result {
            Err(RecordsError::Unavailable(cause)) => is_of_no_use(cause),
            _ => false,
        };
        let Some((taken, _placed)) = self.held.take() else {
            return;
        };
        if refused || Instant::now() >= deadline {
            taken.throw_away();
        } else {
            taken.give_back();
        }
    }

    /// The same after statements outside of a transaction: where they went well, nothing is left to do on the
    /// connection. (A transaction may have an end that is not sent yet.)
    pub(super) fn settle_statements<T>(
        mut self,
        deadline: Instant,
        result: &Result<T, RecordsError>,
    ) {
        let is_whole = self.pooler == Pooler::None && Instant::now() < deadline;
        if result.is_ok()
            && is_whole
            && let Some((taken, placed)) = self.held.take()
        {
            self.kept.keep(taken);
            drop(placed);
            return;
        }
        self.settle(deadline, result);
    }
}

impl Drop for Lease {
    /// Of a call that was given up its statement goes on in the server, so that its place is kept until the
    /// connection answers: anyone who asks and hangs up, over and over, has no more connections than others.
    fn drop(&mut self) {
        let Some((mut taken, placed)) = self.held.take() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            let answered = timeout(GIVEN_UP_FOR, taken.connection().ping()).await;
            if matches!(answered, Ok(Ok(()))) {
                taken.give_back();
            } else {
                taken.throw_away();
            }
            drop(placed);
        });
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
