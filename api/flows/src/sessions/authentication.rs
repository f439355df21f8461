//! Who an access token belongs to.
//!
//! Other services check the token alone and learn of a sign-out when it expires; here the session
//! behind it is looked at too, so that an ended session and a user who is blocked or gone are
//! refused at once.

use chrono::TimeDelta;
use shared::records::{SessionInUse, User};

use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};

/// What needs a fresh sign-in takes one with a code of at most this age.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(10);

/// A signed-in user, and the session that says so.
#[derive(Debug)]
pub struct Authenticated {
    /// Who it is.
    pub user: User,
    /// By which session.
    pub session: SessionInUse,
}

/// A signed-in user who proved a short time ago, by a code, that they hold the number of the account.
/// A password is no such proof, however fresh: what it opens must not last longer than it does.
#[derive(Clone, Copy, Debug)]
pub struct FreshlyAuthenticated<'a>(&'a Authenticated);

/// Finds out who an access token belongs to.
pub async fn authenticate(flows: &Flows, access_token: &str) -> Result<Authenticated, Refusal> {
    let claims = flows
        .access_tokens
        .verify(access_token, flows.clock.now_millis())
        .map_err(|error| {
            tracing::debug!(%error, "a request was refused");
            RefusalCode::Unauthenticated
        })?;
    let found = flows
        .records
        .session_in_use(claims.sub, claims.sid, flows.clock.now())
        .await?;
    let (user, session) = found.ok_or(RefusalCode::Unauthenticated)?;
    Ok(Authenticated { user, session })
}

impl Authenticated {
    /// Refuses where the person signed in without a code, or too long ago for what they want.
    pub fn fresh(&self, flows: &Flows) -> Result<FreshlyAuthenticated<'_>, Refusal> {
        let age = flows.clock.now() - self.session.opened_at;
        if self.session.by_code && age <= FRESH_FOR {
            return Ok(FreshlyAuthenticated(self));
        }
        Err(RefusalCode::FreshSignInRequired.into())
    }
}

impl<'a> FreshlyAuthenticated<'a> {
    pub(crate) fn user(self) -> &'a User {
        &self.0.user
    }

    pub(crate) fn session(self) -> &'a SessionInUse {
        &self.0.session
    }
}
