//! The message of a job, as the stores have it now: a code of a challenge in hot state, or a notice
//! in the records.

use domain::challenge::{Challenge, ChallengeId, Locale};
use domain::notice::MessagePurpose;
use domain::otp::{KeyRing, OtpCode};
use domain::phone::PhoneNumber;
use gateway::{Gateway, Message, NoticeMessage, SendCall};
use shared::hot_state::HotStateError;
use shared::queue::{Disposal, JobTask};
use shared::records::{LedgerState, Notice, RecordsError};

use super::{LOOK_AGAIN, Run, SmsSender};

/// What a job is about.
pub(super) enum Draft {
    Code(Challenge),
    Notice(Notice),
}

impl Draft {
    pub(super) fn phone(&self) -> &PhoneNumber {
        match self {
            Self::Code(challenge) => &challenge.root.phone,
            Self::Notice(notice) => &notice.phone,
        }
    }

    pub(super) fn purpose(&self) -> MessagePurpose {
        match self {
            Self::Code(challenge) => challenge.root.purpose.into(),
            Self::Notice(notice) => notice.kind.into(),
        }
    }

    pub(super) fn locale(&self) -> Locale {
        match self {
            Self::Code(challenge) => challenge.locale,
            Self::Notice(notice) => notice.locale,
        }
    }

    /// Whether somebody gave its code back.
    pub(super) fn is_used(&self) -> bool {
        matches!(self, Self::Code(challenge) if challenge.root.closed.is_some())
    }

    /// The whole message, or how the job ends where the key of its code is not known here.
    pub(super) fn complete(&self, keys: &KeyRing) -> Result<Complete<'_>, Disposal> {
        match self {
            Self::Notice(notice) => Ok(Complete::Notice(notice)),
            Self::Code(challenge) => {
                let code = challenge.code(keys).ok_or_else(|| {
                    tracing::error!(
                        kid = challenge.root.kid,
                        "the key of this code is not in OTP_KEY; waiting"
                    );
                    Disposal::Delay(LOOK_AGAIN)
                })?;
                Ok(Complete::Code(challenge, code))
            }
        }
    }
}

/// What the gateway is given.
pub(super) enum Complete<'a> {
    Code(&'a Challenge, OtpCode),
    Notice(&'a Notice),
}

impl Complete<'_> {
    /// Makes the one request.
    pub(super) async fn deliver(&self, run: &Run<'_>, gateway: &Gateway, localid: i64) -> SendCall {
        match self {
            Self::Code(challenge, code) => {
                let message = Message {
                    phone: &challenge.root.phone,
                    code,
                    purpose: challenge.root.purpose,
                    locale: challenge.locale,
                    channel: run.channel,
                    localid,
                };
                gateway.deliver(&message).await
            }
            Self::Notice(notice) => {
                let message = NoticeMessage {
                    phone: &notice.phone,
                    kind: notice.kind,
                    locale: notice.locale,
                    localid,
                };
                gateway.deliver_notice(&message).await
            }
        }
    }
}

impl SmsSender {
    /// Loads what a job is about, or says how the job ends without it.
    pub(super) async fn load(&self, run: &Run<'_>) -> Result<Draft, Disposal> {
        match run.job.task {
            JobTask::Send { challenge, .. } => self.load_challenge(run, challenge).await,
            JobTask::Notice { notice } => {
                let loaded = self.0.reconciler.records.notice(notice).await;
                self.loaded_notice(loaded)
            }
        }
    }

    async fn load_challenge(
        &self,
        run: &Run<'_>,
        challenge: ChallengeId,
    ) -> Result<Draft, Disposal> {
        match self.0.hot_state.challenge_on(challenge, run.key.root).await {
            Ok(Some(challenge)) => Ok(Draft::Code(challenge)),
            // So late that even its record is forgotten: the phone is not known here any more, so
            // the dead letter is what tells of it.
            Ok(None) if self.0.clock.now_millis() >= run.job.deadline => {
                self.0.metrics.ended(LedgerState::Expired.as_str());
                Err(Disposal::Dead("expired"))
            }
            Ok(None) => {
                // Its record outlives the deadline, so hot state has lost data.
                self.0.metrics.ended("dead");
                Err(Disposal::Dead("challenge_gone"))
            }
            Err(error @ (HotStateError::Unavailable(_) | HotStateError::Full)) => {
                tracing::warn!(%error, "cannot load the challenge");
                Err(Disposal::Delay(LOOK_AGAIN))
            }
            Err(error @ HotStateError::Corrupt(_)) => {
                tracing::error!(%error, "cannot read the challenge");
                self.0.metrics.ended("dead");
                Err(Disposal::Dead("challenge_unreadable"))
            }
        }
    }

    fn loaded_notice(
        &self,
        loaded: Result<Option<Notice>, RecordsError>,
    ) -> Result<Draft, Disposal> {
        match loaded {
            Ok(Some(notice)) => Ok(Draft::Notice(notice)),
            // With the account of its receiver, or long after its time.
            Ok(None) => {
                tracing::info!("this notice was removed: nothing is sent");
                self.0.metrics.ended(LedgerState::Expired.as_str());
                Err(Disposal::Done)
            }
            Err(error @ RecordsError::Unavailable(_)) => {
                tracing::warn!(%error, "cannot load the notice");
                Err(Disposal::Delay(LOOK_AGAIN))
            }
            Err(error) => {
                tracing::error!(%error, "cannot read the notice");
                self.0.metrics.ended("dead");
                Err(Disposal::Dead("notice_unreadable"))
            }
        }
    }
}
