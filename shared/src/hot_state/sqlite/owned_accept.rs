//! The accept step as one of many that share a commit.

use domain::challenge::{ChallengeId, Channel, NewChallenge};
use domain::client_address::ClientAddress;
use domain::clock::Clock;
use domain::phone::PhoneNumber;
use domain::root::{NewSecret, RootId};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::accept::{self, Known};
use super::group_commit::GroupedStep;
use super::unavailable;
use crate::hot_state::limits::rules_of_number;
use crate::hot_state::memory::Memory;
use crate::hot_state::model::{Accept, AcceptPolicy, AcceptRequest, Accepted, HotStateError};
use crate::sqlite_file::Script;

/// An [`Accept`] that lives as long as it waits, with all that the step needs.
#[derive(Debug)]
pub(super) struct OwnedAccept {
    clock: Clock,
    policy: AcceptPolicy,
    exempt: bool,
    /// What the number was called if its account was deleted lately; who has a challenge has asked since.
    erased: Option<String>,
    request: OwnedRequest,
    nonce: [u8; 8],
    channel: Channel,
    caller: Option<ClientAddress>,
    trace: Option<String>,
    request_id: Option<Uuid>,
    device: Option<Uuid>,
}

#[derive(Debug)]
enum OwnedRequest {
    New(NewChallenge),
    Resend(ChallengeId, Option<PhoneNumber>, RootId, NewSecret),
}

impl OwnedAccept {
    pub(super) fn of(
        clock: &Clock,
        accept: &Accept<'_>,
        policy: &AcceptPolicy,
        exempt: bool,
        memory: &Memory,
    ) -> Self {
        Self {
            clock: clock.clone(),
            policy: policy.clone(),
            exempt,
            erased: match &accept.request {
                AcceptRequest::New(new) => memory.erased_name(&new.root.phone),
                AcceptRequest::Resend { .. } => None,
            },
            request: match &accept.request {
                AcceptRequest::New(challenge) => OwnedRequest::New((*challenge).clone()),
                AcceptRequest::Resend {
                    id,
                    phone,
                    root,
                    secret,
                } => OwnedRequest::Resend(*id, phone.cloned(), *root, (*secret).clone()),
            },
            nonce: accept.nonce,
            channel: accept.channel,
            caller: accept.caller,
            trace: accept.trace.map(str::to_owned),
            request_id: accept.request_id,
            device: accept.device,
        }
    }

    fn as_accept(&self) -> Accept<'_> {
        Accept {
            request: match &self.request {
                OwnedRequest::New(challenge) => AcceptRequest::New(challenge),
                OwnedRequest::Resend(id, phone, root, secret) => AcceptRequest::Resend {
                    id: *id,
                    phone: phone.as_ref(),
                    root: *root,
                    secret,
                },
            },
            nonce: self.nonce,
            channel: self.channel,
            caller: self.caller,
            trace: self.trace.as_deref(),
            request_id: self.request_id,
            device: self.device,
        }
    }
}

impl GroupedStep for OwnedAccept {
    type Output = Accepted;

    async fn take_all(
        steps: &[&Self],
        connection: &mut SqliteConnection,
    ) -> Result<Vec<Result<Accepted, HotStateError>>, HotStateError> {
        let mut answers = Vec::with_capacity(steps.len());
        let mut to_write = Script::default();
        for step in steps {
            let now = step.clock.now_millis();
            let known = Known {
                erased: step.erased.as_deref(),
                exempt: step.exempt,
            };
            let request = step.as_accept();
            let accepted = accept::accept(
                connection,
                &mut to_write,
                now,
                &request,
                &step.policy,
                known,
            )
            .await;
            if let Err(HotStateError::Unavailable(why)) = accepted {
                return Err(HotStateError::Unavailable(why));
            }
            answers.push(accepted);
        }
        to_write.run(connection).await.map_err(unavailable)?;
        Ok(answers)
    }

    /// That the limit of a phone refused was counted; no other refusal leaves anything.
    fn wrote(accepted: &Accepted) -> bool {
        match accepted {
            Accepted::Sent(_) => true,
            Accepted::Refused { rule, .. } => rules_of_number().any(|of_number| of_number == *rule),
            _ => false,
        }
    }

    fn enqueued(accepted: &Accepted) -> bool {
        matches!(accepted, Accepted::Sent(grant) if grant.texted)
    }
}
