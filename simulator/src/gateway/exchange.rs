//! One call at work: the account that pays and the messages that it makes.

use std::collections::HashSet;

use super::{answer::Answer, receptor::Receptor, status::ReturnStatus, text};
use crate::{
    clock::{UnixMillis, seconds},
    store::{
        account::Account,
        delivery::{DeliveryStatus, Path, Start},
        inbound::Inbound,
        message::Draft,
        messages::Messages,
    },
};

/// What a method works with, and what it leaves behind.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) account: &'a mut Account,
    pub(crate) messages: &'a mut Messages,
    pub(crate) inbound: &'a mut Inbound,
    pub(crate) now: UnixMillis,
    /// Numbers of the messages made.
    pub(crate) made: Vec<u64>,
    /// Numbers of the messages taken back.
    pub(crate) cancelled: Vec<u64>,
    /// Whether a local id was known already.
    pub(crate) duplicate: bool,
}

/// What is the same for all messages of one call.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    pub(super) method: &'static str,
    pub(super) start: Start,
    pub(super) voice: bool,
    /// Whether receivers who opted out of advertising are filtered (state 14).
    pub(super) filtered: bool,
    pub(super) template: Option<&'a str>,
}

/// One message to make.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) receptor: Receptor,
    pub(super) sender: String,
    pub(super) text: String,
    /// The code, where the caller named it apart from the text.
    pub(super) code: Option<String>,
    pub(super) localid: Option<u64>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        account: &'a mut Account,
        messages: &'a mut Messages,
        inbound: &'a mut Inbound,
        now: UnixMillis,
    ) -> Self {
        Self {
            account,
            messages,
            inbound,
            now,
            made: Vec::new(),
            cancelled: Vec::new(),
            duplicate: false,
        }
    }

    /// The line to send from: 412 for an empty, foreign or malformed one and where there is no
    /// default, 427 for one that needs an access level.
    pub(super) fn line(&self, sender: Option<&str>) -> Result<String, ReturnStatus> {
        let line = sender.or(self.account.default_sender.as_deref());
        let line = line.ok_or(ReturnStatus::INVALID_SENDER)?.trim();
        let line = ["+98", "0098"]
            .iter()
            .find_map(|it| line.strip_prefix(it))
            .unwrap_or(line);
        let plausible =
            (4..=16).contains(&line.len()) && line.bytes().all(|byte| byte.is_ascii_digit());
        if !plausible {
            return Err(ReturnStatus::INVALID_SENDER);
        }
        if self
            .account
            .restricted_lines
            .iter()
            .any(|restricted| restricted == line)
        {
            return Err(ReturnStatus::LINE_NOT_ALLOWED);
        }
        let default = self.account.default_sender.as_deref() == Some(line);
        let own = self
            .account
            .lines
            .as_ref()
            .is_none_or(|lines| lines.iter().any(|it| it == line));
        if own || default {
            Ok(line.to_owned())
        } else {
            Err(ReturnStatus::INVALID_SENDER)
        }
    }

    /// Checks the tag, if one is given: 607 when it is malformed or not in the panel.
    pub(super) fn check_tag(&self, tag: Option<&str>) -> Result<(), ReturnStatus> {
        match tag {
            Some(tag) if !self.account.tags.contains(tag) => Err(ReturnStatus::INVALID_TAG),
            _ => Ok(()),
        }
    }

    /// Makes the messages, each charged once; an item with a known local id is not sent again but
    /// answered with the row of its first message. All or nothing: 501, 418.
    pub(super) fn dispatch(
        &mut self,
        items: Vec<Item>,
        terms: &Terms<'_>,
    ) -> Result<Answer, ReturnStatus> {
        if let Some(owner) = &self.account.trial_owner {
            let owner = super::spelled(owner);
            if items.iter().any(|item| item.receptor.number != owner) {
                return Err(ReturnStatus::TRIAL);
            }
        }
        if self.total_cost(&items) > self.account.credit {
            return Err(ReturnStatus::NO_CREDIT);
        }
        let mut ids = Vec::with_capacity(items.len());
        for item in items {
            let first = item
                .localid
                .and_then(|id| self.messages.by_localid(id, self.now));
            if let Some(first) = first {
                self.duplicate = true;
                ids.push(first.id);
                continue;
            }
            let draft = self.draft(item, terms);
            self.account.credit -= draft.charged;
            let id = self.messages.add(draft, self.now);
            self.made.push(id);
            ids.push(id);
        }
        let messages = ids.iter().filter_map(|id| self.messages.get(*id));
        Ok(Answer::rows(messages.map(|message| message.row(self.now))))
    }

    fn total_cost(&self, items: &[Item]) -> i64 {
        let mut seen = HashSet::new();
        let is_new = |item: &&Item| match item.localid {
            None => true,
            Some(id) => seen.insert(id) && self.messages.by_localid(id, self.now).is_none(),
        };
        items
            .iter()
            .filter(is_new)
            .map(|item| self.cost(&item.text))
            .fold(0, i64::saturating_add)
    }

    fn cost(&self, text: &str) -> i64 {
        i64::from(text::parts(text)).saturating_mul(self.account.tariff)
    }

    fn draft(&self, item: Item, terms: &Terms<'_>) -> Draft {
        let delivery = &self.account.delivery;
        let wished = delivery.final_status_of(&item.receptor.number);
        let (path, free) = if self.account.debugmode {
            (Path::debug(self.now, delivery), true)
        } else if wished == DeliveryStatus::BLOCKED && terms.filtered {
            (Path::blocked(self.now), true)
        } else {
            let wished = if wished == DeliveryStatus::BLOCKED {
                DeliveryStatus::DELIVERED
            } else {
                wished
            };
            let resend = self.account.resendfailed;
            (
                Path::new(self.now, terms.start, delivery, wished, resend),
                false,
            )
        };
        let cost = self.cost(&item.text);
        let date = match terms.start {
            Start::At(date) => date,
            Start::Queue | Start::HandedOver => self.now,
        };
        Draft {
            method: terms.method,
            receptor: item.receptor.number,
            sender: item.sender,
            code: item.code.or_else(|| text::find_code(&item.text)),
            text: item.text,
            template: terms.template.map(str::to_owned),
            localid: item.localid,
            voice: terms.voice,
            cost,
            charged: if free { 0 } else { cost },
            date: seconds(date),
            path,
        }
    }
}
