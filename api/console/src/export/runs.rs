//! Files that were asked for.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use shared::records::SendFilter;
use uuid::Uuid;

/// So many are kept at most, the newest.
const MOST: usize = 50;
/// Each for so long.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// The files of one process. They are nothing that must survive it.
#[derive(Debug, Default)]
pub(crate) struct Runs(Mutex<Vec<Arc<Run>>>);

/// A file that was asked for.
#[derive(Debug)]
pub(crate) struct Run {
    pub(super) id: Uuid,
    /// Whose it is.
    pub(super) session: Uuid,
    asked_at: DateTime<Utc>,
    pub(super) filter: SendFilter,
    /// The filters as they stand in addresses.
    pub(super) query: String,
    /// Whether its numbers are whole.
    pub(super) whole: bool,
    rows: AtomicU64,
    stage: AtomicU8,
}

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Ready = 0,
    Running = 1,
    Done = 2,
    Failed = 3,
}

impl Run {
    pub(super) fn new(
        id: Uuid,
        session: Uuid,
        asked_at: DateTime<Utc>,
        filter: SendFilter,
        query: String,
        whole: bool,
    ) -> Self {
        Self {
            id,
            session,
            asked_at,
            filter,
            query,
            whole,
            rows: AtomicU64::new(0),
            stage: AtomicU8::new(Stage::Ready as u8),
        }
    }

    /// Takes the file; false where somebody has taken it.
    pub(super) fn begin(&self) -> bool {
        let (ready, running) = (Stage::Ready as u8, Stage::Running as u8);
        self.stage
            .compare_exchange(ready, running, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    pub(super) fn count(&self, rows: usize) {
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    pub(super) fn end(&self, whole: bool) {
        let stage = if whole { Stage::Done } else { Stage::Failed };
        self.stage.store(stage as u8, Ordering::Release);
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    pub(super) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Ready,
            1 => Stage::Running,
            2 => Stage::Done,
            _ => Stage::Failed,
        }
    }
}

impl Runs {
    pub(super) fn add(&self, run: Run, now: DateTime<Utc>) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|run| (now - run.asked_at).abs() < KEPT);
        let surplus = (runs.len() + 1).saturating_sub(MOST);
        runs.drain(..surplus);
        runs.push(Arc::new(run));
    }

    pub(super) fn find(&self, id: Uuid, now: DateTime<Utc>) -> Option<Arc<Run>> {
        let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = runs.iter().find(|run| run.id == id);
        found
            .filter(|run| (now - run.asked_at).abs() < KEPT)
            .cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_taken_once_and_kept_for_an_hour_and_not_too_many() {
        let runs = Runs::default();
        let now = DateTime::from_timestamp(1_763_700_000, 0).expect("a moment");
        let run = |number: u128| {
            let (id, session) = (Uuid::from_u128(number), Uuid::nil());
            Run::new(
                id,
                session,
                now,
                SendFilter::default(),
                String::new(),
                false,
            )
        };
        for number in 0..60 {
            runs.add(run(number), now);
        }
        let find = |number: u128, at| runs.find(Uuid::from_u128(number), at);
        assert!(find(9, now).is_none(), "the oldest are forgotten");
        let last = find(59, now).expect("the newest");
        assert!(last.begin());
        assert!(!last.begin());
        assert_eq!(last.stage(), Stage::Running);
        last.end(false);
        assert_eq!(last.stage(), Stage::Failed);
        assert!(find(59, now + KEPT).is_none());
    }
}
