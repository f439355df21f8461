//! How limits are counted in the file; the twin of `redis/limits.lua`. Each kind of
//! [`Quota`] is implemented once.

mod failures;
mod rates;
mod slots;

use domain::client_address::ClientAddress;
use domain::clock::{Clock, UnixMillis};
use domain::limits::{Per, Quota, Quotas, Rule, SHARE_MILLIS, Step};
use domain::phone::PhoneNumber;
use sqlx::SqliteConnection;

use super::{SqliteHotState, unavailable};
use crate::hot_state::limits::{Count, PROVEN_MILLIS, Row, Subject, Subjects, proven_from, rows};
use crate::hot_state::model::HotStateError;
use failures::Failures;
pub(super) use failures::of_phone as failures_of_phone;
use rates::Arrival;
use slots::Slots;

const SENDS_SINCE: &str =
    "SELECT at FROM hot_phone_sends WHERE phone IN ($1, $3) AND at > $2 ORDER BY at";
/// A log of its own stands beside those of the phones, under a name that no number has.
const STORE_OWN: &str = "INSERT INTO hot_phone_sends (phone, at) VALUES ($1, $2)";
const FORGET_LAST_OWN: &str = "DELETE FROM hot_phone_sends WHERE rowid = (SELECT rowid \
     FROM hot_phone_sends WHERE phone = $1 ORDER BY at DESC, rowid DESC LIMIT 1)";
const BRING_BACK_SENDS: &str =
    "UPDATE hot_phone_sends SET at = $2 WHERE phone IN ($1, $3) AND at > $2";
/// How long the sends of a phone are remembered: a day and a little.
pub(super) const LOG_LIFE_MILLIS: i64 = 25 * 60 * 60 * 1000;

/// What counting writes for a row that was looked at.
enum Next {
    /// The step that grants writes the log.
    Log,
    /// One more in a log of its own.
    Own(String),
    Arrival(Arrival),
    Failures(Failures),
    Budget {
        whole: Slots,
        part: Option<Slots>,
    },
    Share {
        own: Slots,
        whole: Option<Slots>,
    },
}

/// Who is counted.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    /// The number whose sends are counted, in the step that grants them.
    pub(super) phone: Option<&'a PhoneNumber>,
    /// What the number was called if its account was deleted lately.
    pub(super) erased: Option<&'a str>,
    pub(super) subjects: &'a Subjects<'a>,
}

/// The rows of a step after a look at each.
pub(super) struct Looked(Vec<Next>);

impl Looked {
    /// Looks at every row. Of several that refuse, that counts which takes longest to allow.
    pub(super) async fn at(
        connection: &mut SqliteConnection,
        now: UnixMillis,
        rows: &[Row],
        counted: Counted<'_>,
        behind: bool,
    ) -> Result<Result<Self, (Rule, i64)>, HotStateError> {
        let Counted {
            phone, subjects, ..
        } = counted;
        let mut look = Look {
            connection,
            now,
            digits: phone.map_or("", PhoneNumber::digits),
            erased: counted.erased,
            log: Vec::new(),
        };
        if let Some(phone) = phone {
            look.log = look.read_log(phone.as_e164(), counted.erased).await?;
        }
        let mut refused: Option<(Rule, i64)> = None;
        let mut all = Vec::with_capacity(rows.len());
        let mut whole_is_counted = false;
        for row in rows {
            if matches!(row.quota, Quota::Share { .. }) && !behind {
                continue;
            }
            let counts_whole = matches!(row.quota, Quota::Share { .. })
                && !std::mem::replace(&mut whole_is_counted, true);
            let (wait, next) = look.at(row, subjects, counts_whole).await?;
            if wait > refused.map_or(0, |(_, longest)| longest) {
                refused = Some((row.limit.rule, wait));
            }
            all.push(next);
        }
        Ok(refused.map_or(Ok(Self(all)), Err))
    }

    /// Counts every row.
    pub(super) async fn count(
        self,
        connection: &mut SqliteConnection,
        now: UnixMillis,
    ) -> Result<(), HotStateError> {
        for next in self.0 {
            match next {
                Next::Log => {}
                Next::Own(name) => store_own(connection, &name, now).await?,
                Next::Arrival(arrival) => arrival.store(connection).await?,
                Next::Failures(failures) => failures.one_more(now).store(connection).await?,
                Next::Budget { whole, part } => {
                    whole.one_more(false).store(connection).await?;
                    if let Some(part) = part {
                        part.one_more(false).store(connection).await?;
                    }
                }
                Next::Share { own, whole } => {
                    if let Some(whole) = whole {
                        whole.one_more(own.is_new()).store(connection).await?;
                    }
                    own.one_more(false).store(connection).await?;
                }
            }
        }
        Ok(())
    }
}

