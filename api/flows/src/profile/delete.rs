//! The end of an account.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::number_hash::NumberHash;
use domain::phone::PhoneNumber;
use shared::records::{DeletedBy, OpenErasure, RecordsError};
use tokio::time::sleep;
use uuid::Uuid;

use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};
use crate::sessions::FreshlyAuthenticated;

/// No write of a worker is on its way for longer.
const ON_ITS_WAY: Duration = Duration::from_secs(6);
/// A process that lives makes its own looks within this time.
const LEFT_TO_ITS_PROCESS: TimeDelta = TimeDelta::seconds(30);
/// So many erasures, and numbers, at a time.
const ERASURES: u32 = 100;
const NUMBERS: u32 = 1_000;
/// No job is older than this, not even that of a notice.
const NO_JOB_IS_OLDER: TimeDelta = TimeDelta::days(2);

/// Deletes the account of the signed-in user: number, names, address, password and all sessions are
/// erased at once and for good. What was asked for before, and is sent afterwards, is written without the number;
/// what waits is not sent any more.
pub async fn delete_account(flows: &Flows, owner: FreshlyAuthenticated<'_>) -> Result<(), Refusal> {
    let (user, session) = (owner.user().id, owner.session().id);
    let phone = owner.user().phone.clone();
    if !erase(flows, user, phone, DeletedBy::Owner(session)).await? {
        // The session was ended, or the user blocked, since the request came in.
        return Err(RefusalCode::Unauthenticated.into());
    }
    tracing::info!(%user, "an account was deleted by its user");
    Ok(())
}

/// Erases an account; `false` where there was none to erase.
pub(crate) async fn erase(
    flows: &Flows,
    user: Uuid,
    phone: Option<PhoneNumber>,
    by: DeletedBy<'_>,
) -> Result<bool, Refusal> {
    let now = flows.clock.now();
    let hashes = phone
        .as_ref()
        .map(|phone| NumberHash::all(&flows.otp_keys, phone));
    let hashes = hashes.unwrap_or_default();
    if !hashes.is_empty() {
        flows.records.announce_erasure(&hashes, now).await?;
    }
    if let Some(phone) = &phone {
        // First, so that a store that is away refuses the whole and not the half of it.
        flows.hot_state.erase_number(phone).await?;
    }
    if !flows.records.delete_account(user, by, now).await? {
        flows.records.erasure_is_done(&hashes, now, now).await?;
        return Ok(false);
    }
    if let Some(phone) = phone {
        forget_late_sends(flows, phone, hashes, now);
    }
    Ok(true)
}

/// Looks once more, beside the request, for what a worker was writing all the time. Where this process ends before
/// or the look fails, [`finish_erasures`] makes it.
fn forget_late_sends(
    flows: &Flows,
    phone: PhoneNumber,
    hashes: Vec<NumberHash>,
    erased_at: DateTime<Utc>,
) {
    let (records, clock) = (flows.records.clone(), flows.clock.clone());
    let hot_state = flows.hot_state.clone();
    tokio::spawn(async move {
        sleep(ON_ITS_WAY).await;
        // Another process writes what it had noted of refusals within a second.
        if let Err(error) = hot_state.forget_refusals(&phone).await {
            tracing::warn!(%error, "the last refusals may hold a deleted number, for a day at most");
        }
        let forgotten = match records.forget_late_sends(&phone, erased_at).await {
            Ok(sends) => records
                .erasure_is_done(&hashes, erased_at, clock.now())
                .await
                .map(|()| sends),
            Err(error) => Err(error),
        };
        told(&forgotten);
    });
}

fn told(forgotten: &Result<u64, RecordsError>) {
    match forgotten {
        Ok(0) => {}
        Ok(sends) => tracing::info!(sends, "a deleted number was taken out of late sends"),
        Err(error) => tracing::warn!(%error, "late sends may hold a deleted number"),
    }
}

/// Makes the looks of erasures whose process has stopped in between. Only the hash of such a number is known, so
/// the numbers of the sends of that time are looked through.
pub(crate) async fn finish_erasures(flows: &Flows) {
    let before = flows.clock.now() - LEFT_TO_ITS_PROCESS;
    loop {
        let open = match flows.records.open_erasures(before, ERASURES).await {
            Ok(open) => open,
            Err(error) => return told(&Err(error)),
        };
        for erasure in &open {
            let finished = finish(flows, erasure).await;
            told(&finished);
            if finished.is_err() {
                return;
            }
        }
        if open.len() < ERASURES as usize {
            return;
        }
    }
}

async fn finish(flows: &Flows, erasure: &OpenErasure) -> Result<u64, RecordsError> {
    let (records, now) = (&flows.records, flows.clock.now());
    let mut after: Option<PhoneNumber> = None;
    loop {
        let numbers = records
            .numbers_written_about(erasure, after.as_ref(), NUMBERS)
            .await?;
        let is_erased =
            |phone: &&PhoneNumber| erasure.is_of(&NumberHash::all(&flows.otp_keys, phone));
        let erased = numbers.iter().find(is_erased);
        if erased.is_some() || numbers.len() < NUMBERS as usize {
            return records.finish_erasure(erasure, erased, now).await;
        }
        after = numbers.last().cloned();
    }
}

/// Forgets the numbers that nobody can come to write any more.
pub(crate) async fn forget_erasures(flows: &Flows) {
    let before = flows.clock.now() - NO_JOB_IS_OLDER;
    match flows.records.forget_erasures(before).await {
        Ok(removed) => tracing::debug!(removed, "announced erasures were forgotten"),
        Err(error) => tracing::warn!(%error, "announced erasures cannot be forgotten"),
    }
}
