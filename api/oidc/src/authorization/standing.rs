//! What is missing before a client gets its code.

use chrono::{DateTime, Utc};
use domain::clock::UnixMillis;
use uuid::Uuid;

use super::AuthorizationRequest;

/// Who is signed in, and when they proved that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The user.
    pub user: Uuid,
    /// The moment.
    pub at: DateTime<Utc>,
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: the code can be given.
    Ready,
    /// Nobody is signed in.
    SignIn,
    /// Anyone who is must prove themselves once more.
    SignInAgain,
    /// Somebody else is signed in than the client means.
    OtherPerson,
    /// Anyone who is signed in must say that they want this.
    Confirm,
}

impl Standing {
    /// The error of a client that wants no page shown; nothing where none is needed.
    pub fn without_page(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Ready => None,
            Self::SignIn => Some(("login_required", "Nobody is signed in")),
            Self::SignInAgain => Some(("login_required", "The user must sign in again")),
            Self::OtherPerson => Some(("login_required", "Another user is signed in")),
            Self::Confirm => Some(("interaction_required", "The user must confirm")),
        }
    }
}

impl AuthorizationRequest {
    /// What is missing at `now`. What somebody proved after the request came meets it, or they would be asked
    /// for ever.
    pub fn standing(&self, proof: Option<Proof>, now: UnixMillis) -> Standing {
        let Some(proof) = proof else {
            return Standing::SignIn;
        };
        if self.hint.is_some_and(|hint| hint != proof.user) {
            return Standing::OtherPerson;
        }
        let at = proof.at.timestamp_millis();
        if at > self.created_at {
            return Standing::Ready;
        }
        let age = now.saturating_sub(at);
        let too_old = |most: i64| age > most.saturating_mul(1_000);
        if self.login || self.max_age.is_some_and(too_old) {
            return Standing::SignInAgain;
        }
        // Another program can have the scheme or the port of an app (RFC 8252, section 8.6).
        let can_be_imitated = !self.redirect_uri.starts_with("https:") && self.native;
        if self.confirm || can_be_imitated {
            return Standing::Confirm;
        }
        Standing::Ready
    }
}
