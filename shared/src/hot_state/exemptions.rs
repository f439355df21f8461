//! Numbers that some limits leave alone for some hours, because somebody said so and why.
//!
//! A number is exempt from the rules that [`Rule::may_be_exempted`] names: the windows of the number and the
//! bucket of the client address. Never from what counts guesses, nor from what protects the whole service; and
//! the cooldown between two messages stays.
//!
//! There are few of them, so each process keeps them in its memory and looks for new ones every second, and the
//! accept step is asked with fewer rules: it knows nothing of them, and costs nothing for them. A store that
//! comes back empty has none, so that limits hold again.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use domain::clock::UnixMillis;
use domain::phone::PhoneNumber;

use super::model::{Accept, AcceptPolicy, AcceptRequest, Accepted, HotStateError};
use super::{Backend, HotState};

/// None lasts longer, in milliseconds.
pub const LONGEST_EXEMPTION: i64 = 24 * 60 * 60 * 1000;
/// There are no more at once: if more are needed, the limit is wrong.
pub const MOST_EXEMPTIONS: usize = 100;
/// The longest reason that is kept, in characters.
const LONGEST_REASON: usize = 500;

/// A number that is exempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemption {
    /// The number.
    pub phone: PhoneNumber,
    /// Since when.
    pub since: UnixMillis,
    /// Until when; no later than [`LONGEST_EXEMPTION`] after that.
    pub until: UnixMillis,
    /// Who said so.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// The ends of those that this process knows.
#[derive(Debug, Default)]
pub(super) struct Known(RwLock<HashMap<PhoneNumber, UnixMillis>>);

impl Known {
    fn is_exempt(&self, phone: &PhoneNumber, now: UnixMillis) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(phone).is_some_and(|until| now < *until)
    }

    fn is_empty(&self) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.is_empty()
    }

    fn set(&self, exemptions: &[Exemption]) {
        let ends = exemptions
            .iter()
            .map(|one| (one.phone.clone(), one.until))
            .collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ends;
    }
}

impl HotState {
    /// Exempts a number, or changes its exemption. `false` where there are [`MOST_EXEMPTIONS`] already. Other
    /// processes know of it within about a second.
    pub async fn exempt(&self, exemption: &Exemption) -> Result<bool, HotStateError> {
        let now = self.clock.now_millis();
        let mut exemption = exemption.clone();
        exemption.until = exemption.until.min(now + LONGEST_EXEMPTION);
        exemption.reason = exemption.reason.chars().take(LONGEST_REASON).collect();
        let exempted = call!(self, state => state.exempt(now, &exemption))?;
        self.refresh_exemptions().await?;
        Ok(exempted)
    }

    /// Ends an exemption before its time; `false` where there is none.
    pub async fn end_exemption(&self, phone: &PhoneNumber) -> Result<bool, HotStateError> {
        let ended = call!(self, state => state.end_exemption(phone))?;
        self.refresh_exemptions().await?;
        Ok(ended)
    }

    /// The numbers that are exempt, those first that are so for the shortest time still.
    pub async fn exemptions(&self) -> Result<Vec<Exemption>, HotStateError> {
        let now = self.clock.now_millis();
        let mut found = call!(self, state => state.exemptions())?;
        found.retain(|exemption| now < exemption.until);
        found.sort_by_key(|exemption| exemption.until);
        Ok(found)
    }

    /// Looks which numbers are exempt; to be called about once a second. Where the store does not answer, those
    /// that are known end in time all the same.
    pub async fn refresh_exemptions(&self) -> Result<(), HotStateError> {
        let exemptions = self.exemptions().await?;
        self.exemptions.set(&exemptions);
        Ok(())
    }

    pub(super) fn is_exempt(&self, phone: Option<&PhoneNumber>) -> bool {
        phone.is_some_and(|phone| self.exemptions.is_exempt(phone, self.clock.now_millis()))
    }

    /// Whether a request is one more for a number that is exempt. A request that names its challenge only is asked
    /// for its number where a rule refused it that exemptions are from, and only while there are any.
    pub(super) async fn was_refused_although_exempt(
        &self,
        accept: &Accept<'_>,
        accepted: &Accepted,
    ) -> Result<bool, HotStateError> {
        let AcceptRequest::Resend {
            id, phone: None, ..
        } = &accept.request
        else {
            return Ok(false);
        };
        let Accepted::Refused { rule, .. } = accepted else {
            return Ok(false);
        };
        if !rule.may_be_exempted() || self.exemptions.is_empty() {
            return Ok(false);
        }
        let challenge = self.challenge(*id).await?;
        Ok(challenge.is_some_and(|challenge| self.is_exempt(Some(&challenge.root.phone))))
    }

    pub(super) async fn accept_once(
        &self,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
        exempt: bool,
    ) -> Result<Accepted, HotStateError> {
        let clock = &self.clock;
        call!(self, state => state.accept(clock, accept, policy, exempt))
    }
}
