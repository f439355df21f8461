//! The end of an account.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::number_hash::NumberHash;
use domain::phone::PhoneNumber;
use tokio::time::sleep;

use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};
use crate::sessions::FreshlyAuthenticated;

/// No write of a worker is on its way for longer.
const ON_ITS_WAY: Duration = Duration::from_secs(6);
/// No job is older than this, not even that of a notice.
const NO_JOB_IS_OLDER: TimeDelta = TimeDelta::days(2);

/// Deletes the account of the signed-in user: number, names, address, password and all sessions are
/// erased at once and for good. What was asked for before, and is sent afterwards, is written without the number;
/// what waits is not sent any more.
pub async fn delete_account(flows: &Flows, owner: FreshlyAuthenticated<'_>) -> Result<(), Refusal> {
    let (user, session) = (owner.user().id, owner.session().id);
    let (phone, now) = (owner.user().phone.clone(), flows.clock.now());
    if let Some(phone) = &phone {
        let hashes = NumberHash::all(&flows.otp_keys, phone);
        flows.records.announce_erasure(&hashes, now).await?;
    }
    if let Some(phone) = &phone {
        // First, so that a store that is away refuses the whole and not the half of it.
        flows.hot_state.erase_number(phone).await?;
    }
    let deleted = flows.records.delete_account(user, session, now);
    if !deleted.await? {
        // The session was ended, or the user blocked, since the request came in.
        return Err(RefusalCode::Unauthenticated.into());
    }
    tracing::info!(%user, "an account was deleted by its user");
    if let Some(phone) = phone {
        forget_late_sends(flows, phone, now);
    }
    Ok(())
}

/// Looks once more, beside the request, for what a worker was writing all the time.
fn forget_late_sends(flows: &Flows, phone: PhoneNumber, erased_at: DateTime<Utc>) {
    let records = flows.records.clone();
    tokio::spawn(async move {
        sleep(ON_ITS_WAY).await;
        match records.forget_late_sends(&phone, erased_at).await {
            Ok(0) => {}
            Ok(sends) => tracing::info!(sends, "a deleted number was taken out of late sends"),
            Err(error) => tracing::warn!(%error, "late sends may hold a deleted number"),
        }
    });
}

/// Forgets the numbers that nobody can come to write any more.
pub(crate) async fn forget_erasures(flows: &Flows) {
    let before = flows.clock.now() - NO_JOB_IS_OLDER;
    match flows.records.forget_erasures(before).await {
        Ok(removed) => tracing::debug!(removed, "announced erasures were forgotten"),
        Err(error) => tracing::warn!(%error, "announced erasures cannot be forgotten"),
    }
}
