//! Recording how attempts ended, many rows in one statement.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::clock::Clock;
use sqlx::QueryBuilder;

use super::batch::{Batch, PERSISTENT_ROWS};
use super::row::stored_key;
use super::{FIRST_DELIVERY_CHECK, Finish, Finished, MessageId, SendKey, SendResult};
use crate::records::dispatch::on_connection;
use crate::records::{Records, RecordsError, micros};

const ENDS: &str = "WITH ends (of_challenge, of_send, of_leg, of_attempt, of_fence, end_state, \
     end_message, end_number, end_cost, end_gateway_status, end_entry_status, end_class, drop_localid, \
     end_delivery, check_at, end_at) \
     AS (";

/// What the programs of the release before read stands beside the text: a number, of their gateway.
///
/// Only the run that made the attempt decides its row, and only while nobody else has: from
/// `sending`, or, where it was given up for dead in the meantime, from `unknown`.
const RECORD: &str = ") UPDATE sends SET state = end_state, \
     localid = CASE WHEN drop_localid THEN NULL ELSE localid END, \
     message_id = COALESCE(end_message, message_id), \
     messageid = CASE WHEN route = 'kavenegar' THEN COALESCE(end_number, messageid) \
         ELSE messageid END, \
     cost_rials = COALESCE(end_cost, cost_rials), \
     gateway_status = end_gateway_status, entry_status = end_entry_status, \
     error_class = end_class, delivery_status = COALESCE(end_delivery, delivery_status), \
     delivery_checked_at = CASE WHEN end_delivery IS NOT NULL THEN end_at \
         ELSE delivery_checked_at END, \
     next_check_at = check_at, finished_at = end_at, updated_at = end_at \
     FROM ends WHERE challenge_id = of_challenge AND send_number = of_send \
     AND leg = of_leg AND attempt = of_attempt AND fence = of_fence AND state IN ('sending', 'unknown') \
     RETURNING challenge_id, send_number, leg";

const PRESENT: &str = "SELECT challenge_id, send_number, leg, attempt, fence, state FROM sends \
     WHERE (challenge_id, send_number, leg) IN (";

/// The class of a row whose message number another row holds already.
const MESSAGEID_CONFLICT: &str = "messageid_conflict";

/// The pipeline that finishes.
pub(super) struct Finishes {
    pub(super) records: Records,
    pub(super) clock: Clock,
}

impl Batch for Finishes {
    type Input = Finish;
    type Output = Finished;

    fn key(finish: &Finish) -> SendKey {
        finish.key
    }

    async fn run(
        &self,
        finishes: &[Finish],
    ) -> Result<Vec<Result<Finished, RecordsError>>, RecordsError> {
        let now = micros(self.clock.now());
        let recorded = self.records.finish_sends(finishes, now).await?;
        let outcome = |finish: &Finish| {
            if recorded.contains(&finish.key) {
                Finished::Recorded
            } else {
                Finished::Stale
            }
        };
        Ok(finishes.iter().map(outcome).map(Ok).collect())
    }

    /// The gateway named a message that is another row's. The message was taken all the same, so
    /// the row says so, without the number.
    async fn run_conflicting(&self, finish: &Finish) -> Result<Finished, RecordsError> {
        tracing::error!(
            send = %finish.key,
            "the gateway gave two messages the same number; the second is recorded without it"
        );
        let mut finish = finish.clone();
        finish.outcome.message_id = None;
        finish.outcome.error_class = Some(MESSAGEID_CONFLICT.to_owned());
        let finished = self.run(std::slice::from_ref(&finish)).await?;
        finished.into_iter().next().unwrap_or(Ok(Finished::Stale))
    }
}

impl Records {
    /// Records the ends of attempts, whose keys must differ, and returns those that the ledger
    /// holds now.
    async fn finish_sends(
        &self,
        finishes: &[Finish],
        now: DateTime<Utc>,
    ) -> Result<HashSet<SendKey>, RecordsError> {
        on_connection!(self, writer, connection => {
            let mut statement = QueryBuilder::new(ENDS);
            statement.push_values(finishes, |mut row, finish| {
                let Finish { key, attempt, fence, outcome } = finish;
                let message = outcome.message_id.as_ref();
                let traceable =
                    outcome.result == SendResult::Accepted && outcome.message_id.is_some();
                // A message that is refused by the state of its entry has ended already.
                let refused = outcome.result == SendResult::Refused;
                row.push_bind(key.root.as_bytes().to_vec())
                    .push_bind(i64::from(key.send))
                    .push_bind(i64::from(key.leg))
                    .push_bind(i64::from(*attempt))
                    .push_bind(*fence)
                    .push_bind(outcome.result.state().as_str())
                    .push_bind(message.map(|message| message.as_str().to_owned()))
                    .push_bind(message.and_then(MessageId::number))
                    .push_bind(outcome.cost_rials)
                    .push_bind(outcome.gateway_status)
                    .push_bind(outcome.entry_status)
                    .push_bind(outcome.error_class.clone())
                    .push_bind(outcome.result == SendResult::LocalIdTaken)
                    .push_bind(outcome.entry_status.filter(|_| refused))
                    .push_bind(traceable.then_some(now + FIRST_DELIVERY_CHECK))
                    .push_bind(now);
            });
            statement.push(RECORD);
            let rows: Vec<(Vec<u8>, i64, i64)> = statement
                .build_query_as()
                .persistent(finishes.len() <= PERSISTENT_ROWS)
                .fetch_all(&mut *connection)
                .await?;
            let mut recorded = rows
                .into_iter()
                .map(|(challenge_id, send_number, leg)| stored_key(&challenge_id, send_number, leg))
                .collect::<Result<HashSet<_>, _>>()?;

            // A caller that lost the answer asks again: then the row says already what it wants.
            let others: HashMap<SendKey, &Finish> = finishes
                .iter()
                .filter(|finish| !recorded.contains(&finish.key))
                .map(|finish| (finish.key, finish))
                .collect();
            if !others.is_empty() {
                let mut question = QueryBuilder::new(PRESENT);
                question.push_values(others.keys(), |mut row, key| {
                    row.push_bind(key.root.as_bytes().to_vec())
                        .push_bind(i64::from(key.send))
                        .push_bind(i64::from(key.leg));
                });
                question.push(")");
                let rows: Vec<(Vec<u8>, i64, i64, i64, i64, String)> = question
                    .build_query_as()
                    .persistent(false)
                    .fetch_all(connection)
                    .await?;
                for (challenge_id, send_number, leg, attempt, fence, state) in rows {
                    let key = stored_key(&challenge_id, send_number, leg)?;
                    let holds = others.get(&key).is_some_and(|finish| {
                        i64::from(finish.attempt) == attempt
                            && finish.fence == fence
                            && finish.outcome.result.state().as_str() == state
                    });
                    if holds {
                        recorded.insert(key);
                    }
                }
            }
            Ok(recorded)
        })
    }
}
