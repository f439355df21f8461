//! Finds out what became of the messages that the gateway has accepted.
//!
//! One loop in each worker, of which one at a time asks: it holds the right to that in hot state, renews it with
//! each turn and gives it back when it stops or fails; the others look from time to time whether it is free.
//! Questions that are due gather for a second, then it reads up to 500 of them and asks by one call; so all workers
//! together make about one call a second under load, and none while there is nothing to ask. Nobody waits for the
//! answers, so messages go first: a question takes a place in the rate that no message wants, and stands in line
//! with them only after a minute of waiting. Whatever fails is tried again later; what was asked and not recorded
//! is asked again after a minute, and keeps nothing else waiting until then.

mod recording;
mod round;
mod trouble;

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::clock::Clock;
use domain::random::Random;
use gateway::{Gateway, MAX_STATUS_IDS};
use shared::backoff::RetryDelays;
use shared::hot_state::HotState;
use shared::loops::{self, Loop};
use shared::records::{CheckPlace, Records, RecordsError, Route};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::account::Account;
use crate::gate::Gate;
use crate::metrics::WorkerMetrics;
use round::Round;
use trouble::{Trouble, TurnError};

const ROUTE: Route = Route::KAVENEGAR;

/// Questions of one call.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the gateway takes 500 ids in one call"
)]
const BATCH: u32 = MAX_STATUS_IDS as u32;
/// How long questions that are due wait for company.
const GATHER: Duration = Duration::from_secs(1);
/// How often somebody looks whether a question is due; a report may have made it so.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Workers do not look in step.
const SPREAD: Duration = Duration::from_millis(500);
/// After a full batch of them the records are left alone for so many times as long as they took, because people who sign
/// in need them now, and the answers can wait.
const LEFT_ALONE: u32 = 3;
/// From then on a question stands in line with the messages, and nothing is left alone.
const LONG_OVERDUE: Duration = Duration::from_mins(1);
/// How long it stands there.
const IN_LINE: Duration = Duration::from_secs(1);
/// After failures: from this, doubled each time, up to a minute.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long the right to ask lasts when nobody renews it; longer than the slowest turn.
const FOLLOWS_FOR: Duration = Duration::from_mins(1);

/// The loop of one worker.
#[derive(Clone)]
pub(crate) struct DeliveryWatch {
    pub(crate) hot_state: HotState,
    pub(crate) records: Records,
    pub(crate) gateway: Gateway,
    pub(crate) gate: Gate,
    pub(crate) account: Account,
    /// By what the right to ask knows this worker.
    pub(crate) holder: Uuid,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) metrics: WorkerMetrics,
    pub(crate) stop: CancellationToken,
}

/// What a turn came to.
enum Turn {
    /// There may be more, after this time.
    More(Duration),
    /// Look again after this time.
    Rest(Duration),
}

/// What a look found.
enum Look {
    /// Questions to ask, the first of them due since then.
    Due(DateTime<Utc>),
    /// Nothing yet; look again after this time.
    Rest(Duration),
}

/// The loop, which is under way.
pub(crate) struct Following {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Following {
    /// Ends it, also where nobody has stopped the worker, and returns when the right to ask is given back.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        // One that panics at its end has said so.
        let _ = self.task.await;
    }
}

impl DeliveryWatch {
    /// Follows deliveries until the stop.
    pub(crate) fn start(self) -> Following {
        let stop = self.stop.clone();
        let task = loops::run(Loop::Deliveries, stop.clone(), move || self.clone().run());
        Following {
            stop,
            task: tokio::spawn(task),
        }
    }

    /// Asks until the stop; it never ends by itself.
    async fn run(self) {
        let delays = RetryDelays::new(FIRST_PAUSE, LONGEST_PAUSE, self.random.clone());
        let watch = async {
            let (mut round, mut trouble) = (Round::default(), Trouble::default());
            loop {
                let turn = self.turn(&delays, &mut round, &mut trouble).await;
                let pause = match turn {
                    Ok(Turn::More(pause)) => pause,
                    Ok(Turn::Rest(rest)) => rest + SPREAD.mul_f64(self.random.fraction()),
                    Err(error @ TurnError::HotState(_)) => {
                        trouble.met(&error, self.clock.now());
                        LOOK_EVERY
                    }
                    Err(error) => {
                        let failures = trouble.met(&error, self.clock.now());
                        let left_alone = error.left_alone_for();
                        // Another may have more luck, unless nobody is to ask.
                        if left_alone.is_zero() {
                            self.give_back().await;
                        }
                        delays.delay(failures) + left_alone
                    }
                };
                tokio::time::sleep(pause).await;
            }
        };
        self.stop.run_until_cancelled(Box::pin(watch)).await;
        self.give_back().await;
    }

