//! The gate before the gateway: whether a call may be made now, and what its outcome means for the
//! calls of all workers.
//!
//! Rate and breaker are in hot state, shared by all workers; see `shared::hot_state::gate`. Nothing
//! has to be touched after a recharge: while the breaker is open one worker at a time asks for the
//! account, and the first good answer closes it.

use std::sync::Arc;
use std::time::Duration;

use domain::clock::{Clock, UnixMillis};
use domain::random::Random;
use gateway::{AccountInfo, ReadError, SendOutcome};
use shared::hot_state::gate::FIRST_PROBE;
use shared::hot_state::{Admission, HotState, OpenBreaker};
use shared::queue::Disposal;
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::metrics::GateMetrics;

/// A run waits this long for its turn with its slot taken, so that a worker at the limit stops
/// reading instead of taking the whole queue in its hands and putting it back.
const PATIENCE: Duration = Duration::from_secs(3);
/// How soon a job looks again when hot state is away.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A job that met the refusal comes back when the first probe has told more.
const AFTER_REFUSAL: Duration = FIRST_PROBE.saturating_add(Duration::from_secs(2));
/// How often the breaker is looked at, also when another worker opened it.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The right to probe outlives the slowest answer of the gateway.
const PROBE_LEASE: Duration = Duration::from_secs(15);
/// "No credit" (418) is over when so much is there: no message costs less than about half of it.
const ENOUGH_CREDIT_RIALS: i64 = 5_000;
const NO_CREDIT: i32 = 418;
/// The gateway's code for it.
pub(crate) const TOO_MANY_CALLS: i32 = 451;

/// Admits the calls of one worker. Clones share everything.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    hot_state: HotState,
    account: Account,
    rate_per_second: u32,
    clock: Clock,
    random: Random,
    metrics: GateMetrics,
    stop: CancellationToken,
}

impl Gate {
    /// A gate for calls at a full rate of so many a second over all workers.
    pub(crate) fn new(
        hot_state: HotState,
        account: Account,
        rate_per_second: u32,
        clock: Clock,
        random: Random,
        metrics: GateMetrics,
        stop: CancellationToken,
    ) -> Self {
        Self(Arc::new(Inner {
            hot_state,
            account,
            rate_per_second,
            clock,
            random,
            metrics,
            stop,
        }))
    }

    /// Returns when the call of a job may be made, or says what becomes of the job instead. Waits
    /// a little for its turn.
    pub(crate) async fn admit(&self, deadline: UnixMillis) -> Result<(), Disposal> {
        let left = self.left(deadline);
        let admission = self
            .0
            .hot_state
            .admit_call(self.0.rate_per_second, PATIENCE.min(left))
            .await;
        match admission {
            Ok(Admission::Go { after }) if after.is_zero() => Ok(()),
            Ok(Admission::Go { after }) => self.wait_for_turn(after, deadline).await,
            Ok(Admission::Wait(after)) => {
                // Spread, so that jobs that were refused together do not come back together.
                let after = after + PATIENCE.mul_f64(self.0.random.fraction());
                Err(Disposal::Postpone(after.min(left)))
            }
            Ok(Admission::Closed { code, retry_after }) => {
                tracing::debug!(code, "not called: the gateway refuses everything");
                Err(Disposal::Postpone(retry_after.min(left)))
            }
            Err(error) => {
                tracing::warn!(%error, "cannot ask whether the gateway may be called");
                Err(Disposal::Delay(LOOK_AGAIN.min(left)))
            }
        }
    }

    async fn wait_for_turn(&self, after: Duration, deadline: UnixMillis) -> Result<(), Disposal> {
        let turn = tokio::time::sleep(after);
        if self.0.stop.run_until_cancelled(turn).await.is_none() {
            return Err(Disposal::GiveBack);
        }
        // Another call may have met a refusal meanwhile.
        match self.0.hot_state.breaker().await {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(Disposal::Postpone(AFTER_REFUSAL.min(self.left(deadline)))),
            Err(error) => {
                tracing::warn!(%error, "cannot ask whether the gateway may be called");
                Err(Disposal::Delay(LOOK_AGAIN.min(self.left(deadline))))
            }
        }
    }

    /// Whether the gateway may be asked something that no message waits for, or when to try again.
    /// Without patience it takes a place that no message wants.
    pub(crate) async fn admit_question(&self, patience: Duration) -> Result<(), Duration> {
        let rate = self.0.rate_per_second;
        match self.0.hot_state.admit_call(rate, patience).await {
            Ok(Admission::Go { after }) => {
                tokio::time::sleep(after).await;
                Ok(())
            }
            Ok(Admission::Wait(after)) => Err(after),
            Ok(Admission::Closed { retry_after, .. }) => Err(retry_after),
            Err(error) => {
                tracing::debug!(%error, "cannot ask whether the gateway may be called");
                Err(LOOK_AGAIN)
            }
        }
    }

