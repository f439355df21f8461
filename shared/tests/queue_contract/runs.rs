//! What ran, and a handler that waits until the test lets it go on.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use domain::challenge::ChallengeId;
use harness::eventually;
use shared::queue::{Disposal, Job};
use tokio::sync::watch;

use crate::stage::{PATIENCE, challenge_of};

/// Counts runs by challenge.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<HashMap<ChallengeId, u32>>>);

impl Runs {
    pub(crate) fn count(&self, job: &Job) {
        *self
            .0
            .lock()
            .expect("a lock")
            .entry(challenge_of(job))
            .or_default() += 1;
    }

    pub(crate) fn of(&self, challenge: &ChallengeId) -> u32 {
        self.0
            .lock()
            .expect("a lock")
            .get(challenge)
            .copied()
            .unwrap_or_default()
    }

    pub(crate) fn total(&self) -> u32 {
        self.0.lock().expect("a lock").values().sum()
    }

    pub(crate) async fn reach(&self, total: u32) {
        eventually(PATIENCE, || async { (self.total() >= total).then_some(()) }).await;
    }
}

/// Holds runs until it is opened.
#[derive(Clone)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

type Run = Pin<Box<dyn Future<Output = Disposal> + Send>>;

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets all go that wait, and all that come.
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    /// A handler that counts each run as it begins, and holds those of the challenges that `is_held` names.
    pub(crate) fn holding(
        &self,
        runs: &Runs,
        is_held: impl Fn(ChallengeId) -> bool + Clone + Send + Sync + 'static,
    ) -> impl Fn(Job) -> Run + Clone + Send + Sync + 'static {
        let (gate, runs) = (self.clone(), runs.clone());
        move |job| {
            runs.count(&job);
            let held = is_held(challenge_of(&job));
            let mut opened = gate.0.subscribe();
            Box::pin(async move {
                if held {
                    opened
                        .wait_for(|open| *open)
                        .await
                        .expect("the test has the gate");
                }
                Disposal::Done
            })
        }
    }
}
