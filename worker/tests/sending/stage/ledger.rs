//! Rows of the ledger, and attempts that another run has begun.

use domain::challenge::{ChallengeId, Channel};
use domain::notice::MessagePurpose;
use domain::phone::PhoneNumber;
use harness::eventually;
use shared::records::{Begin, Begun, LedgerRow, LedgerState, LedgerWriter, SendKey};

use super::{OTHER_RUN, PATIENCE, Route, Stage};

impl Stage {
    pub(crate) async fn row(&self, challenge: ChallengeId, send: u32) -> Option<LedgerRow> {
        let key = SendKey { challenge, send };
        self.stores
            .records
            .ledger_row(key)
            .await
            .expect("an answer")
    }

    /// The row once it has come to this state.
    pub(crate) async fn reaches(&self, challenge: ChallengeId, state: LedgerState) -> LedgerRow {
        eventually(PATIENCE, async || {
            self.row(challenge, 1)
                .await
                .filter(|row| row.state == state)
        })
        .await
    }

    /// Waits until this attempt surely did not leave.
    pub(crate) async fn has_failed(&self, challenge: ChallengeId, attempt: u32) {
        eventually(PATIENCE, async || {
            let row = self.row(challenge, 1).await?;
            ((row.state, row.attempt) == (LedgerState::NotSent, attempt)).then_some(())
        })
        .await;
    }

    /// Waits until so many looks have found nothing.
    pub(crate) async fn has_looked(&self, challenge: ChallengeId, looks: u32) -> LedgerRow {
        eventually(PATIENCE, async || {
            self.row(challenge, 1)
                .await
                .filter(|row| row.state == LedgerState::Unknown && row.looks == looks)
        })
        .await
    }

    /// Begins an attempt as a worker does that dies or ends right after.
    pub(crate) async fn begin_elsewhere(
        &self,
        key: SendKey,
        route: Route,
        localid: i64,
    ) -> (LedgerWriter, u32) {
        let challenge = self.stores.hot_state.challenge(key.challenge).await;
        let challenge = challenge.expect("an answer").expect("a record");
        let purpose = challenge.purpose.into();
        self.begin_for(key, challenge.phone, purpose, route, localid)
            .await
    }

    pub(crate) async fn begin_for(
        &self,
        key: SendKey,
        phone: PhoneNumber,
        purpose: MessagePurpose,
        route: Route,
        localid: i64,
    ) -> (LedgerWriter, u32) {
        let ledger = LedgerWriter::start(self.stores.records.clone(), self.clock.clone());
        let begin = Begin {
            key,
            phone,
            purpose,
            channel: Channel::Sms,
            method: route.ledger_method(),
            fence: OTHER_RUN,
            localid,
            accepted_at: self.clock.now(),
            deadline_at: self.clock.now(),
            trace_id: None,
            request_id: None,
        };
        match ledger.begin(begin).await {
            Ok(Begun::Started { attempt, .. }) => (ledger, attempt),
            other => panic!("{other:?}"),
        }
    }
}
