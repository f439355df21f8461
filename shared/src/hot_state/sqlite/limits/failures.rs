//! Locks: how many failures, and when the last of them was.

use domain::clock::UnixMillis;
use domain::phone::PhoneNumber;
use sqlx::SqliteConnection;

use super::super::unavailable;
use crate::hot_state::limits::KEPT_LONGER_MILLIS;
use crate::hot_state::model::HotStateError;
use crate::sqlite_file::{Answers, Question, Script};

const FIND: &str = "SELECT failures, last_at FROM hot_failed_tries WHERE subject = $1";
const STORE: &str = "INSERT INTO hot_failed_tries (subject, failures, last_at, forget_at) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (subject) DO UPDATE SET \
     failures = excluded.failures, last_at = excluded.last_at, forget_at = excluded.forget_at";
const BRING_BACK: &str =
    "UPDATE hot_failed_tries SET last_at = $2 WHERE subject = $1 AND last_at > $2";
const FORGET: &str = "DELETE FROM hot_failed_tries WHERE subject = $1";
const GIVE_BACK: &str = "UPDATE hot_failed_tries SET failures = failures - 1 \
     WHERE subject = $1 AND failures > 0";

/// How many, and when the last.
type Stored = (u32, UnixMillis);

/// The failures of a subject that count.
pub(super) struct Failures {
    subject: String,
    count: u32,
    last_at: UnixMillis,
    lock_millis: i64,
}

/// Failures that were asked for.
pub(super) struct SoughtFailures {
    subject: String,
    lock_millis: i64,
    found: Question,
    found_before: Option<Question>,
}

impl SoughtFailures {
    pub(super) fn read(
        self,
        answers: &Answers,
        now: UnixMillis,
    ) -> Result<Failures, HotStateError> {
        let mut found: Option<Stored> = answers.first(self.found).map_err(unavailable)?;
        if let (None, Some(before)) = (found, self.found_before) {
            found = answers.first(before).map_err(unavailable)?;
        }
        let (count, last_at) = found.unwrap_or_default();
        let last_at = last_at.min(now);
        // After a lock's time they are forgotten.
        let count = if now >= last_at + self.lock_millis {
            0
        } else {
            count
        };
        Ok(Failures {
            subject: self.subject,
            count,
            last_at,
            lock_millis: self.lock_millis,
        })
    }
}

impl Failures {
    /// Those of `before`, what the number was called while its account was deleted, where it has none.
    pub(super) fn ask(
        script: &mut Script,
        subject: String,
        before: Option<String>,
        now: UnixMillis,
        lock_millis: i64,
    ) -> SoughtFailures {
        // Where the clock was set back since, no lock lasts longer for that.
        script.add(BRING_BACK).bind(&subject).bind(now);
        let found = script.add(FIND).bind(&subject).question();
        let found_before = before.map(|before| script.add(FIND).bind(before).question());
        SoughtFailures {
            subject,
            lock_millis,
            found,
            found_before,
        }
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

    pub(super) fn store(self, script: &mut Script) {
        script
            .add(STORE)
            .bind(self.subject)
            .bind(self.count)
            .bind(self.last_at)
            .bind(self.last_at + self.lock_millis + KEPT_LONGER_MILLIS);
    }
}

/// How often a try at a secret of this phone failed since the last that was right, and when last.
pub(in super::super) async fn of_phone(
    connection: &mut SqliteConnection,
    phone: &PhoneNumber,
) -> Result<(u32, Option<UnixMillis>), HotStateError> {
    let found: Option<Stored> = sqlx::query_as(FIND)
        .bind(super::phone_failures_key(phone.digits()))
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    let (count, last_at) = found.unwrap_or_default();
    Ok((count, (count > 0).then_some(last_at)))
}

pub(super) fn forget(script: &mut Script, subject: &str) {
    script.add(FORGET).bind(subject);
}

pub(super) fn give_back(script: &mut Script, subject: &str) {
    script.add(GIVE_BACK).bind(subject);
}