struct Look<'c> {
    connection: &'c mut SqliteConnection,
    now: UnixMillis,
    digits: &'c str,
    erased: Option<&'c str>,
    /// The moments of the sends of the phone.
    log: Vec<UnixMillis>,
}

impl Look<'_> {
    /// The moments in the log of this name, and of the name that it had before.
    async fn read_log(
        &mut self,
        name: &str,
        before: Option<&str>,
    ) -> Result<Vec<UnixMillis>, HotStateError> {
        // The clock was set back since: what lies ahead would keep the phone out for as long.
        sqlx::query(BRING_BACK_SENDS)
            .bind(name)
            .bind(self.now)
            .bind(before)
            .execute(&mut *self.connection)
            .await
            .map_err(unavailable)?;
        sqlx::query_scalar(SENDS_SINCE)
            .bind(name)
            .bind(self.now - LOG_LIFE_MILLIS)
            .bind(before)
            .fetch_all(&mut *self.connection)
            .await
            .map_err(unavailable)
    }

    /// How long the row refuses, or 0, and what counting would write.
    async fn at(
        &mut self,
        row: &Row,
        subjects: &Subjects<'_>,
        counts_whole: bool,
    ) -> Result<(i64, Next), HotStateError> {
        let now = self.now;
        let key = key(row, self.digits);
        match row.quota {
            Quota::Window { count, millis } => {
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                let wait = |log: &[UnixMillis]| {
                    let send = log.len().checked_sub(count);
                    let at = send.and_then(|index| log.get(index));
                    at.map_or(0, |at| (at + millis - now).max(0))
                };
                if row.subject == Subject::Phone {
                    return Ok((wait(&self.log), Next::Log));
                }
                let own = self.read_log(&key, None).await?;
                Ok((wait(&own), Next::Own(key)))
            }
            Quota::Rate {
                count,
                millis,
                ahead,
            } => {
                let mut proven = 0.0;
                if let (Subject::Text(place), true) = (&row.subject, row.limit.more_for_proven) {
                    let key = proven_key(place);
                    let found = Slots::find(self.connection, key, now, PROVEN_MILLIS).await?;
                    proven = found.lately(now);
                }
                let rate = rates::Rate {
                    count,
                    millis,
                    ahead,
                };
                let arrival = Arrival::find(self.connection, key, now, rate, proven).await?;
                Ok((arrival.wait(now, ahead), Next::Arrival(arrival)))
            }
            Quota::Lock { failures, millis } => {
                let before = self.erased.filter(|_| row.limit.per == Per::Phone);
                let before = before.map(erased_failures_key);
                let found = Failures::find(self.connection, key, before, now, millis).await?;
                Ok((found.locked_for(now, failures), Next::Failures(found)))
            }
            Quota::Budget {
                count,
                millis,
                group_part,
            } => {
                let whole = Slots::find(self.connection, key, now, millis).await?;
                let mut part = None;
                let mut is_used_up = false;
                if let Some(group) = row.part_of(subjects) {
                    let key = part_key(row, &group);
                    let found = Slots::find(self.connection, key, now, millis).await?;
                    is_used_up = found.count() * i64::from(group_part) >= i64::from(count);
                    part = Some(found);
                }
                let wait = if whole.count() >= i64::from(count) {
                    whole.ends_in(now)
                } else {
                    0
                };
                let next = if is_used_up {
                    Next::Log
                } else {
                    Next::Budget { whole, part }
                };
                Ok((wait, next))
            }
            Quota::Share { percent } => {
                let own = Slots::find(self.connection, key, now, SHARE_MILLIS).await?;
                let whole = whole_key();
                let whole = Slots::find(self.connection, whole, now, SHARE_MILLIS).await?;
                let wait = if own.is_above_its_share(&whole, percent) {
                    own.ends_in(now)
                } else {
                    0
                };
                let whole = counts_whole.then_some(whole);
                Ok((wait, Next::Share { own, whole }))
            }
        }
    }
}

/// Limits that were there before the table keep their keys.
fn key(row: &Row, digits: &str) -> String {
    let subject = row.subject_text(digits);
    match (row.limit.rule, row.quota) {
        (Rule::Address, _) => subject.to_owned(),
        (Rule::FailuresPhone, _) => phone_failures_key(subject),
        (Rule::FailuresAddress, Quota::Lock { .. }) => address_failures_key(subject),
        (rule, _) => format!("{}:{subject}", rule.as_str()),
    }
}

pub(super) fn phone_failures_key(digits: &str) -> String {
    format!("p:+{digits}")
}

pub(super) fn address_failures_key(address: &str) -> String {
    format!("a:{address}")
}

/// Of a number whose account was deleted lately.
pub(super) fn erased_failures_key(name: &str) -> String {
    format!("e:{name}")
}

fn part_key(row: &Row, group: &str) -> String {
    format!("{}:{group}", row.limit.rule.as_str())
}

