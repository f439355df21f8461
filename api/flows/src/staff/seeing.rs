//! What the staff looks at: lists of messages, one number, the figures of the service. Nothing is changed.

use std::sync::Arc;

use shared::records::{SendFilter, SendPlace};
use shared::stores::Stores;

use super::{Deed, Desk};
use crate::inquiry::{Inquiry, NoAnswer, Question, Report};
use crate::messages::{self, MessagesListed};
use crate::overview::{Overview, Sources, View};
use crate::refusal::Refusal;

impl Desk {
    /// So many of the messages that are looked for, behind a place in the list.
    pub async fn messages(
        &self,
        filter: &SendFilter,
        after: Option<SendPlace>,
        limit: u32,
    ) -> Result<MessagesListed, Refusal> {
        let (flows, now) = (&self.flows, self.flows.clock.now());
        let listed = messages::list(&self.records, &flows.hot_state, now, filter, after, limit);
        Ok(listed.await?)
    }

    /// How the service does; `overview` keeps it for some seconds.
    pub async fn service(&self, overview: &Overview) -> Arc<View> {
        let sources = Sources {
            hot_state: self.flows.hot_state.clone(),
            records: self.records.clone(),
            queue: self.flows.queue.clone(),
        };
        overview.view(&sources, self.flows.clock.now()).await
    }

    /// Everything that is known of a number or of a request.
    pub async fn inquire(&self, question: Question) -> Result<Report, NoAnswer> {
        let stores = Stores {
            hot_state: self.flows.hot_state.clone(),
            records: self.records.clone(),
            feed: self.flows.queue.clone(),
        };
        let inquiry = Inquiry {
            stores: &stores,
            policy: &self.flows.accept_policy,
            one_process: self.flows.hot_state.back_end() == "sqlite",
        };
        inquiry.answer(question, self.flows.clock.now(), None).await
    }

    /// How often a code may be tried, each way.
    pub fn attempts_allowed(&self) -> u32 {
        self.flows.accept_policy.max_attempts
    }

    /// Writes down that somebody takes a list of messages away. `details` are facts; no whole number.
    pub async fn note_export(
        &self,
        deed: &Deed,
        details: serde_json::Value,
    ) -> Result<(), Refusal> {
        let entry = deed.entry(self, "sends_exported", None, None, details);
        let now = self.flows.clock.now();
        Ok(self.records.write_audit(&entry, now).await?)
    }
}
