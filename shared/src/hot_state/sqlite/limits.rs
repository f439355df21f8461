//! How limits are counted in the file; the twin of `redis/limits.lua`. Each kind of
//! [`Quota`] is implemented once.

mod failures;
mod looking;
mod rates;
mod slots;

use domain::client_address::ClientAddress;
use domain::clock::{Clock, UnixMillis};
use domain::limits::{Per, Quota, Quotas, Rule, Step};
use domain::phone::PhoneNumber;
use sqlx::SqliteConnection;

use super::{SqliteHotState, unavailable};
use crate::hot_state::limits::{Count, PROVEN_MILLIS, Row, Subject, Subjects, proven_from, rows};
use crate::hot_state::model::HotStateError;
use crate::sqlite_file::{Answers, Script};
pub(super) use failures::of_phone as failures_of_phone;
pub(super) use looking::{Looked, Looking};
use slots::{Slots, SoughtSlots};

const FORGET_LAST_OWN: &str = "DELETE FROM hot_phone_sends WHERE rowid = (SELECT rowid \
     FROM hot_phone_sends WHERE phone = $1 ORDER BY at DESC, rowid DESC LIMIT 1)";
/// How long the sends of a phone are remembered: a day and a little.
pub(super) const LOG_LIFE_MILLIS: i64 = 25 * 60 * 60 * 1000;

/// Who is counted.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    /// The number whose sends are counted, in the step that grants them.
    pub(super) phone: Option<&'a PhoneNumber>,
    /// What the number was called if its account was deleted lately.
    pub(super) erased: Option<&'a str>,
    pub(super) subjects: &'a Subjects<'a>,
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
    let mut script = Script::default();
    let nowhere = Slots::ask(&mut script, "nowhere".to_owned(), PROVEN_MILLIS);
    let answers = script.run(connection).await.map_err(unavailable)?;
    let mut script = Script::default();
    let nowhere = nowhere.read(&answers, now)?;
    nowhere.one_more(false).store(&mut script);
    script.run(connection).await.map(drop).map_err(unavailable)
}

/// Counts of the numbers that were proven from somewhere.
pub(super) struct ProvenFrom([SoughtSlots; 2]);

impl ProvenFrom {
    pub(super) fn ask(script: &mut Script, caller: ClientAddress) -> Self {
        let places = proven_from(caller);
        Self(places.map(|place| Slots::ask(script, proven_key(&place), PROVEN_MILLIS)))
    }

    /// Remembers one more.
    pub(super) fn count(
        self,
        answers: &Answers,
        now: UnixMillis,
        script: &mut Script,
    ) -> Result<(), HotStateError> {
        for place in self.0 {
            place.read(answers, now)?.one_more(false).store(script);
        }
        Ok(())
    }
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
        let mut script = Script::default();
        let looking = Looking::ask(&mut script, now, &rows, counted);
        let answers = script.run(&mut transaction).await.map_err(unavailable)?;
        let mut looked = Looked::default();
        looked.add(looking, &answers, now)?;
        let count = match looked.refused() {
            None => {
                let mut script = Script::default();
                looked.count(&mut script, now);
                script.run(&mut transaction).await.map_err(unavailable)?;
                Count::Counted
            }
            Some((rule, retry_after_millis)) => Count::Refused {
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
        give_back(&mut transaction, &rows, "", subjects, now).await?;
        let mut script = Script::default();
        for row in &rows {
            if let (Quota::Lock { .. }, Per::Phone, Some(name)) =
                (row.quota, row.limit.per, &erased)
            {
                failures::forget(&mut script, &erased_failures_key(name));
            }
        }
        let proven = proven.map(|caller| ProvenFrom::ask(&mut script, caller));
        let answers = script.run(&mut transaction).await.map_err(unavailable)?;
        if let Some(proven) = proven {
            let mut script = Script::default();
            proven.count(&answers, now, &mut script)?;
            script.run(&mut transaction).await.map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)
    }
}

/// A budget of which one was spent.
struct Spent {
    whole: SoughtSlots,
    /// What a network has had of it, of which it may have one in so many.
    part: Option<(SoughtSlots, i64)>,
    most: i64,
}

impl Spent {
    fn give_back(
        self,
        answers: &Answers,
        now: UnixMillis,
        script: &mut Script,
    ) -> Result<(), HotStateError> {
        if let Some((part, group_part)) = self.part {
            let part = part.read(answers, now)?;
            if part.is_new() || part.count() * group_part >= self.most {
                // It may not have been counted, or in another span.
                return Ok(());
            }
            part.one_less().store(script);
        }
        self.whole.read(answers, now)?.one_less().store(script);
        Ok(())
    }
}

/// Gives back what was counted, one of each row; sends of a phone are in its log, and shares stay.
pub(super) async fn give_back(
    connection: &mut SqliteConnection,
    rows: &[Row],
    digits: &str,
    subjects: &Subjects<'_>,
    now: UnixMillis,
) -> Result<(), HotStateError> {
    let mut script = Script::default();
    let mut budgets = Vec::new();
    for row in rows {
        let key = key(row, digits);
        match row.quota {
            Quota::Window { .. } if row.subject != Subject::Phone => {
                script.add(FORGET_LAST_OWN).bind(key);
            }
            Quota::Window { .. } | Quota::Share { .. } => {}
            Quota::Rate { count, millis, .. } => {
                rates::give_back(&mut script, &key, rates::step(count, millis));
            }
            Quota::Lock { .. } if matches!(row.limit.per, Per::Phone | Per::Device) => {
                failures::forget(&mut script, &key);
            }
            Quota::Lock { .. } => failures::give_back(&mut script, &key),
            Quota::Budget {
                count,
                millis,
                group_part,
            } => budgets.push(Spent {
                part: row.part_of(subjects).map(|group| {
                    let part = Slots::ask(&mut script, part_key(row, &group), millis);
                    (part, i64::from(group_part))
                }),
                whole: Slots::ask(&mut script, key, millis),
                most: i64::from(count),
            }),
        }
    }
    let answers = script.run(connection).await.map_err(unavailable)?;
    let mut script = Script::default();
    for budget in budgets {
        budget.give_back(&answers, now, &mut script)?;
    }
    script.run(connection).await.map(drop).map_err(unavailable)
}
