//! The gate in the SQLite file; the twin of `redis/admit_call.lua`, `redis/slow_down.lua` and
//! `redis/breaker.lua`.

use std::time::Duration;

use domain::clock::{Clock, UnixMillis};
use sqlx::SqliteConnection;

use super::group_commit::GroupedStep;
use super::{SqliteHotState, unavailable};
use crate::hot_state::gate::{Admission, OpenBreaker, millis};
use crate::hot_state::model::HotStateError;
use crate::sqlite_file::{Answers, Question, Script};

const FIND_RATE: &str = "SELECT arrival, share, slowed_at FROM hot_gateway_rate WHERE id = 1";
const STORE_RATE: &str = "INSERT INTO hot_gateway_rate (id, arrival, share, slowed_at) \
     VALUES (1, $1, $2, $3) ON CONFLICT (id) DO UPDATE SET \
     arrival = excluded.arrival, share = excluded.share, slowed_at = excluded.slowed_at";
const FIND_BREAKER: &str =
    "SELECT code, since, probe_at, probing, wait, closed_at FROM hot_breaker WHERE id = 1";
const STORE_BREAKER: &str = "INSERT INTO hot_breaker \
     (id, until, code, since, probe_at, probing, wait, closed_at) \
     VALUES (1, $1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET \
     until = excluded.until, code = excluded.code, since = excluded.since, \
     probe_at = excluded.probe_at, probing = excluded.probing, wait = excluded.wait, \
     closed_at = excluded.closed_at";

#[derive(sqlx::FromRow)]
struct Rate {
    arrival: f64,
    share: f64,
    slowed_at: UnixMillis,
}

/// A rate that was asked for.
struct SoughtRate(Question);

impl SoughtRate {
    fn read(self, answers: &Answers) -> Result<Rate, HotStateError> {
        let found: Option<Rate> = answers.first(self.0).map_err(unavailable)?;
        Ok(found.unwrap_or(Rate {
            arrival: 0.0,
            share: 1.0,
            slowed_at: 0,
        }))
    }
}

impl Rate {
    fn ask(script: &mut Script) -> SoughtRate {
        SoughtRate(script.add(FIND_RATE).question())
    }

    async fn store(&self, connection: &mut SqliteConnection) -> Result<(), HotStateError> {
        sqlx::query(STORE_RATE)
            .bind(self.arrival)
            .bind(self.share)
            .bind(self.slowed_at)
            .execute(connection)
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    /// Where it was set back since, the rate recovers from now on.
    fn heed_the_clock(&mut self, now: UnixMillis) {
        self.slowed_at = self.slowed_at.min(now);
    }

    fn recovery_steps(&self, now: UnixMillis) -> i64 {
        (now - self.slowed_at).div_euclid(millis::RECOVERY_STEP)
    }

    /// The share of the full rate that may be used now.
    fn share(&self, now: UnixMillis) -> f64 {
        let recovered = float(self.recovery_steps(now)) / f64::from(millis::RECOVERY_STEPS);
        (self.share + recovered).min(1.0)
    }
}

/// The breaker; it is open while it has a code.
#[derive(Default, sqlx::FromRow)]
struct Breaker {
    code: Option<i32>,
    since: Option<UnixMillis>,
    probe_at: Option<UnixMillis>,
    probing: bool,
    wait: i64,
    closed_at: UnixMillis,
}

impl Breaker {
    async fn find(connection: &mut SqliteConnection) -> Result<Self, HotStateError> {
        let found: Option<Self> = sqlx::query_as(FIND_BREAKER)
            .fetch_optional(connection)
            .await
            .map_err(unavailable)?;
        Ok(found.unwrap_or_default())
    }

    async fn store(&self, connection: &mut SqliteConnection) -> Result<(), HotStateError> {
        let refused_until = self.probe_at.map_or(0, |at| at + millis::PROBE_GRACE);
        sqlx::query(STORE_BREAKER)
            .bind(refused_until)
            .bind(self.code)
            .bind(self.since)
            .bind(self.probe_at)
            .bind(self.probing)
            .bind(self.wait)
            .bind(self.closed_at)
            .execute(connection)
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    fn probe_at(&self) -> UnixMillis {
        self.probe_at.unwrap_or_default()
    }
}

/// Admitting a call, as one of many admissions that share a commit.
#[derive(Debug)]
pub(super) struct AdmitCall {
    clock: Clock,
    rate_per_second: u32,
    patience: Duration,
}

impl AdmitCall {
    fn take(&self, breaker: &Breaker, rate: &mut Rate) -> Admission {
        // Read with the file in hand: the writer may have been waited for.
        let now = self.clock.now_millis();
        if let Some(code) = breaker.code {
            let until_probe = if breaker.probing {
                0
            } else {
                (breaker.probe_at() - now).clamp(0, millis::LONGEST_PROBE)
            };
            return Admission::Closed {
                code,
                retry_after: duration(until_probe + millis::PROBE_TAKES),
            };
        }
        rate.heed_the_clock(now);
        let step = 1_000.0 / (f64::from(self.rate_per_second) * rate.share(now)).max(1.0);
        let patience = i64::try_from(self.patience.as_millis()).unwrap_or(i64::MAX);
        let burst = float(millis::BURST).max(step);
        let mut stored = rate.arrival;
        if stored > float(now) + float(millis::LONGEST_PATIENCE) + burst {
            // No caller takes a place that lies further away: it was taken before the clock was set back.
            stored = float(now);
        }
        let arrival = stored.max(float(now)) + step;
        let wait = (arrival - float(now) - burst).ceil();
        let over = wait - float(patience);
        if over > 0.0 {
            return Admission::Wait(Duration::from_secs_f64(over / 1_000.0));
        }
        rate.arrival = arrival;
        Admission::Go {
            after: Duration::from_secs_f64(wait.max(0.0) / 1_000.0),
        }
    }
}

impl GroupedStep for AdmitCall {
    type Output = Admission;

