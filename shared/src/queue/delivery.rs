//! A job in the hands of a worker, and how its run ends.

use std::time::Duration;

/// One delivery of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The id of the queue's entry.
    pub id: String,
    /// The job as it was written.
    pub payload: String,
    /// How many runs ended with a delay before.
    pub attempts: u32,
    /// Which delivery of this entry it is, from 1. More than one means that a worker died with it.
    /// It is part of the fence: anyone who holds an earlier delivery can no longer settle.
    pub deliveries: u32,
}

impl Delivery {
    /// Whether two workers died while they had this job; such a job runs alone.
    pub fn is_suspect(&self) -> bool {
        self.deliveries > 2
    }
}

/// How a run ends. Nothing else ends a job.
#[derive(Clone, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Disposal {
    /// It is finished; nothing of it stays.
    Done,
    /// It was tried and runs again, after this time.
    Delay(Duration),
    /// It did not get its turn, through no fault of its own, and runs after this time; no run is
    /// counted.
    Postpone(Duration),
    /// It never runs again and is kept with the reason, which must not name people or secrets.
    Dead(&'static str),
    /// It did not run and goes back to where it can be taken at once.
    GiveBack,
}

impl Disposal {
    /// The name in traces.
    pub fn as_str(&self) -> &'static str {
        self.into()
    }
}

/// A delivery and its end.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The delivery, which is also the fence.
    pub delivery: Delivery,
    /// How it ends.
    pub disposal: Disposal,
}
