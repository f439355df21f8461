//! Where one is signed in, and ending that.

use shared::records::{Session, SessionEnd};
use uuid::Uuid;

use super::Authenticated;
use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};

/// The sessions of the signed-in user, the one last used first; a hundred at most.
pub async fn live_sessions(
    flows: &Flows,
    authenticated: &Authenticated,
) -> Result<Vec<Session>, Refusal> {
    let (user, now) = (authenticated.user.id, flows.clock.now());
    Ok(flows.records.live_sessions(user, now).await?)
}

/// Ends one of one's sessions, this one too.
pub async fn end_session(
    flows: &Flows,
    authenticated: &Authenticated,
    session: Uuid,
) -> Result<(), Refusal> {
    let (user, now) = (authenticated.user.id, flows.clock.now());
    let ended = flows
        .records
        .end_session(user, session, SessionEnd::FromList, now)
        .await?;
    if ended {
        Ok(())
    } else {
        Err(RefusalCode::SessionNotFound.into())
    }
}

/// Ends all of one's sessions but this one.
pub async fn end_other_sessions(
    flows: &Flows,
    authenticated: &Authenticated,
) -> Result<(), Refusal> {
    let (user, keep) = (authenticated.user.id, authenticated.session.id);
    let now = flows.clock.now();
    flows
        .records
        .end_other_sessions(user, keep, SessionEnd::FromList, now)
        .await?;
    Ok(())
}
