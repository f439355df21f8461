//! Whether the service can do its work.

use std::time::Duration;

use tokio::time::timeout;

use crate::flows::Flows;

/// Probes give up after a second.
const PROBE_LIMIT: Duration = Duration::from_millis(900);

/// Which of the stores answer. Causes stand in the log, not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Challenges, limits and the queue.
    pub hot_state: bool,
    /// Users and sessions.
    pub records: bool,
}

impl Readiness {
    /// Whether everything answers.
    pub fn is_ready(self) -> bool {
        self.hot_state && self.records
    }
}

/// Asks each store.
pub async fn look(flows: &Flows) -> Readiness {
    let (hot_state, records) = tokio::join!(
        probe("hot_state", flows.hot_state.ping()),
        probe("records", flows.records.ping()),
    );
    Readiness { hot_state, records }
}

async fn probe<E: std::fmt::Display>(
    dependency: &'static str,
    ping: impl Future<Output = Result<(), E>>,
) -> bool {
    match timeout(PROBE_LIMIT, ping).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(dependency, %error, "not ready");
            false
        }
        Err(_) => {
            tracing::warn!(dependency, "not ready: no answer in time");
            false
        }
    }
}
