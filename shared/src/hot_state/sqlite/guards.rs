//! What can refuse every request: the guards of the whole service.

use domain::clock::UnixMillis;
use domain::limits::Rule;
use sqlx::SqliteConnection;

use super::unavailable;
use crate::hot_state::gate::millis as millis_of_gate;
use crate::hot_state::model::{AcceptPolicy, BEHIND_MILLIS, HotStateError};
use crate::sqlite_file::{Answers, Question, Script};

/// What a client is told when the queue is behind: soon enough to try, late enough to help.
const QUEUE_RETRY_MILLIS: i64 = 5_000;
const COUNT_JOBS: &str = "SELECT COUNT(*) FROM jobs";
const OLDEST_FRESH_JOB: &str = "SELECT json_extract(payload, '$.accepted_at') FROM jobs \
     WHERE NOT put_off AND deliveries <= 1 ORDER BY id LIMIT 1";
/// One that no worker has taken.
const OLDEST_WAITING_JOB: &str = "SELECT json_extract(payload, '$.accepted_at') FROM jobs \
     WHERE NOT put_off AND deliveries = 0 ORDER BY id LIMIT 1";
const OPEN_BREAKER: &str = "SELECT until FROM hot_breaker WHERE until > $1 AND until <= $2";

/// What the guards say.
pub(super) enum Guarded {
    /// Go on.
    Open {
        /// Whether messages wait for longer than a moment, so that capacity is shared out.
        behind: bool,
    },
    /// Nothing can be sent.
    Refused { rule: Rule, retry_after_millis: i64 },
}

/// What was asked of the guards.
pub(super) struct SoughtGuards {
    breaker: Question,
    jobs: Question,
    oldest: Question,
}

pub(super) fn ask(script: &mut Script, now: UnixMillis) -> SoughtGuards {
    SoughtGuards {
        breaker: script
            .add(OPEN_BREAKER)
            .bind(now)
            .bind(now + millis_of_gate::LONGEST_REFUSAL)
            .question(),
        jobs: script.add(COUNT_JOBS).question(),
        oldest: script.add(OLDEST_FRESH_JOB).question(),
    }
}

impl SoughtGuards {
    pub(super) async fn read(
        self,
        connection: &mut SqliteConnection,
        answers: &Answers,
        now: UnixMillis,
        policy: &AcceptPolicy,
    ) -> Result<Guarded, HotStateError> {
        let refused = |rule, retry_after_millis| Guarded::Refused {
            rule,
            retry_after_millis,
        };
        let breaker: Option<(i64,)> = answers.first(self.breaker).map_err(unavailable)?;
        if let Some((until,)) = breaker {
            return Ok(refused(Rule::BreakerOpen, until - now));
        }
        let jobs: Option<(i64,)> = answers.first(self.jobs).map_err(unavailable)?;
        if jobs.is_some_and(|(jobs,)| jobs.unsigned_abs() >= policy.queue_max) {
            return Ok(refused(Rule::QueueFull, QUEUE_RETRY_MILLIS));
        }
        let oldest: Option<(Option<i64>,)> = answers.first(self.oldest).map_err(unavailable)?;
        let age = oldest
            .and_then(|(accepted,)| accepted)
            .map_or(0, |accepted| now - accepted);
        if age > policy.queue_max_age_millis {
            return Ok(refused(Rule::QueueSlow, QUEUE_RETRY_MILLIS));
        }
        let mut behind = false;
        if age > BEHIND_MILLIS {
            let oldest: Option<Option<i64>> = sqlx::query_scalar(OLDEST_WAITING_JOB)
                .fetch_optional(connection)
                .await
                .map_err(unavailable)?;
            behind = oldest
                .flatten()
                .is_some_and(|accepted| now - accepted > BEHIND_MILLIS);
        }
        Ok(Guarded::Open { behind })
    }
}
