//! What somebody is called, and their e-mail address.

use shared::records::{ProfileChange, User};

use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};
use crate::sessions::Authenticated;

/// Changes names and e-mail address; answers with the user as of now.
pub async fn update_profile(
    flows: &Flows,
    authenticated: &Authenticated,
    change: &ProfileChange,
) -> Result<User, Refusal> {
    let (user, now) = (authenticated.user.id, flows.clock.now());
    let updated = flows.records.update_profile(user, change, now).await?;
    Ok(updated.ok_or(RefusalCode::Unauthenticated)?)
}