fn whole_key() -> String {
    format!("{}:", Rule::GroupShare.as_str())
}

fn proven_key(place: &str) -> String {
    format!("proven:{place}")
}

/// Writes as much as a count of something, where there is nothing to count.
pub(super) async fn count_nowhere(
    connection: &mut SqliteConnection,
    now: UnixMillis,
) -> Result<(), HotStateError> {
    let nowhere = Slots::find(connection, "nowhere".to_owned(), now, PROVEN_MILLIS).await?;
    nowhere.one_more(false).store(connection).await
}

/// Remembers from where a number was proven.
pub(super) async fn prove(
    connection: &mut SqliteConnection,
    caller: ClientAddress,
    now: UnixMillis,
) -> Result<(), HotStateError> {
    for place in proven_from(caller) {
        let found = Slots::find(connection, proven_key(&place), now, PROVEN_MILLIS).await?;
        found.one_more(false).store(connection).await?;
    }
    Ok(())
}

impl SqliteHotState {
    pub(in crate::hot_state) async fn count(
        &self,
        clock: &Clock,
        step: Step,
        subjects: &Subjects<'_>,
        quotas: &Quotas,
    ) -> Result<Count, HotStateError> {
        let rows = rows(step, subjects, quotas);
        if rows.is_empty() {
            return Ok(Count::Counted);
        }
        let erased = subjects
            .phone
            .and_then(|phone| self.memory.erased_name(phone));
        let counted = Counted {
            phone: None,
            erased: erased.as_deref(),
            subjects,
        };
        let mut transaction = self.begin().await?;
        // Read with the file in hand: the writer may have been waited for.
        let now = clock.now_millis();
        let looked = Looked::at(&mut transaction, now, &rows, counted, false).await?;
        let count = match looked {
            Ok(looked) => {
                looked.count(&mut transaction, now).await?;
                Count::Counted
            }
            Err((rule, retry_after_millis)) => Count::Refused {
                rule,
                retry_after_millis,
            },
        };
        transaction.commit().await.map_err(unavailable)?;
        Ok(count)
    }

    pub(in crate::hot_state) async fn take_back(
        &self,
        clock: &Clock,
        step: Step,
        subjects: &Subjects<'_>,
        quotas: &Quotas,
        proven: Option<ClientAddress>,
    ) -> Result<(), HotStateError> {
        let rows = rows(step, subjects, quotas);
        let erased = subjects
            .phone
            .and_then(|phone| self.memory.erased_name(phone));
        let mut transaction = self.begin().await?;
        let now = clock.now_millis();
        for row in &rows {
            give_back(&mut transaction, row, "", subjects, now).await?;
            if let (Quota::Lock { .. }, Per::Phone, Some(name)) =
                (row.quota, row.limit.per, &erased)
            {
                failures::forget(&mut transaction, &erased_failures_key(name)).await?;
            }
        }
        if let Some(caller) = proven {
            prove(&mut transaction, caller, now).await?;
        }
        transaction.commit().await.map_err(unavailable)
    }
}

async fn store_own(
    connection: &mut SqliteConnection,
    name: &str,
    now: UnixMillis,
) -> Result<(), HotStateError> {
    sqlx::query(STORE_OWN)
        .bind(name)
        .bind(now)
        .execute(connection)
        .await
        .map(drop)
        .map_err(unavailable)
}

/// Gives one back that was counted; sends of a phone are in its log, and shares stay.
pub(super) async fn give_back(
    connection: &mut SqliteConnection,
    row: &Row,
    digits: &str,
    subjects: &Subjects<'_>,
    now: UnixMillis,
) -> Result<(), HotStateError> {
    let key = key(row, digits);
    match row.quota {
        Quota::Window { .. } if row.subject != Subject::Phone => sqlx::query(FORGET_LAST_OWN)
            .bind(key)
            .execute(connection)
            .await
            .map(drop)
            .map_err(unavailable),
        Quota::Window { .. } | Quota::Share { .. } => Ok(()),
        Quota::Rate { count, millis, .. } => {
            rates::give_back(connection, &key, rates::step(count, millis)).await
        }
        Quota::Lock { .. } if matches!(row.limit.per, Per::Phone | Per::Device) => {
            failures::forget(connection, &key).await
        }
        Quota::Lock { .. } => failures::give_back(connection, &key).await,
        Quota::Budget {
            count,
            millis,
            group_part,
        } => {
            if let Some(group) = row.part_of(subjects) {
                let part = Slots::find(connection, part_key(row, &group), now, millis).await?;
                if part.is_new() || part.count() * i64::from(group_part) >= i64::from(count) {
                    // It may not have been counted, or in another span.
                    return Ok(());
                }
                part.one_less().store(connection).await?;
            }
            let whole = Slots::find(connection, key, now, millis).await?;
            whole.one_less().store(connection).await
        }
    }
}
