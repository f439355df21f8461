//! Both tokens of a session together.

use std::time::Duration;

use super::{AccessToken, RefreshToken};

/// The tokens that a signed-in client gets, and how long each is good.
#[derive(Clone, Debug)]
pub struct SessionTokens {
    /// For `Authorization: Bearer` (RFC 6750).
    pub access: AccessToken,
    /// From its issue to its end.
    pub access_lifetime: Duration,
    /// Gets the next pair.
    pub refresh: RefreshToken,
    /// Until then it must be used once.
    pub refresh_idle_lifetime: Duration,
}
