//! Recording how attempts ended, many rows in one statement.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::clock::Clock;
use sqlx::QueryBuilder;

use super::batch::Batch;
use super::row::stored_key;
use super::{FIRST_DELIVERY_CHECK, Finish, Finished, MessageId, SendKey, SendResult};
use crate::records::dispatch::on_connection;
use crate::records::many_rows::{RowsStatement, TakesRows as _, many_rows};
use crate::records::{Records, RecordsError, micros};

many_rows! {
    struct EndRow in "ends" where "octet_length(of_challenge) = 16" {
        of_challenge: Vec<u8> as "BYTEA",
        of_send: i64 as "BIGINT",
        of_leg: i64 as "BIGINT",
        of_attempt: i64 as "BIGINT",
        of_fence: i64 as "BIGINT",
        end_state: &'static str as "TEXT",
        end_message: Option<String> as "TEXT",
        end_number: Option<i64> as "BIGINT",
        end_cost: Option<i64> as "BIGINT",
        end_gateway_status: Option<i64> as "BIGINT",
        end_entry_status: Option<i64> as "BIGINT",
        end_class: Option<String> as "TEXT",
        drop_localid: bool as "BOOLEAN",
        end_delivery: Option<i64> as "BIGINT",
        check_at: Option<DateTime<Utc>> as "TIMESTAMPTZ",
        end_at: DateTime<Utc> as "TIMESTAMPTZ",
    }
}

/// What the programs of the release before read stands beside the text: a number, of their gateway.
///
/// Only the run that made the attempt decides its row, and only while nobody else has: from
/// `sending`, or, where it was given up for dead in the meantime, from `unknown`.
const RECORD: &str = "UPDATE sends SET state = end_state, \
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

static FINISH: LazyLock<RowsStatement> = LazyLock::new(|| RowsStatement::new::<EndRow>(RECORD));

/// The pipeline that finishes.
pub(super) struct Finishes {
    pub(super) records: Records,
    pub(super) clock: Clock,
}

impl Batch for Finishes {
    type Input = Finish;
    type Output = Finished;

    /// The message has gone out, so nobody waits for it, and more in a statement cost less. A worker that dies meanwhile
    /// leaves as many sends that have to be cleared up.
    const LINGER: Duration = Duration::from_millis(10);

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

impl Finish {
    fn end(&self, now: DateTime<Utc>) -> EndRow {
        let outcome = &self.outcome;
        let message = outcome.message_id.as_ref();
        let is_accepted = outcome.result == SendResult::Accepted;
        // A message that is refused by the state of its entry has ended already.
        let is_refused = outcome.result == SendResult::Refused;
        EndRow {
            of_challenge: self.key.root.as_bytes().to_vec(),
            of_send: self.key.send.into(),
            of_leg: self.key.leg.into(),
            of_attempt: self.attempt.into(),
            of_fence: self.fence,
            end_state: outcome.result.state().as_str(),
            end_message: message.map(|message| message.as_str().to_owned()),
            end_number: message.and_then(MessageId::number),
            end_cost: outcome.cost_rials,
            end_gateway_status: outcome.gateway_status,
            end_entry_status: outcome.entry_status,
            end_class: outcome.error_class.clone(),
            drop_localid: outcome.result == SendResult::LocalIdTaken,
            end_delivery: outcome.entry_status.filter(|_| is_refused),
            check_at: (is_accepted && message.is_some()).then_some(now + FIRST_DELIVERY_CHECK),
            end_at: now,
        }
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
            let ends = finishes.iter().map(|finish| finish.end(now));
            let rows: Vec<(Vec<u8>, i64, i64)> =
                connection.fetch_with_rows(&FINISH, ends.collect()).await?;
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
