//! How quickly the messages of a page went: what was ours, and what was the operator's.

use chrono::{DateTime, Utc};
use flows::messages::ListedMessage;

use crate::times;
use crate::words::Words;

/// A sentence about the messages that are shown, where they can be judged: half of them left within the one time of
/// being asked for, half of those that arrived came within the other of leaving.
pub(super) fn pace(messages: &[ListedMessage], words: &'static Words) -> Option<String> {
    let between = |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).as_seconds_f64();
    let left = messages
        .iter()
        .filter_map(|one| Some(between(one.row.accepted_at, one.row.started_at?)));
    let arrived = messages
        .iter()
        .filter_map(|one| Some(between(one.row.finished_at?, one.row.delivered_at?)));
    let texts = words.sends;
    let left = times::span(times::middle(left)?, words);
    let text = match times::middle(arrived) {
        Some(arrived) => texts
            .pace
            .replace("{arrived}", &times::span(arrived, words)),
        None => texts.pace_left.to_owned(),
    };
    Some(
        text.replace("{count}", &messages.len().to_string())
            .replace("{left}", &left),
    )
}
