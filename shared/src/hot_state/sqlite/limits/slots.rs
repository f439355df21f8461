//! Counters of the present span and of the one before: budgets, shares, and numbers proven.

use domain::clock::UnixMillis;

use super::super::unavailable;
use crate::hot_state::model::HotStateError;
use crate::sqlite_file::{Answers, Question, Script};

const FIND: &str =
    "SELECT slot, count, before, parts, parts_before FROM hot_counters WHERE key = $1";
const STORE: &str = "INSERT INTO hot_counters \
     (key, slot, count, before, parts, parts_before, forget_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
     ON CONFLICT (key) DO UPDATE SET slot = excluded.slot, count = excluded.count, \
     before = excluded.before, parts = excluded.parts, parts_before = excluded.parts_before, \
     forget_at = excluded.forget_at";

#[derive(Clone, Copy, Default, sqlx::FromRow)]
struct Stored {
    slot: i64,
    count: i64,
    before: i64,
    parts: i64,
    parts_before: i64,
}

/// A counter as it stands in the present span.
pub(super) struct Slots {
    key: String,
    millis: i64,
    now: Stored,
}

/// A counter that was asked for.
pub(super) struct SoughtSlots {
    key: String,
    millis: i64,
    found: Question,
}

impl SoughtSlots {
    /// What lies ahead was counted before the clock was set back, and is forgotten.
    pub(super) fn read(self, answers: &Answers, now: UnixMillis) -> Result<Slots, HotStateError> {
        let stored: Option<Stored> = answers.first(self.found).map_err(unavailable)?;
        let slot = now.div_euclid(self.millis);
        let now = match stored {
            Some(stored) if stored.slot == slot => stored,
            Some(stored) if stored.slot == slot - 1 => Stored {
                slot,
                before: stored.count,
                parts_before: stored.parts,
                ..Stored::default()
            },
            _ => Stored {
                slot,
                ..Stored::default()
            },
        };
        Ok(Slots {
            key: self.key,
            millis: self.millis,
            now,
        })
    }
}

impl Slots {
    /// Of spans of so many milliseconds.
    pub(super) fn ask(script: &mut Script, key: String, millis: i64) -> SoughtSlots {
        let found = script.add(FIND).bind(&key).question();
        SoughtSlots { key, millis, found }
    }

    /// How many in the present span.
    pub(super) fn count(&self) -> i64 {
        self.now.count
    }

    /// Whether nothing was counted in the present span yet.
    pub(super) fn is_new(&self) -> bool {
        self.now.count == 0
    }

    /// When the present span ends.
    pub(super) fn ends_in(&self, now: UnixMillis) -> i64 {
        (self.now.slot + 1) * self.millis - now
    }

    /// How many in the last span of this length that ends now, as if those before came evenly.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts and spans are far below 2^52"
    )]
    pub(super) fn lately(&self, now: UnixMillis) -> f64 {
        let left = (self.millis - now.rem_euclid(self.millis)) as f64 / self.millis as f64;
        self.now.count as f64 + self.now.before as f64 * left
    }

    /// Whether others had anything, and this one had more of both spans than its part of the whole or
    /// an equal part, and than what chance adds to it.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(super) fn is_above_its_share(&self, whole: &Self, percent: u32) -> bool {
        let own = self.now.count + self.now.before;
        let all = whole.now.count + whole.now.before;
        let equal = 1.0 / whole.now.parts.max(whole.now.parts_before).max(1) as f64;
        let fair = all as f64 * equal.max(f64::from(percent) / 100.0);
        all > own && own as f64 > fair + 3.0 * fair.sqrt()
    }

    pub(super) fn one_more(self, joins: bool) -> Self {
        let now = Stored {
            count: self.now.count + 1,
            parts: self.now.parts + i64::from(joins),
            ..self.now
        };
        Self { now, ..self }
    }

    pub(super) fn one_less(self) -> Self {
        let now = Stored {
            count: (self.now.count - 1).max(0),
            ..self.now
        };
        Self { now, ..self }
    }

    pub(super) fn store(self, script: &mut Script) {
        script
            .add(STORE)
            .bind(self.key)
            .bind(self.now.slot)
            .bind(self.now.count)
            .bind(self.now.before)
            .bind(self.now.parts)
            .bind(self.now.parts_before)
            .bind((self.now.slot + 2) * self.millis);
    }
}
