//! The accepted messages: a bounded store, oldest out first.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use super::{
    delivery::DeliveryStatus,
    message::{Draft, Message},
};
use crate::clock::UnixMillis;

/// The first message number: above 2^31, so that a client with 32-bit numbers fails here.
pub(crate) const FIRST_ID: u64 = 2_890_000_000;
/// `sms/status` knows messages this long.
pub(crate) const STATUS_WINDOW: Duration = Duration::from_hours(48);
/// Local ids are read back, and duplicates suppressed, this long.
pub(crate) const LOCALID_WINDOW: Duration = Duration::from_hours(12);

/// Messages by number, receptor and local id.
#[derive(Debug)]
pub(crate) struct Messages {
    capacity: usize,
    next_id: u64,
    by_id: BTreeMap<u64, Message>,
    by_receptor: HashMap<String, VecDeque<u64>>,
    by_localid: HashMap<u64, u64>,
}

impl Messages {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            next_id: FIRST_ID,
            by_id: BTreeMap::new(),
            by_receptor: HashMap::new(),
            by_localid: HashMap::new(),
        }
    }

    /// Keeps a message and gives it its number.
    pub(crate) fn add(&mut self, draft: Draft, now: UnixMillis) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.by_receptor
            .entry(draft.receptor.clone())
            .or_default()
            .push_back(id);
        if let Some(localid) = draft.localid {
            self.by_localid.insert(localid, id);
        }
        self.by_id.insert(
            id,
            Message {
                id,
                draft,
                created: now,
            },
        );
        while self.by_id.len() > self.capacity {
            self.drop_oldest();
        }
        id
    }

    fn drop_oldest(&mut self) {
        let Some((id, message)) = self.by_id.pop_first() else {
            return;
        };
        if let Some(ids) = self.by_receptor.get_mut(&message.draft.receptor) {
            ids.pop_front();
            if ids.is_empty() {
                self.by_receptor.remove(&message.draft.receptor);
            }
        }
        if let Some(localid) = message.draft.localid
            && self.by_localid.get(&localid) == Some(&id)
        {
            self.by_localid.remove(&localid);
        }
    }

    /// Forgets all messages and local ids; numbers go on where they were.
    pub(crate) fn clear(&mut self) {
        self.by_id.clear();
        self.by_receptor.clear();
        self.by_localid.clear();
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Message> {
        self.by_id.get(&id)
    }

    /// A message that `sms/status` and `sms/select` still know.
    pub(crate) fn recent(&self, id: u64, now: UnixMillis) -> Option<&Message> {
        self.get(id)
            .filter(|message| is_within(message, STATUS_WINDOW, now))
    }

    /// The message of a local id that is still remembered.
    pub(crate) fn by_localid(&self, localid: u64, now: UnixMillis) -> Option<&Message> {
        let id = self.by_localid.get(&localid)?;
        self.get(*id)
            .filter(|message| is_within(message, LOCALID_WINDOW, now))
    }

    /// Messages to one receptor, newest first.
    pub(crate) fn to_receptor<'a>(
        &'a self,
        receptor: &str,
    ) -> impl Iterator<Item = &'a Message> + use<'a> {
        let ids = self.by_receptor.get(receptor);
        ids.into_iter()
            .flatten()
            .rev()
            .filter_map(|id| self.by_id.get(id))
    }

    /// All messages, newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Message> {
        self.by_id.values().rev()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Cancels a scheduled message and returns what it was charged; `None` when it is not waiting.
    pub(crate) fn cancel(&mut self, id: u64, now: UnixMillis) -> Option<i64> {
        let message = self.by_id.get_mut(&id)?;
        if message.status(now) != DeliveryStatus::SCHEDULED {
            return None;
        }
        message.draft.path.cancel(now);
        Some(std::mem::take(&mut message.draft.charged))
    }
}

fn is_within(message: &Message, window: Duration, now: UnixMillis) -> bool {
    u128::try_from(now - message.created).is_ok_and(|age| age <= window.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::delivery::{DeliverySettings, Path, Start};

    fn draft(receptor: &str, localid: Option<u64>) -> Draft {
        let settings = DeliverySettings::default();
        Draft {
            method: "sms/send",
            receptor: receptor.to_owned(),
            sender: "30009911".to_owned(),
            text: "x".to_owned(),
            code: None,
            template: None,
            localid,
            voice: false,
            cost: 2_280,
            charged: 2_280,
            date: 0,
            path: Path::new(0, Start::Queue, &settings, DeliveryStatus::DELIVERED, false),
        }
    }

    #[test]
    fn numbers_are_above_32_bits_and_grow() {
        let mut messages = Messages::new(10);
        let first = messages.add(draft("09123004501", None), 0);
        let second = messages.add(draft("09123004501", None), 0);
        assert!(first > u64::from(i32::MAX.unsigned_abs()));
        assert_eq!(second, first + 1);
        messages.clear();
        assert_eq!(messages.add(draft("09123004501", None), 0), second + 1);
    }

    #[test]
    fn the_oldest_message_leaves_every_index() {
        let mut messages = Messages::new(2);
        let first = messages.add(draft("09120000001", Some(7)), 0);
        messages.add(draft("09120000002", None), 0);
        messages.add(draft("09120000003", None), 0);
        assert!(messages.get(first).is_none());
        assert!(messages.by_localid(7, 0).is_none());
        assert_eq!(messages.to_receptor("09120000001").count(), 0);
        assert!(!messages.by_receptor.contains_key("09120000001"));
        assert_eq!(messages.len(), 2);
    }

    #[test]
    fn ids_are_known_48_hours_and_local_ids_12() {
        const HOUR: UnixMillis = 3_600_000;
        let mut messages = Messages::new(2);
        let id = messages.add(draft("09120000001", Some(7)), 0);
        assert!(messages.by_localid(7, 12 * HOUR).is_some());
        assert!(messages.by_localid(7, 12 * HOUR + 1).is_none());
        assert!(messages.recent(id, 48 * HOUR).is_some());
        assert!(messages.recent(id, 48 * HOUR + 1).is_none());
    }

    #[test]
    fn only_a_waiting_message_is_cancelled_and_only_once() {
        let mut messages = Messages::new(2);
        let settings = DeliverySettings::default();
        let at = Start::At(60_000);
        let path = Path::new(0, at, &settings, DeliveryStatus::DELIVERED, false);
        let waiting = messages.add(
            Draft {
                path,
                ..draft("09120000001", None)
            },
            0,
        );
        let sent = messages.add(draft("09120000001", None), 0);
        assert_eq!(messages.cancel(sent, 1), None);
        assert_eq!(messages.cancel(waiting, 1), Some(2_280));
        assert_eq!(messages.cancel(waiting, 2), None);
    }
}
