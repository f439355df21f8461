//! The rows of a file, read in steps while they are sent: the next step is read when the one before is gone.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::phone::PhoneNumber;
use flows::messages::{CodeStanding, ListedMessage};
use flows::staff::Desk;
use futures::Stream;
use shared::records::SendPlace;

use super::cell::line;
use super::runs::Run;

/// Rows that are in memory at once.
const STEP: u32 = 500;

const HEAD: [&str; 17] = [
    "asked_at",
    "number",
    "operator",
    "purpose",
    "channel",
    "route",
    "state",
    "gateway_code",
    "message_code",
    "error",
    "attempts",
    "cost_rials",
    "sent_at",
    "delivered_at",
    "code",
    "message_id",
    "request_id",
];

/// Where a file is.
enum At {
    Head,
    Behind(Option<SendPlace>),
    End,
}

/// The bytes of a file. If the reader stops, the file ends in the middle.
pub(super) fn stream(
    desk: Arc<Desk>,
    run: Arc<Run>,
) -> impl Stream<Item = Result<Bytes, io::Error>> + Send {
    let ending = Ending(run);
    futures::stream::unfold((desk, ending, At::Head), async |(desk, ending, at)| {
        let after = match at {
            At::Head => {
                let head = Bytes::from(line(HEAD));
                return Some((Ok(head), (desk, ending, At::Behind(None))));
            }
            At::Behind(after) => after,
            At::End => return None,
        };
        let run = &ending.0;
        match desk.messages(&run.filter, after, STEP).await {
            Ok(listed) => {
                let rows: String = listed
                    .messages
                    .iter()
                    .map(|message| row(message, run.whole))
                    .collect();
                run.count(listed.messages.len());
                let next = listed.next.place();
                if next.is_none() {
                    run.end(true);
                }
                let at = next.map_or(At::End, |place| At::Behind(Some(place)));
                Some((Ok(Bytes::from(rows)), (desk, ending, at)))
            }
            Err(refusal) => {
                // The connection breaks, so that nobody takes the half for the whole.
                tracing::warn!(code = refusal.code.as_str(), "an export was broken off");
                run.end(false);
                let error = io::Error::other("the records did not answer");
                Some((Err(error), (desk, ending, At::End)))
            }
        }
    })
}

/// Says that a file was broken off, if it was.
struct Ending(Arc<Run>);

impl Drop for Ending {
    fn drop(&mut self) {
        if self.0.stage() == super::runs::Stage::Running {
            self.0.end(false);
        }
    }
}

fn row(message: &ListedMessage, whole: bool) -> String {
    let row = &message.row;
    let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let phone = row.phone.as_ref().map(|phone| shown(phone, whole));
    let code = match message.code {
        CodeStanding::None | CodeStanding::NotKnown => "",
        CodeStanding::Used { .. } => "used",
        CodeStanding::Live { .. } => "live",
        CodeStanding::GivenBack => "given_back",
        CodeStanding::Over { .. } => "expired",
    };
    let attempts = row.attempt.to_string();
    let cells: [Option<String>; HEAD.len()] = [
        Some(at(row.accepted_at)),
        phone,
        message
            .operator
            .map(|operator| operator.as_str().to_owned()),
        Some(row.purpose.as_str().to_owned()),
        Some(row.channel.as_str().to_owned()),
        Some(row.route.to_string()),
        Some(message.fate.as_str().to_owned()),
        number(row.gateway_status),
        number(row.delivery_status.or(row.entry_status)),
        row.error_class.clone(),
        Some(attempts),
        number(row.cost_rials),
        row.started_at.map(at),
        row.delivered_at.map(at),
        Some(code.to_owned()),
        row.message_id.as_ref().map(ToString::to_string),
        row.request_id.map(|id| id.to_string()),
    ];
    line(cells.iter().map(|cell| cell.as_deref().unwrap_or_default()))
}

/// Digits alone: a plus at its beginning would be taken for a formula.
fn shown(phone: &PhoneNumber, whole: bool) -> String {
    if whole {
        phone.digits().to_owned()
    } else {
        phone.masked().trim_start_matches('+').to_owned()
    }
}
