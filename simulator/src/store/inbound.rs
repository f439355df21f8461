//! Messages that people sent to the account's lines: a bounded store, oldest out first.

use std::collections::VecDeque;

use serde::Serialize;

use crate::clock::{UnixMillis, seconds};

/// Apart from the numbers of the outbox, and above 2^31 as they are.
const FIRST_ID: u64 = 3_190_000_000;

/// A message in the inbox of a line.
#[derive(Clone, Debug)]
pub(crate) struct InboundMessage {
    pub(crate) id: u64,
    /// The phone that it came from, in the gateway's spelling.
    pub(crate) sender: String,
    pub(crate) line: String,
    pub(crate) text: String,
    /// Unix seconds.
    pub(crate) date: i64,
    pub(crate) read: bool,
}

/// The row of `sms/receive`, keys in their order.
#[derive(Debug, Serialize)]
pub(crate) struct InboundRow {
    messageid: u64,
    message: String,
    sender: String,
    receptor: String,
    date: i64,
}

/// The inboxes of all lines, oldest first.
#[derive(Debug)]
pub(crate) struct Inbound {
    capacity: usize,
    next_id: u64,
    messages: VecDeque<InboundMessage>,
}

impl Inbound {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            next_id: FIRST_ID,
            messages: VecDeque::new(),
        }
    }

    /// Keeps a message and gives it its number.
    pub(crate) fn add(
        &mut self,
        sender: String,
        line: String,
        text: String,
        now: UnixMillis,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.messages.push_back(InboundMessage {
            id,
            sender,
            line,
            text,
            date: seconds(now),
            read: false,
        });
        if self.messages.len() > self.capacity {
            self.messages.pop_front();
        }
        id
    }

    /// Forgets all; numbers go on where they were.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &InboundMessage> {
        self.messages.iter()
    }

    /// The rows of those that fit, from `skip` on, which are read from now on.
    pub(crate) fn take_read(
        &mut self,
        fits: impl Fn(&InboundMessage) -> bool,
        skip: usize,
        limit: usize,
    ) -> Vec<InboundRow> {
        let fitting = self.messages.iter_mut().filter(|message| fits(message));
        fitting
            .skip(skip)
            .take(limit)
            .map(|message| {
                message.read = true;
                InboundRow {
                    messageid: message.id,
                    message: message.text.clone(),
                    sender: message.sender.clone(),
                    receptor: message.line.clone(),
                    date: message.date,
                }
            })
            .collect()
    }
}
