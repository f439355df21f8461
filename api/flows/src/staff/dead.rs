//! Dead sends: jobs that never run again by themselves, until somebody puts one back or drops it.

use chrono::{DateTime, Utc};
use domain::clock::UnixMillis;
use domain::phone::PhoneNumber;
use serde_json::json;
use shared::queue::{DeadLetter, Job, JobTask, QueueError};
use shared::records::{LedgerState, SendKey};

use super::{Deed, Desk};
use crate::refusal::{Refusal, RefusalCode};

/// Why a dead send cannot be put back: it would send nothing, or twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannotRetry {
    /// This release cannot read the job.
    Unreadable,
    /// Its message would come too late.
    TooLate,
    /// Nothing is known of its code any more.
    Forgotten,
    /// Its code was used, or it has ended for good.
    Used,
    /// The gateway has its message.
    Sent,
}

/// A dead letter, with what can be done about it.
#[derive(Clone, Debug)]
pub struct DeadSend {
    /// The letter.
    pub letter: DeadLetter,
    /// Whom its message was for, where that is still known.
    pub phone: Option<PhoneNumber>,
    /// Why it cannot be put back, if it cannot.
    pub cannot: Option<CannotRetry>,
}

/// What became of putting one back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried {
    /// It is a job again.
    Queued,
    /// It stays where it is.
    Refused(CannotRetry),
    /// Somebody else has decided about it.
    Gone,
}

/// Dead sends, the newest first: those that died before the one of this id.
pub async fn dead_sends(
    desk: &Desk,
    before: Option<&str>,
    limit: u32,
) -> Result<Vec<DeadSend>, Refusal> {
    let letters = desk.flows.queue.dead_letters(before, limit).await;
    let mut sends = Vec::new();
    for letter in letters.map_err(away)? {
        sends.push(look_at(desk, letter).await?);
    }
    Ok(sends)
}

/// The dead send of this id.
pub async fn dead_send(desk: &Desk, id: &str) -> Result<Option<DeadSend>, Refusal> {
    match desk.flows.queue.dead_letter(id).await.map_err(away)? {
        Some(letter) => Ok(Some(look_at(desk, letter).await?)),
        None => Ok(None),
    }
}

/// Puts a dead send back as a job, while its code lives.
pub async fn retry_dead_send(desk: &Desk, id: &str, deed: &Deed) -> Result<Retried, Refusal> {
    let Some(send) = dead_send(desk, id).await? else {
        return Ok(Retried::Gone);
    };
    if let Some(why) = send.cannot {
        return Ok(Retried::Refused(why));
    }
    write_down(desk, "dead_send_retried", &send, deed).await?;
    let revived = desk.flows.queue.revive(id).await.map_err(away)?;
    Ok(if revived {
        Retried::Queued
    } else {
        Retried::Gone
    })
}

/// Removes a dead send for good; `false` where it is gone.
pub async fn drop_dead_send(desk: &Desk, id: &str, deed: &Deed) -> Result<bool, Refusal> {
    let Some(send) = dead_send(desk, id).await? else {
        return Ok(false);
    };
    write_down(desk, "dead_send_dropped", &send, deed).await?;
    desk.flows.queue.drop_dead_letter(id).await.map_err(away)
}

async fn write_down(
    desk: &Desk,
    action: &'static str,
    send: &DeadSend,
    deed: &Deed,
) -> Result<(), Refusal> {
    let letter = &send.letter;
    let died_at = moment(letter.died_at).to_rfc3339();
    let number = send.phone.as_ref().map(|phone| desk.number_object(phone));
    let details = json!({ "reason": letter.reason, "died_at": died_at, "number": number });
    let object = Some(format!("dead_send:{}", letter.id));
    let entry = deed.entry(desk, action, None, object, details);
    let now = desk.flows.clock.now();
    Ok(desk.records().write_audit(&entry, now).await?)
}

async fn look_at(desk: &Desk, letter: DeadLetter) -> Result<DeadSend, Refusal> {
    let (phone, cannot) = match &letter.job {
        Err(_) => (None, Some(CannotRetry::Unreadable)),
        Ok(job) => judge(desk, job).await?,
    };
    Ok(DeadSend {
        letter,
        phone,
        cannot,
    })
}

async fn judge(
    desk: &Desk,
    job: &Job,
) -> Result<(Option<PhoneNumber>, Option<CannotRetry>), Refusal> {
    let hot_state = &desk.flows.hot_state;
    let late = hot_state.now().await? >= job.deadline;
    let too_late = late.then_some(CannotRetry::TooLate);
    let JobTask::Send {
        challenge,
        root,
        send,
        ..
    } = job.task
    else {
        return Ok((None, too_late));
    };
    let found = match root {
        Some(root) => hot_state.challenge_on(challenge, root).await?,
        None => hot_state.challenge(challenge).await?,
    };
    let Some(found) = found else {
        return Ok((None, too_late.or(Some(CannotRetry::Forgotten))));
    };
    let phone = Some(found.root.phone.clone());
    if too_late.is_some() {
        return Ok((phone, too_late));
    }
    if found.root.closed.is_some() {
        return Ok((phone, Some(CannotRetry::Used)));
    }
    let key = SendKey::first_leg(found.root.id, send);
    let row = desk.records().ledger_row(key).await?;
    let cannot = row.and_then(|row| match row.state {
        LedgerState::Accepted => Some(CannotRetry::Sent),
        LedgerState::Refused | LedgerState::Expired => Some(CannotRetry::Used),
        LedgerState::Sending | LedgerState::Unknown | LedgerState::NotSent => None,
    });
    Ok((phone, cannot))
}

#[expect(clippy::needless_pass_by_value, reason = "it is used with map_err")]
fn away(error: QueueError) -> Refusal {
    tracing::warn!(%error, "the dead letters cannot be looked at");
    RefusalCode::StoreUnavailable.into()
}

fn moment(at: UnixMillis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or_default()
}
