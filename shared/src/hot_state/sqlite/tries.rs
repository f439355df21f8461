//! Failed tries in the SQLite file; the twin of `redis/begin_try.lua` and `redis/try_succeeded.lua`.

use domain::clock::{Clock, UnixMillis};
use domain::phone::PhoneNumber;
use sqlx::SqliteConnection;

use super::{SqliteHotState, unavailable};
use crate::hot_state::model::HotStateError;
use crate::hot_state::tries::{AddressTries, Try, TryLimits, TryRule};

const MINUTE_MILLIS: i64 = 60_000;

const FIND: &str = "SELECT failures, last_at, arrival FROM hot_failed_tries WHERE subject = $1";
const STORE: &str = "INSERT INTO hot_failed_tries (subject, failures, last_at, arrival, forget_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (subject) DO UPDATE SET \
     failures = excluded.failures, last_at = excluded.last_at, arrival = excluded.arrival, \
     forget_at = excluded.forget_at";
const BRING_BACK: &str =
    "UPDATE hot_failed_tries SET last_at = $2 WHERE subject = $1 AND last_at > $2";
const FORGET: &str = "DELETE FROM hot_failed_tries WHERE subject = $1";
const GIVE_BACK_FAILURE: &str = "UPDATE hot_failed_tries SET failures = failures - 1 \
     WHERE subject = $1 AND failures > 0";
const GIVE_BACK_TIME: &str =
    "UPDATE hot_failed_tries SET arrival = arrival - $2 WHERE subject = $1";

#[derive(Clone, Copy, Default, sqlx::FromRow)]
struct Tries {
    failures: u32,
    last_at: UnixMillis,
    arrival: f64,
}

impl Tries {
    async fn find(connection: &mut SqliteConnection, subject: &str) -> Result<Self, HotStateError> {
        let found: Option<Self> = sqlx::query_as(FIND)
            .bind(subject)
            .fetch_optional(connection)
            .await
            .map_err(unavailable)?;
        Ok(found.unwrap_or_default())
    }

    async fn store(
        &self,
        connection: &mut SqliteConnection,
        subject: &str,
        forget_at: UnixMillis,
    ) -> Result<(), HotStateError> {
        sqlx::query(STORE)
            .bind(subject)
            .bind(self.failures)
            .bind(self.last_at)
            .bind(self.arrival)
            .bind(forget_at)
            .execute(connection)
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    /// After a lock's time the failures are forgotten.
    fn remembered(self, now: UnixMillis, lock: i64) -> Self {
        if now >= self.last_at + lock {
            return Self::default();
        }
        self
    }

    /// How long it is locked.
    fn locked_for(self, now: UnixMillis, lock: i64, most: u32) -> i64 {
        if self.failures >= most {
            self.last_at + lock - now
        } else {
            0
        }
    }

    fn failed(self, now: UnixMillis) -> Self {
        Self {
            failures: self.failures + 1,
            last_at: now,
            ..self
        }
    }
}

impl SqliteHotState {
    pub(in crate::hot_state) async fn begin_try(
        &self,
        clock: &Clock,
        phone: &PhoneNumber,
        address: &str,
        limits: &TryLimits,
    ) -> Result<Try, HotStateError> {
        let (phone, address) = subjects(phone, address);
        let mut transaction = self.begin().await?;
        // Read with the file in hand: the writer may have been waited for.
        let now = clock.now_millis();
        let lock = limits.lock_millis;
        for subject in [&phone, &address] {
            bring_back(&mut transaction, subject, now).await?;
        }
        let of_phone = Tries::find(&mut transaction, &phone).await?;
        let of_phone = of_phone.remembered(now, lock);
        let stored = Tries::find(&mut transaction, &address).await?;
        let (of_address, wait_of_address, forget_address_at) = match limits.address {
            AddressTries::Throttled { per_second } => {
                let step = 1000.0 / f64::from(per_second);
                let mut arrival = stored.arrival;
                if arrival > millis(now) + f64::from(AddressTries::BURST) * step {
                    // No clock that goes on comes so far.
                    arrival = millis(now);
                }
                let arrival = arrival.max(millis(now)) + step;
                let ahead = arrival - millis(now);
                let wait = whole(ahead - f64::from(AddressTries::BURST) * step);
                let forget_at = now + whole(ahead) + MINUTE_MILLIS;
                (Tries { arrival, ..stored }, wait, forget_at)
            }
            AddressTries::Locked { failures } => {
                let present = stored.remembered(now, lock);
                let wait = present.locked_for(now, lock, failures);
                (present.failed(now), wait, now + 2 * lock)
            }
        };
        let wait_of_phone = of_phone.locked_for(now, lock, limits.phone_failures);
        // A refusal counts nothing.
        if wait_of_phone.max(wait_of_address) > 0 {
            transaction.commit().await.map_err(unavailable)?;
            return Ok(if wait_of_address > wait_of_phone {
                Try::Refused {
                    rule: TryRule::Address,
                    retry_after_millis: wait_of_address,
                }
            } else {
                Try::Refused {
                    rule: TryRule::Phone,
                    retry_after_millis: wait_of_phone,
                }
            });
        }
        let of_phone = of_phone.failed(now);
        of_phone
            .store(&mut transaction, &phone, now + 2 * lock)
            .await?;
        of_address
            .store(&mut transaction, &address, forget_address_at)
            .await?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(Try::Counted)
    }

    pub(in crate::hot_state) async fn try_succeeded(
        &self,
        phone: &PhoneNumber,
        address: &str,
        limits: &TryLimits,
    ) -> Result<(), HotStateError> {
        let (phone, address) = subjects(phone, address);
        let mut transaction = self.begin().await?;
        let forget = sqlx::query(FORGET).bind(phone);
        let give_back = match limits.address {
            AddressTries::Throttled { per_second } => sqlx::query(GIVE_BACK_TIME)
                .bind(address)
                .bind(1000.0 / f64::from(per_second)),
            AddressTries::Locked { .. } => sqlx::query(GIVE_BACK_FAILURE).bind(address),
        };
        for statement in [forget, give_back] {
            statement
                .execute(&mut *transaction)
                .await
                .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }
}

/// How often a try at a secret of this phone failed since the last that was right, and when last.
pub(super) async fn of_phone(
    connection: &mut SqliteConnection,
    phone: &PhoneNumber,
) -> Result<(u32, Option<UnixMillis>), HotStateError> {
    let (subject, _) = subjects(phone, "");
    let found = Tries::find(connection, &subject).await?;
    Ok((
        found.failures,
        (found.failures > 0).then_some(found.last_at),
    ))
}

/// Where the clock was set back since, no lock lasts longer for that.
async fn bring_back(
    connection: &mut SqliteConnection,
    subject: &str,
    now: UnixMillis,
) -> Result<(), HotStateError> {
    sqlx::query(BRING_BACK)
        .bind(subject)
        .bind(now)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(unavailable)
}

fn subjects(phone: &PhoneNumber, address: &str) -> (String, String) {
    (format!("p:{}", phone.as_e164()), format!("a:{address}"))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit 53 bits for ages"
)]
fn millis(now: UnixMillis) -> f64 {
    now as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a wait is a few seconds")]
fn whole(millis: f64) -> i64 {
    millis.ceil() as i64
}
