//! One message that the gateway accepted.

use serde::Serialize;

use super::delivery::{DeliveryStatus, Path};
use crate::clock::{UnixMillis, seconds};

/// A message as the gateway keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) id: u64,
    pub(crate) draft: Draft,
    pub(crate) created: UnixMillis,
}

/// A message before it has its number.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) method: &'static str,
    pub(crate) receptor: String,
    pub(crate) sender: String,
    pub(crate) text: String,
    pub(crate) code: Option<String>,
    pub(crate) template: Option<String>,
    pub(crate) localid: Option<u64>,
    pub(crate) voice: bool,
    /// Rials, as the answer says.
    pub(crate) cost: i64,
    /// Rials really taken; less than the cost where the gateway refunds at once.
    pub(crate) charged: i64,
    /// Unix seconds at which it is or was to be sent.
    pub(crate) date: i64,
    pub(crate) path: Path,
}

impl Message {
    pub(crate) fn status(&self, now: UnixMillis) -> DeliveryStatus {
        self.draft.path.at(now)
    }

    /// The common message row of the gateway's answers.
    pub(crate) fn row(&self, now: UnixMillis) -> MessageRow<'_> {
        let status = self.status(now);
        MessageRow {
            messageid: self.id,
            message: &self.draft.text,
            status: status.code(),
            statustext: status.text(),
            sender: &self.draft.sender,
            receptor: &self.draft.receptor,
            date: self.draft.date,
            cost: self.draft.cost,
        }
    }

    /// The message as its handset shows it.
    pub(crate) fn received(&self, now: UnixMillis) -> ReceivedMessage {
        let status = self.status(now);
        let draft = self.draft.clone();
        ReceivedMessage {
            messageid: self.id,
            receptor: draft.receptor,
            text: draft.text,
            code: draft.code,
            method: draft.method,
            template: draft.template,
            sender: draft.sender,
            status: status.code(),
            statustext: status.text(),
            at: self.created,
            date: draft.date,
            localid: draft.localid,
            voice: draft.voice,
            cost: draft.cost,
        }
    }
}

/// The message row of `send`, `lookup`, `select` and the outbox methods, keys in their order.
#[derive(Debug, Serialize)]
pub(crate) struct MessageRow<'a> {
    pub(crate) messageid: u64,
    pub(crate) message: &'a str,
    pub(crate) status: u16,
    pub(crate) statustext: &'static str,
    pub(crate) sender: &'a str,
    pub(crate) receptor: &'a str,
    pub(crate) date: i64,
    pub(crate) cost: i64,
}

impl MessageRow<'_> {
    /// The row of an id that is not known.
    pub(crate) fn unknown(messageid: u64, now: UnixMillis) -> Self {
        let status = DeliveryStatus::UNKNOWN;
        Self {
            messageid,
            message: "",
            status: status.code(),
            statustext: status.text(),
            sender: "",
            receptor: "",
            date: seconds(now),
            cost: 0,
        }
    }
}

/// A message as its handset shows it: the inbox, and `GET /_sim/messages`.
#[derive(Clone, Debug, Serialize)]
pub struct ReceivedMessage {
    /// The gateway's number of the message, above 2^31.
    pub messageid: u64,
    /// The receptor in the gateway's spelling (`09…`).
    pub receptor: String,
    /// The text as shown or spoken, code included.
    pub text: String,
    /// The code in the text, if there is one.
    pub code: Option<String>,
    /// The method that sent it, for example `verify/lookup`.
    pub method: &'static str,
    /// The template of a lookup.
    pub template: Option<String>,
    /// The line that it came from.
    pub sender: String,
    /// The present delivery state.
    pub status: u16,
    /// The gateway's Persian text for the state.
    pub statustext: &'static str,
    /// When the gateway accepted it, in Unix milliseconds.
    pub at: UnixMillis,
    /// When it is or was to be sent, in Unix seconds.
    pub date: i64,
    /// The caller's own number for it.
    pub localid: Option<u64>,
    /// Whether it is a voice call.
    pub voice: bool,
    /// Rials.
    pub cost: i64,
}
