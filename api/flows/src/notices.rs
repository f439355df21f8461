//! Notices on their way from the records into the queue.
//!
//! A notice is written together with the change that it tells of. Anyone who made the change puts it
//! into the queue right away; what a crash or an absent store left over is found by a background
//! task. The step is idempotent, so it does not matter that every API looks.

use chrono::TimeDelta;
use shared::records::WaitingNotice;
use shared::traces::{self, Span};
use uuid::Uuid;

use crate::flows::Flows;
use crate::refusal::Refusal;

/// Younger ones are still in the hands of the request that wrote them.
const LEFT_OVER_AFTER: TimeDelta = TimeDelta::seconds(5);
/// How many are put into the queue in one go.
const BATCH: u32 = 100;
/// A notice is of no more use after its deadline, but its job may still be on its way to record so.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(24);

/// Puts a notice into the queue that was just committed. The change has happened and is answered
/// as such in any case: trouble leaves the notice to the background task.
pub(crate) async fn enqueue(flows: &Flows, notice: WaitingNotice, request_id: Uuid) {
    if let Err(refusal) = put_into_queue(flows, notice, Some(request_id)).await {
        tracing::warn!(notice = %notice.id, code = refusal.code.as_str(), "a notice waits");
    }
}

/// Puts the notices into the queue that nobody has put there.
pub(crate) async fn enqueue_left_over(flows: &Flows) {
    let until = flows.clock.now() - LEFT_OVER_AFTER;
    let left_over = match flows.records.waiting_notices(until, BATCH).await {
        Ok(left_over) => left_over,
        Err(error) => {
            tracing::warn!(%error, "cannot look for notices that were left over");
            return;
        }
    };
    for notice in left_over {
        tracing::info!(notice = %notice.id, "a notice was left over");
        if put_into_queue(flows, notice, None).await.is_err() {
            // A store is away: the others would fail too.
            return;
        }
    }
}

async fn put_into_queue(
    flows: &Flows,
    notice: WaitingNotice,
    request_id: Option<Uuid>,
) -> Result<(), Refusal> {
    let deadline = notice.deadline_at.timestamp_millis();
    let step = Span::producer("enqueue notice");
    let trace = step.place().or_else(traces::current);
    let trace = trace.map(|place| place.to_string());
    let enqueued =
        flows
            .hot_state
            .enqueue_notice(notice.id, deadline, trace.as_deref(), request_id);
    step.run(enqueued).await?;
    flows
        .records
        .notice_enqueued(notice.id, flows.clock.now())
        .await?;
    Ok(())
}

/// Removes the rows of notices whose time is long over.
pub(crate) async fn forget_old(flows: &Flows) {
    match flows
        .records
        .forget_notices(flows.clock.now() - FORGET_AFTER)
        .await
    {
        Ok(0) => {}
        Ok(forgotten) => tracing::debug!(forgotten, "old notices were forgotten"),
        Err(error) => tracing::warn!(%error, "old notices cannot be forgotten"),
    }
}
