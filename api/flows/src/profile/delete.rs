//! The end of an account.

use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};
use crate::sessions::FreshlyAuthenticated;

/// Deletes the account of the signed-in user: number, names, address, password and all sessions are
/// erased at once and for good.
pub async fn delete_account(flows: &Flows, owner: FreshlyAuthenticated<'_>) -> Result<(), Refusal> {
    let (user, session) = (owner.user().id, owner.session().id);
    let deleted = flows
        .records
        .delete_account(user, session, flows.clock.now());
    if !deleted.await? {
        // The session was ended, or the user blocked, since the request came in.
        return Err(RefusalCode::Unauthenticated.into());
    }
    tracing::info!(%user, "an account was deleted by its user");
    Ok(())
}
