//! Locks: how many failures, and when the last of them was.

use domain::clock::UnixMillis;
use domain::phone::PhoneNumber;
use sqlx::SqliteConnection;

use super::super::unavailable;
use crate::hot_state::limits::KEPT_LONGER_MILLIS;
use crate::hot_state::model::HotStateError;

const FIND: &str = "SELECT failures, last_at FROM hot_failed_tries WHERE subject = $1";
const STORE: &str = "INSERT INTO hot_failed_tries (subject, failures, last_at, forget_at) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (subject) DO UPDATE SET \
     failures = excluded.failures, last_at = excluded.last_at, forget_at = excluded.forget_at";
const BRING_BACK: &str =
    "UPDATE hot_failed_tries SET last_at = $2 WHERE subject = $1 AND last_at > $2";
const FORGET: &str = "DELETE FROM hot_failed_tries WHERE subject = $1";
const GIVE_BACK: &str = "UPDATE hot_failed_tries SET failures = failures - 1 \
     WHERE subject = $1 AND failures > 0";

/// The failures of a subject that count.
pub(super) struct Failures {
    subject: String,
    count: u32,
    last_at: UnixMillis,
    lock_millis: i64,
}

impl Failures {
    /// Those of `before`, what the number was called while its account was deleted, where it has none.
    pub(super) async fn find(
        connection: &mut SqliteConnection,
        subject: String,
        before: Option<String>,
        now: UnixMillis,
        lock_millis: i64,
    ) -> Result<Self, HotStateError> {
        // Where the clock was set back since, no lock lasts longer for that.
        sqlx::query(BRING_BACK)
            .bind(&subject)
            .bind(now)
            .execute(&mut *connection)
            .await
            .map_err(unavailable)?;
        let mut found = find(connection, &subject).await?;
        if let (None, Some(before)) = (found, before) {
            found = find(connection, &before).await?;
        }
        let (count, last_at) = found.unwrap_or_default();
        let last_at = last_at.min(now);
        // After a lock's time they are forgotten.
        let count = if now >= last_at + lock_millis {
            0
        } else {
            count
        };
        Ok(Self {
            subject,
            count,
            last_at,
            lock_millis,
        })
    }

    /// How long it is locked, or 0.
    pub(super) fn locked_for(&self, now: UnixMillis, most: u32) -> i64 {
        if self.count >= most {
            self.last_at + self.lock_millis - now
        } else {
            0
        }
    }

    pub(super) fn one_more(self, now: UnixMillis) -> Self {
        Self {
            count: self.count + 1,
            last_at: now,
            ..self
        }
    }

    pub(super) async fn store(
        self,
        connection: &mut SqliteConnection,
    ) -> Result<(), HotStateError> {
        sqlx::query(STORE)
            .bind(self.subject)
            .bind(self.count)
            .bind(self.last_at)
            .bind(self.last_at + self.lock_millis + KEPT_LONGER_MILLIS)
            .execute(connection)
            .await
            .map(drop)
            .map_err(unavailable)
    }
}

/// How often a try at a secret of this phone failed since the last that was right, and when last.
pub(in super::super) async fn of_phone(
    connection: &mut SqliteConnection,
    phone: &PhoneNumber,
) -> Result<(u32, Option<UnixMillis>), HotStateError> {
    let found = find(connection, &super::phone_failures_key(phone.digits())).await?;
    let (count, last_at) = found.unwrap_or_default();
    Ok((count, (count > 0).then_some(last_at)))
}

async fn find(
    connection: &mut SqliteConnection,
    subject: &str,
) -> Result<Option<(u32, UnixMillis)>, HotStateError> {
    sqlx::query_as(FIND)
        .bind(subject)
        .fetch_optional(connection)
        .await
        .map_err(unavailable)
}

pub(super) async fn forget(
    connection: &mut SqliteConnection,
    subject: &str,
) -> Result<(), HotStateError> {
    run(connection, FORGET, subject).await
}

pub(super) async fn give_back(
    connection: &mut SqliteConnection,
    subject: &str,
) -> Result<(), HotStateError> {
    run(connection, GIVE_BACK, subject).await
}

async fn run(
    connection: &mut SqliteConnection,
    statement: &'static str,
    subject: &str,
) -> Result<(), HotStateError> {
    sqlx::query(statement)
        .bind(subject)
        .execute(connection)
        .await
        .map(drop)
        .map_err(unavailable)
}