    async fn take_all(
        steps: &[&Self],
        connection: &mut SqliteConnection,
    ) -> Result<Vec<Result<Admission, HotStateError>>, HotStateError> {
        let mut script = Script::default();
        let breaker = script.add(FIND_BREAKER).question();
        let rate = Rate::ask(&mut script);
        let answers = script.run(connection).await.map_err(unavailable)?;
        let breaker: Option<Breaker> = answers.first(breaker).map_err(unavailable)?;
        let breaker = breaker.unwrap_or_default();
        let mut rate = rate.read(&answers)?;
        let admissions: Vec<_> = steps
            .iter()
            .map(|step| step.take(&breaker, &mut rate))
            .collect();
        if admissions.iter().any(Self::wrote) {
            rate.store(connection).await?;
        }
        Ok(admissions.into_iter().map(Ok).collect())
    }

    fn wrote(admission: &Admission) -> bool {
        matches!(admission, Admission::Go { .. })
    }
}

impl SqliteHotState {
    pub(in crate::hot_state) async fn admit_call(
        &self,
        clock: &Clock,
        rate_per_second: u32,
        patience: Duration,
    ) -> Result<Admission, HotStateError> {
        let step = AdmitCall {
            clock: clock.clone(),
            rate_per_second,
            patience,
        };
        self.admissions.take(step).await
    }

    pub(in crate::hot_state) async fn slow_down(
        &self,
        clock: &Clock,
    ) -> Result<bool, HotStateError> {
        let mut transaction = self.begin().await?;
        // Read with the file in hand: the writer may have been waited for.
        let now = clock.now_millis();
        let mut script = Script::default();
        let rate = Rate::ask(&mut script);
        let answers = script.run(&mut transaction).await.map_err(unavailable)?;
        let mut rate = rate.read(&answers)?;
        rate.heed_the_clock(now);
        if rate.recovery_steps(now) < 1 {
            transaction.commit().await.map_err(unavailable)?;
            return Ok(false);
        }
        rate.share = rate.share(now) / 2.0;
        rate.slowed_at = now;
        rate.store(&mut transaction).await?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(true)
    }

    pub(in crate::hot_state) async fn open_breaker(
        &self,
        clock: &Clock,
        code: i32,
    ) -> Result<bool, HotStateError> {
        self.move_breaker(|breaker| {
            let now = clock.now_millis();
            if breaker.code.is_some() {
                return false;
            }
            let relapse = breaker.closed_at..breaker.closed_at + millis::RELAPSE;
            breaker.wait = if relapse.contains(&now) {
                (2 * breaker.wait).clamp(millis::FIRST_PROBE, millis::LONGEST_PROBE)
            } else {
                millis::FIRST_PROBE
            };
            breaker.code = Some(code);
            breaker.since = Some(now);
            breaker.probing = false;
            breaker.probe_at = Some(now + breaker.wait);
            true
        })
        .await
    }

    pub(in crate::hot_state) async fn take_probe(
        &self,
        clock: &Clock,
        lease: Duration,
    ) -> Result<bool, HotStateError> {
        let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        self.move_breaker(|breaker| {
            let now = clock.now_millis();
            // One that lies further away than any is due: the clock was set back since.
            let latest = now + millis::LONGEST_PROBE + millis::PROBE_GRACE;
            let due = breaker.code.is_some()
                && (breaker.probe_at() <= now || breaker.probe_at() > latest);
            if due {
                breaker.probing = true;
                breaker.probe_at = Some(now.saturating_add(lease));
            }
            due
        })
        .await
    }

    pub(in crate::hot_state) async fn put_off_probe(
        &self,
        clock: &Clock,
    ) -> Result<bool, HotStateError> {
        self.move_breaker(|breaker| {
            if breaker.code.is_none() {
                return false;
            }
            breaker.wait = (2 * breaker.wait).min(millis::LONGEST_PROBE);
            breaker.probing = false;
            breaker.probe_at = Some(clock.now_millis() + breaker.wait);
            true
        })
        .await
    }

    pub(in crate::hot_state) async fn close_breaker(
        &self,
        clock: &Clock,
    ) -> Result<bool, HotStateError> {
        self.move_breaker(|breaker| {
            let was_open = breaker.code.is_some();
            if was_open {
                *breaker = Breaker {
                    wait: breaker.wait,
                    closed_at: clock.now_millis(),
                    ..Breaker::default()
                };
            }
            was_open
        })
        .await
    }

    pub(in crate::hot_state) async fn breaker(&self) -> Result<Option<OpenBreaker>, HotStateError> {
        let found: Option<Breaker> = sqlx::query_as(FIND_BREAKER)
            .fetch_optional(self.file.readers())
            .await
            .map_err(unavailable)?;
        Ok(found.and_then(|breaker| {
            breaker.code.map(|code| OpenBreaker {
                code,
                since: breaker.since.unwrap_or_default(),
                probe_at: breaker.probe_at(),
            })
        }))
    }

    /// Changes the breaker in one transaction, if `change` says that it did.
    async fn move_breaker(
        &self,
        change: impl FnOnce(&mut Breaker) -> bool,
    ) -> Result<bool, HotStateError> {
        let mut transaction = self.begin().await?;
        let mut breaker = Breaker::find(&mut transaction).await?;
        let changed = change(&mut breaker);
        if changed {
            breaker.store(&mut transaction).await?;
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(changed)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit 53 bits for ages"
)]
fn float(millis: i64) -> f64 {
    millis as f64
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(millis.max(0).unsigned_abs())
}
