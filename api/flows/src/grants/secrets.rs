//! Tries at the secret of a client, counted before anything is compared.

use domain::client_address::ClientAddress;
use domain::limits::Step;
use shared::hot_state::Subjects;

use crate::caller::Caller;
use crate::flows::Flows;
use crate::refusal::Refusal;
use crate::tries::count;

/// A try that counts as wrong until it is said to be right.
#[derive(Debug)]
pub struct SecretTry(ClientAddress);

impl SecretTry {
    /// Counts a try, or refuses it.
    pub async fn begin(flows: &Flows, caller: Caller) -> Result<Self, Refusal> {
        let counted = Self(caller.address);
        count(flows, Step::ClientSecret, &counted.subjects()).await?;
        Ok(counted)
    }

    /// It was right, and is taken back.
    pub async fn succeeded(self, flows: &Flows) {
        let quotas = &flows.accept_policy.quotas;
        let subjects = self.subjects();
        let taken_back = flows
            .hot_state
            .take_back(Step::ClientSecret, &subjects, quotas, None);
        if let Err(error) = taken_back.await {
            tracing::warn!(%error, "a secret that was right stays counted as wrong");
        }
    }

    fn subjects(&self) -> Subjects<'_> {
        Subjects {
            caller: Some(self.0),
            ..Subjects::default()
        }
    }
}
