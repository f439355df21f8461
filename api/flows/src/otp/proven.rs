//! A right code on its way to its effect, which the records let it have once: whatever the code is for, it ends here.

use domain::challenge::SessionId;
use domain::phone::Operator;
use domain::root::Root;
use shared::records::{NumberStepOutcome, SignInOutcome, User};

use crate::flows::Flows;
use crate::metrics::VerificationResult;
use crate::refusal::Refusal;
use crate::refused::{self, RefusedAs};
use crate::tries::CountedTry;

/// A refused verification.
pub(crate) type RefusedVerification = RefusedAs<VerificationResult>;

/// What became of a right code.
#[derive(Debug)]
pub(crate) enum Effect<T> {
    /// It has had its effect now, which brought this.
    Had(T),
    /// It had its effect before.
    HadBefore,
    /// Its user is kept out.
    Blocked,
}

/// The user, and whether the code created them.
impl From<SignInOutcome> for Effect<(User, bool)> {
    fn from(outcome: SignInOutcome) -> Self {
        match outcome {
            SignInOutcome::SignedIn { user, is_new } => Self::Had((user, is_new)),
            SignInOutcome::CodeUsed => Self::HadBefore,
            SignInOutcome::Blocked => Self::Blocked,
        }
    }
}

impl From<NumberStepOutcome> for Effect<()> {
    fn from(outcome: NumberStepOutcome) -> Self {
        match outcome {
            NumberStepOutcome::Taken => Self::Had(()),
            NumberStepOutcome::CodeUsed => Self::HadBefore,
            NumberStepOutcome::Blocked => Self::Blocked,
        }
    }
}

/// A root whose code was right, with an attempt counted for it.
pub(crate) struct Proven {
    pub(crate) root: Root,
    /// The handle that the code came with, if it did.
    pub(crate) session: Option<SessionId>,
    /// What a wrong code would have been answered: blocked users learn nothing else.
    pub(crate) as_if_wrong: Refusal,
    /// The answer where the code had its effect before.
    pub(crate) if_used: Refusal,
    /// The try that the number was charged with, where the code came without its session id.
    pub(crate) counted_try: Option<CountedTry>,
}

impl Proven {
    /// Ends the code by what became of it: what its effect brought, or the refusal of one that had its effect
    /// before or whose user is kept out.
    pub(crate) async fn settle<T>(
        self,
        flows: &Flows,
        effect: impl Into<Effect<T>>,
    ) -> Result<T, RefusedVerification> {
        match effect.into() {
            Effect::Had(brought) => {
                self.took_effect(flows).await;
                Ok(brought)
            }
            Effect::HadBefore => Err(Box::pin(self.used(flows)).await),
            Effect::Blocked => Err(Box::pin(self.blocked(flows)).await),
        }
    }

    /// The refusal where the code had its effect before, which its root is told.
    pub(super) async fn used(self, flows: &Flows) -> RefusedVerification {
        if self.counted_try.is_some() {
            self.close(flows).await;
        }
        RefusedVerification {
            result: VerificationResult::Used,
            refusal: self.if_used,
        }
    }

    /// The refusal of a user who is kept out. Their code was never right, so it closes nothing.
    async fn blocked(self, flows: &Flows) -> RefusedVerification {
        let root = self.root.id;
        if let Err(error) = flows.hot_state.reopen_root(root).await {
            tracing::warn!(%error, %root, "the root of a blocked user stays closed");
        }
        RefusedVerification {
            result: VerificationResult::Blocked,
            refusal: self.as_if_wrong,
        }
    }

    /// Tells that the code has had its effect. The records keep it from acting twice; with its session
    /// id it has closed its root already.
    async fn took_effect(&self, flows: &Flows) {
        if let Some(counted) = &self.counted_try {
            // Neither needs the other: the person waits once for both.
            Box::pin(async { tokio::join!(self.close(flows), counted.succeeded(flows)) }).await;
        }
        let lasted = flows.clock.now_millis() - self.root.created_at;
        let operator = Operator::of(&self.root.phone);
        flows.metrics.verified_after(seconds(lasted), operator);
    }

    /// Closes the root to those as well who come with the number only.
    async fn close(&self, flows: &Flows) {
        let root = self.root.id;
        if let Err(error) = flows.hot_state.close_root(root).await {
            tracing::warn!(%error, %root, "the root of a used code stays open");
        }
    }
}

/// Counts a verification, which is a verified code where it was not refused.
pub(crate) fn counted<T>(
    flows: &Flows,
    ended: Result<T, RefusedVerification>,
) -> Result<T, Refusal> {
    let ended = ended.map(|value| (VerificationResult::Verified, value));
    refused::counted(ended, |result| flows.metrics.verification(result))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a span in milliseconds is far below 2^52"
)]
fn seconds(millis: i64) -> f64 {
    millis.max(0) as f64 / 1000.0
}