    fn left(&self, deadline: UnixMillis) -> Duration {
        let left = (deadline - self.0.clock.now_millis()).max(0);
        Duration::from_millis(left.unsigned_abs())
    }

    /// Learns from the outcome of a call what holds for the calls of all workers.
    pub(crate) async fn observe(&self, outcome: &SendOutcome) {
        match outcome {
            SendOutcome::AccountWide { code } => {
                self.0.account.refused(*code);
                self.open(*code).await;
            }
            SendOutcome::Later {
                slow_down: true, ..
            } => self.slow_down().await,
            _ => {}
        }
    }

    /// The same from a question that was not answered. What the account is refused is learned from
    /// messages only: a question can be refused for less.
    pub(crate) async fn observe_question(&self, error: &ReadError) {
        if error.gateway_status() == Some(TOO_MANY_CALLS) {
            self.slow_down().await;
        }
    }

    async fn slow_down(&self) {
        match self.0.hot_state.slow_down().await {
            Ok(true) => tracing::warn!("too many calls: the rate of all workers is halved"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "cannot slow down"),
        }
    }

    async fn open(&self, code: i32) {
        match self.0.hot_state.open_breaker(code).await {
            Ok(true) => {
                self.0.metrics.opened();
                tracing::error!(
                    code,
                    no_credit = code == NO_CREDIT,
                    credit_rials_last_seen = self.0.account.last_credit(),
                    "the gateway refuses every message: nothing is sent until the account works again"
                );
            }
            Ok(false) => {}
            Err(error) => tracing::error!(code, %error, "cannot open the breaker"),
        }
    }

    /// What becomes of a job after its call: one that met a refusal of the whole account was not
    /// tried, so it loses no run.
    pub(crate) fn dispose(outcome: &SendOutcome, disposal: Disposal) -> Disposal {
        match (outcome, disposal) {
            (SendOutcome::AccountWide { .. }, Disposal::Delay(after)) => {
                Disposal::Postpone(after.min(AFTER_REFUSAL))
            }
            (_, disposal) => disposal,
        }
    }

    /// Shows the breaker in the metrics and probes the account while it is open, until the stop.
    pub(crate) async fn probe_until_stopped(self) {
        let stop = self.0.stop.clone();
        let look = async {
            loop {
                self.look().await;
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        stop.run_until_cancelled(look).await;
    }

    async fn look(&self) {
        // Trouble with hot state is reported by those who take jobs from it.
        let Ok(breaker) = self.0.hot_state.breaker().await else {
            return;
        };
        self.0.metrics.breaker(breaker.is_some());
        if let Some(breaker) = breaker
            && let Ok(true) = self.0.hot_state.take_probe(PROBE_LEASE).await
        {
            self.probe(breaker).await;
        }
    }

    async fn probe(&self, breaker: OpenBreaker) {
        let info = self.0.account.info().await;
        let credit_rials = info.as_ref().ok().map(|info| info.remaining_credit);
        let moved = if works_again(breaker.code, info.as_ref()) {
            self.0.metrics.breaker(false);
            tracing::info!(
                code = breaker.code,
                credit_rials,
                "the account works again: messages are sent"
            );
            self.0.hot_state.close_breaker().await
        } else {
            let cause = info.err().map(|error| error.to_string());
            tracing::error!(
                code = breaker.code,
                no_credit = breaker.code == NO_CREDIT,
                credit_rials,
                cause,
                "the account does not work yet: nothing is sent"
            );
            self.0.hot_state.put_off_probe().await
        };
        // The lease runs out, and a worker probes again.
        if let Err(error) = moved {
            tracing::warn!(%error, "cannot record the outcome of the probe");
        }
    }
}

/// Whether the answer of the account says that what opened the breaker is over.
fn works_again(code: i32, info: Result<&AccountInfo, &ReadError>) -> bool {
    info.is_ok_and(|info| code != NO_CREDIT || info.remaining_credit >= ENOUGH_CREDIT_RIALS)
}

#[cfg(test)]
mod tests {
    use gateway::Class;

    use super::*;

    fn with_credit(remaining_credit: i64) -> AccountInfo {
        AccountInfo {
            remaining_credit,
            expires_at: None,
        }
    }

    #[test]
    fn f_10_no_credit_is_over_when_there_is_credit() {
        for rials in [-1, 0, 2_000] {
            assert!(!works_again(418, Ok(&with_credit(rials))), "{rials}");
        }
        assert!(works_again(418, Ok(&with_credit(50_000))));
    }

    #[test]
    fn other_refusals_are_over_when_the_account_answers() {
        let refused = ReadError::Refused {
            code: 403,
            class: Class::Account,
        };
        assert!(!works_again(403, Err(&refused)));
        assert!(!works_again(403, Err(&ReadError::Misdirected(404))));
        // Without credit the next message opens it again, with the right code.
        assert!(works_again(403, Ok(&with_credit(0))));
    }
}
