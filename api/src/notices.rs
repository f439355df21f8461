//! Notices on their way from the records into the queue.
//!
//! A notice is written together with the change that it tells of. Whoever made the change puts it
//! into the queue right away; what a crash or an absent store left over is found by a background
//! task. The step is idempotent, so it does not matter that every API looks.

use chrono::TimeDelta;
use shared::records::WaitingNotice;
use shared::traces::{self, Span};

use crate::app::AppState;
use crate::error::ApiError;
use crate::request_context::RequestContext;

/// Younger ones are still in the hands of the request that wrote them.
const LEFT_OVER_AFTER: TimeDelta = TimeDelta::seconds(5);
/// How many are put into the queue in one go.
const BATCH: u32 = 100;
/// A notice is of no more use after its deadline, but its job may still be on its way to record so.
const FORGET_AFTER: TimeDelta = TimeDelta::hours(24);

/// Puts a notice into the queue that was just committed. The change has happened and is answered
/// as such in any case: trouble leaves the notice to the background task.
pub(crate) async fn enqueue(app: &AppState, notice: WaitingNotice, context: RequestContext) {
    if let Err(error) = put_into_queue(app, notice, Some(context)).await {
        tracing::warn!(notice = %notice.id, code = error.code.as_str(), "a notice waits");
    }
}

/// Puts the notices into the queue that nobody has put there.
pub(crate) async fn enqueue_left_over(app: &AppState) {
    let until = app.clock.now() - LEFT_OVER_AFTER;
    let left_over = match app.records.waiting_notices(until, BATCH).await {
        Ok(left_over) => left_over,
        Err(error) => {
            tracing::warn!(%error, "cannot look for notices that were left over");
            return;
        }
    };
    for notice in left_over {
        tracing::info!(notice = %notice.id, "a notice was left over");
        if put_into_queue(app, notice, None).await.is_err() {
            // A store is away: the others would fail too.
            return;
        }
    }
}

async fn put_into_queue(
    app: &AppState,
    notice: WaitingNotice,
    context: Option<RequestContext>,
) -> Result<(), ApiError> {
    let deadline = notice.deadline_at.timestamp_millis();
    let step = Span::producer("enqueue notice");
    let trace = step.place().or_else(traces::current);
    let trace = trace.map(|place| place.to_string());
    let request = context.map(|context| context.id);
    let enqueued = app
        .hot_state
        .enqueue_notice(notice.id, deadline, trace.as_deref(), request);
    step.run(enqueued).await?;
    app.records
        .notice_enqueued(notice.id, app.clock.now())
        .await?;
    Ok(())
}

/// Removes the rows of notices whose time is long over.
pub(crate) async fn forget_old(app: &AppState) {
    match app
        .records
        .forget_notices(app.clock.now() - FORGET_AFTER)
        .await
    {
        Ok(0) => {}
        Ok(forgotten) => tracing::debug!(forgotten, "old notices were forgotten"),
        Err(error) => tracing::warn!(%error, "old notices cannot be forgotten"),
    }
}
