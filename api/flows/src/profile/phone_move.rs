//! A number that staff move because the old one is lost: seen and stopped by the one who is signed in, and made
//! when it is due.

use shared::records::{PhoneMoveMade, StopsPhoneMove, WaitingMove};

use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};
use crate::sessions::Authenticated;

/// How many are made in one go.
const BATCH: u32 = 50;

/// The move that waits for the signed-in user.
pub async fn waiting_phone_move(
    flows: &Flows,
    authenticated: &Authenticated,
) -> Result<WaitingMove, Refusal> {
    let waiting = flows.records.waiting_phone_move(authenticated.user.id);
    let waiting = waiting.await?;
    waiting.ok_or_else(|| RefusalCode::PhoneMoveUnknown.into())
}

/// Stops the move that waits for the signed-in user. Any session will do, since it keeps things as they
/// are; staff can start again.
pub async fn stop_phone_move(flows: &Flows, authenticated: &Authenticated) -> Result<(), Refusal> {
    let (user, now) = (authenticated.user.id, flows.clock.now());
    let audit_id = flows.random.uuid_v7(flows.clock.now_millis());
    let by = StopsPhoneMove::Session;
    let stopped = flows.records.stop_phone_move(user, &by, audit_id, now);
    if !stopped.await? {
        return Err(RefusalCode::PhoneMoveUnknown.into());
    }
    tracing::info!(%user, "a move of a number was stopped by somebody signed in");
    Ok(())
}

/// Makes the moves that are due. Every api looks; of several at once one makes each.
pub(crate) async fn make_due_moves(flows: &Flows) {
    let due = match flows
        .records
        .due_phone_moves(flows.clock.now(), BATCH)
        .await
    {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(%error, "cannot look for moves of numbers that are due");
            return;
        }
    };
    for user in due {
        let made = flows
            .records
            .make_phone_move(user, &flows.random, flows.clock.now());
        match made.await {
            // The notice to the old number is found with those that were left over.
            Ok(PhoneMoveMade::Moved) => tracing::info!(%user, "the number of an account was moved"),
            Ok(PhoneMoveMade::Dropped) => {
                let why = "the number got another owner, or the user is blocked";
                tracing::warn!(%user, why, "a move of a number was dropped");
            }
            Ok(PhoneMoveMade::Gone) => {}
            Err(error) => {
                tracing::warn!(%error, %user, "a move of a number that is due waits");
                return;
            }
        }
    }
}