    /// Lets another worker go on at once, if this one has the right to ask.
    async fn give_back(&self) {
        if let Err(error) = self.hot_state.stop_following(&ROUTE, self.holder).await {
            tracing::debug!(%error, "the right to follow deliveries cannot be given back; it ends by itself");
        }
    }

    async fn turn(
        &self,
        delays: &RetryDelays,
        round: &mut Round,
        trouble: &mut Trouble,
    ) -> Result<Turn, TurnError> {
        let first = match self.look(round, trouble).await? {
            Look::Due(first) => first,
            Look::Rest(rest) => return Ok(Turn::Rest(rest)),
        };
        let follows = self.hot_state.follow(&ROUTE, self.holder, FOLLOWS_FOR);
        if !follows.await? {
            trouble.is_anothers();
            round.gathers_anew();
            return Ok(Turn::Rest(LOOK_EVERY));
        }
        let now = self.clock.now();
        let is_long_overdue = (now - first).to_std().unwrap_or_default() >= LONG_OVERDUE;
        let patience = if is_long_overdue {
            IN_LINE
        } else {
            Duration::ZERO
        };
        if let Err(again) = self.gate.admit_question(patience).await {
            return Ok(Turn::Rest(again.min(LOOK_EVERY)));
        }
        round.gathers_anew();
        let (now, reading) = (self.clock.now(), Instant::now());
        let due = self
            .records
            .due_delivery_checks(&ROUTE, &round.place(now), BATCH, now)
            .await?;
        let Some(last) = due.last.clone() else {
            return Ok(Turn::Rest(LOOK_EVERY));
        };
        let (rows, read_in) = (due.rows(), reading.elapsed());
        let recorded = self.ask_and_record(delays, due).await;
        if !recorded.as_ref().is_ok_and(|recorded| recorded.all) {
            round.pass(last, now);
        }
        let worked = read_in + recorded?.took;
        trouble.over();
        Ok(if rows < MAX_STATUS_IDS {
            Turn::Rest(GATHER)
        } else if is_long_overdue {
            Turn::More(Duration::ZERO)
        } else {
            Turn::More(worked * LEFT_ALONE)
        })
    }

    /// Shows how far the questions are behind, also where another worker asks them, and finds out whether there is
    /// something to ask: since when the first of them is due.
    async fn look(&self, round: &mut Round, trouble: &mut Trouble) -> Result<Look, TurnError> {
        // A look that fails tells for how long it has been so.
        self.metrics
            .delivery
            .overdue(trouble.since(self.clock.now()));
        let oldest = self.next(&CheckPlace::START).await?;
        let now = self.clock.now();
        let Some(oldest) = oldest else {
            trouble.over();
            return Ok(Look::Rest(LOOK_EVERY));
        };
        if now < oldest {
            // What was due when it failed, somebody has dealt with.
            trouble.over();
        }
        let overdue = (now - oldest).to_std().unwrap_or_default();
        self.metrics
            .delivery
            .overdue(overdue.max(trouble.since(now)));
        let place = round.place(now);
        let first = if place == CheckPlace::START {
            oldest
        } else if let Some(first) = self.next(&place).await? {
            first
        } else {
            return Ok(Look::Rest(LOOK_EVERY));
        };
        let gathered = round.gathered_at(first, now);
        Ok(if now < gathered {
            let left = (gathered - now).to_std().unwrap_or_default();
            Look::Rest(left.min(LOOK_EVERY))
        } else {
            Look::Due(first)
        })
    }

    async fn next(&self, behind: &CheckPlace) -> Result<Option<DateTime<Utc>>, RecordsError> {
        self.records.next_delivery_check(&ROUTE, behind).await
    }
}
