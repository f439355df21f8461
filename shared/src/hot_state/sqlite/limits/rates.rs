//! Rates: one number a subject, the moment at which the next would come if all came evenly.

use domain::clock::UnixMillis;

use super::super::unavailable;
use crate::hot_state::limits::MORE_FOR_EACH_PROVEN;
use crate::hot_state::model::HotStateError;
use crate::sqlite_file::{Answers, Question, Script};

const FIND: &str = "SELECT arrival FROM hot_addresses WHERE address = $1";
const STORE: &str = "INSERT INTO hot_addresses (address, arrival) VALUES ($1, $2) \
     ON CONFLICT (address) DO UPDATE SET arrival = excluded.arrival";
const GIVE_BACK: &str = "UPDATE hot_addresses SET arrival = arrival - $2 WHERE address = $1";

/// See [`domain::limits::Quota::Rate`].
#[derive(Clone, Copy)]
pub(super) struct Rate {
    pub(super) count: u32,
    pub(super) millis: i64,
    pub(super) ahead: i64,
}

/// The theoretical arrival of the next one, if this one is counted.
pub(super) struct Arrival {
    key: String,
    next: f64,
}

/// An arrival that was asked for.
pub(super) struct SoughtArrival {
    key: String,
    found: Question,
}

impl SoughtArrival {
    /// Where so many numbers were `proven` lately.
    pub(super) fn read(
        self,
        answers: &Answers,
        now: UnixMillis,
        rate: Rate,
        proven: f64,
    ) -> Result<Arrival, HotStateError> {
        let stored: Option<(f64,)> = answers.first(self.found).map_err(unavailable)?;
        let mut before = stored.unwrap_or_default().0.max(millis(now));
        if before > millis(now) + millis(rate.ahead) + step(rate.count, rate.millis) {
            // No clock that goes on comes so far.
            before = millis(now);
        }
        let count = f64::from(rate.count) + millis(MORE_FOR_EACH_PROVEN) * proven;
        Ok(Arrival {
            key: self.key,
            next: before + millis(rate.millis) / count,
        })
    }
}

impl Arrival {
    pub(super) fn ask(script: &mut Script, key: String) -> SoughtArrival {
        let found = script.add(FIND).bind(&key).question();
        SoughtArrival { key, found }
    }

    /// How long this one has to wait, in milliseconds, or 0.
    pub(super) fn wait(&self, now: UnixMillis, ahead: i64) -> i64 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a wait is below a minute or two"
        )]
        let whole = (self.next - millis(now) - millis(ahead)).ceil() as i64;
        whole.max(0)
    }

    pub(super) fn store(self, script: &mut Script) {
        script.add(STORE).bind(self.key).bind(self.next);
    }
}

/// The time that one takes.
pub(super) fn step(count: u32, millis_of_count: i64) -> f64 {
    millis(millis_of_count) / f64::from(count)
}

pub(super) fn give_back(script: &mut Script, key: &str, step: f64) {
    script.add(GIVE_BACK).bind(key).bind(step);
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit 53 bits for ages"
)]
fn millis(count: i64) -> f64 {
    count as f64
}
