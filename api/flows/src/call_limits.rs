//! Calls that an address can make only so often, though they ask for no code and try no secret: each makes
//! us write rows or work hard.
//!
//! Each has a bucket of its own for an address, in hot state. Where hot state is away the call goes on: what
//! it costs is bounded elsewhere as well (a session is
//! renewed only so often, judging has few places), and whoever is signed in stays so.

use shared::hot_state::AcceptPolicy;

use crate::caller::Caller;
use crate::flows::Flows;
use crate::refusal::{Refusal, RefusalCode};

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LimitedCall {
    /// Renewing the tokens of a session.
    Refresh,
    /// Having a new password judged.
    NewPassword,
}

impl LimitedCall {
    /// All there are.
    pub(crate) const ALL: [Self; 2] = [Self::Refresh, Self::NewPassword];

    /// The label of metrics, and what its buckets are told from others by.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh_address",
            Self::NewPassword => "new_password_address",
        }
    }

    /// How many an address makes in a minute. Behind one address of a mobile operator stand thousands of
    /// people: 30,000 who each renew every five minutes, and 600 who choose a password in one minute.
    fn per_minute(self) -> u32 {
        match self {
            Self::Refresh => 6_000,
            Self::NewPassword => 600,
        }
    }

    /// Counts a call, or refuses it.
    pub(crate) async fn count(self, flows: &Flows, caller: Caller) -> Result<(), Refusal> {
        let bucket = format!("{}:{}", self.as_str(), caller.client());
        let policy = AcceptPolicy {
            address_per_minute: self.per_minute(),
            ..flows.accept_policy.clone()
        };
        match flows.hot_state.count_request(&bucket, &policy).await {
            Ok(None) => Ok(()),
            Ok(Some(wait)) => {
                flows.metrics.call_limit_hit(self);
                let code = RefusalCode::TooManyRequestsAddress;
                Err(Refusal::waiting(code, wait))
            }
            Err(error) => {
                tracing::warn!(%error, call = self.as_str(), "a call was not counted");
                Ok(())
            }
        }
    }
}
