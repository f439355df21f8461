//! Rows of the ledger, and attempts that another run has begun.

use domain::challenge::Channel;
use domain::notice::MessagePurpose;
use domain::phone::PhoneNumber;
use domain::root::RootId;
use harness::eventually;
use shared::records::{Begin, Begun, LedgerRow, LedgerState, LedgerWriter, SendKey};

use super::{OTHER_RUN, PATIENCE, Route, Stage};

impl Stage {
    pub(crate) async fn row(&self, root: impl Into<RootId>, send: u32) -> Option<LedgerRow> {
        let root = root.into();
        let key = SendKey::first_leg(root, send);
        self.stores
            .records
            .ledger_row(key)
            .await
            .expect("an answer")
    }

    /// The row once it has come to this state.
    pub(crate) async fn reaches(&self, root: impl Into<RootId>, state: LedgerState) -> LedgerRow {
        let root = root.into();
        eventually(PATIENCE, async || {
            self.row(root, 1).await.filter(|row| row.state == state)
        })
        .await
    }

    /// Waits until this attempt surely did not leave.
    pub(crate) async fn has_failed(&self, root: impl Into<RootId>, attempt: u32) {
        let root = root.into();
        eventually(PATIENCE, async || {
            let row = self.row(root, 1).await?;
            ((row.state, row.attempt) == (LedgerState::NotSent, attempt)).then_some(())
        })
        .await;
    }

    /// Waits until so many looks have found nothing.
    pub(crate) async fn has_looked(&self, root: impl Into<RootId>, looks: u32) -> LedgerRow {
        let root = root.into();
        eventually(PATIENCE, async || {
            self.row(root, 1)
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
        let root = self.stores.hot_state.root(key.root).await;
        let root = root.expect("an answer").expect("a record");
        let purpose = root.purpose.into();
        self.begin_for(key, root.phone, purpose, route, localid)
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
            route: shared::records::Route::KAVENEGAR,
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
