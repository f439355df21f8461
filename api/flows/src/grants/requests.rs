//! What clients have asked for, kept until their person is signed in.

use domain::limits::Step;
use shared::hot_state::{AuthorizationRequestId, Subjects};

use crate::caller::Caller;
use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};
use crate::tries::count;

/// Keeps a request. Anybody can make us do that by a link, so it is counted by address first.
pub async fn keep_request(
    flows: &Flows,
    caller: Caller,
    id: AuthorizationRequestId,
    body: &str,
) -> Result<(), Refusal> {
    let subjects = Subjects {
        caller: Some(caller.address),
        ..Subjects::default()
    };
    count(flows, Step::Authorize, &subjects).await?;
    if flows.hot_state.keep_authorization_request(id, body).await? {
        return Ok(());
    }
    tracing::error!("the id of a request of an application is taken");
    Err(RefusalCode::Internal.into())
}

/// A request that waits.
pub async fn request(flows: &Flows, id: AuthorizationRequestId) -> Result<Option<String>, Refusal> {
    Ok(flows.hot_state.authorization_request(id).await?)
}

/// Takes a request, to answer it; `false` where that was done before.
pub async fn take_request(flows: &Flows, id: AuthorizationRequestId) -> Result<bool, Refusal> {
    Ok(flows.hot_state.take_authorization_request(id).await?)
}

/// Remembers for a quarter of an hour that something was seen; `false` where it had been.
pub async fn remember_once(flows: &Flows, id: AuthorizationRequestId) -> Result<bool, Refusal> {
    Ok(flows.hot_state.keep_authorization_request(id, "").await?)
}
