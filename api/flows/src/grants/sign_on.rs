//! Who is signed in in a browser, for a client that asks. The refresh token stays as it is.

use domain::tokens::RefreshToken;
use shared::records::SignOn;

use crate::flows::Flows;
use crate::refusal::Refusal;
use crate::sessions::Authenticated;

/// Who is signed in by a refresh token. One that came back too late ends its session.
pub async fn signed_on(
    flows: &Flows,
    token: &RefreshToken,
) -> Result<Option<Authenticated>, Refusal> {
    let (grace, now) = (flows.tokens.refresh_grace, flows.clock.now());
    let (user, session) = match flows.records.present_sign_on(token, grace, now).await? {
        SignOn::Holds { user, session } => (user, session),
        SignOn::Reused { user, session } => {
            tracing::warn!(
                %user,
                %session,
                "a refresh token came back after it was replaced; its session was ended"
            );
            return Ok(None);
        }
        SignOn::Nobody => return Ok(None),
    };
    let found = flows.records.session_in_use(user, session, now).await?;
    Ok(found.map(|(user, session)| Authenticated { user, session }))
}
