//! Methods that look messages up, and `sms/cancel`.

use serde::Serialize;

use super::{
    answer::Answer,
    exchange::Exchange,
    parameters::{Parameters, comma_list},
    receptor::Receptor,
    status::ReturnStatus,
    text::parts,
};
use crate::{
    clock::seconds,
    store::{account::EmptyReads, delivery::DeliveryStatus, message::MessageRow},
};

/// Ids in one call, and rows in one answer of the outbox.
const MAX_ROWS: usize = 500;
pub(super) const DAY: i64 = 86_400;

#[derive(Serialize)]
struct StatusRow {
    messageid: u64,
    status: u16,
    statustext: &'static str,
}

impl StatusRow {
    fn new(messageid: u64, status: DeliveryStatus) -> Self {
        Self {
            messageid,
            status: status.code(),
            statustext: status.text(),
        }
    }
}

#[derive(Serialize)]
struct LocalIdRow {
    messageid: u64,
    /// Text, unlike everywhere else.
    localid: String,
    status: u16,
    statustext: &'static str,
}

#[derive(Serialize)]
struct ReceptorRow<'a> {
    messageid: u64,
    receptor: &'a str,
    status: u16,
    statustext: &'static str,
}

/// `sms/status`: 48 hours back, 100 for anything that is not known.
pub(super) fn status(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let ids = ids(parameters, "messageid")?;
    let rows = ids.into_iter().map(|id| {
        let message = exchange.messages.recent(id, exchange.now);
        let status = message.map_or(DeliveryStatus::UNKNOWN, |it| it.status(exchange.now));
        StatusRow::new(id, status)
    });
    Ok(Answer::rows(rows))
}

/// `call/status`: the same of voice calls; a text message is no call, so its id is not known.
pub(super) fn call_status(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let rows = ids(parameters, "messageid")?.into_iter().map(|id| {
        let message = exchange.messages.recent(id, exchange.now);
        let call = message.filter(|message| message.draft.voice);
        let status = call.map_or(DeliveryStatus::UNKNOWN, |it| it.status(exchange.now));
        StatusRow::new(id, status)
    });
    Ok(Answer::rows(rows))
}

/// `sms/statuslocalmessageid`: 12 hours back.
pub(super) fn status_by_localid(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let localids = ids(parameters, "localid")?;
    let rows = localids.into_iter().map(|localid| {
        let message = exchange.messages.by_localid(localid, exchange.now);
        let status = message.map_or(DeliveryStatus::UNKNOWN, |it| it.status(exchange.now));
        LocalIdRow {
            messageid: message.map_or(0, |it| it.id),
            localid: localid.to_string(),
            status: status.code(),
            statustext: status.text(),
        }
    });
    Ok(Answer::rows(rows))
}

/// `sms/statusbyreceptor`: all that went to a number in at most one day, oldest first.
pub(super) fn status_by_receptor(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let [receptor, _] = parameters.require(["receptor", "startdate"])?;
    let receptor = Receptor::parse(receptor).ok_or(ReturnStatus::INVALID_RECEPTOR)?;
    let start = date(parameters, "startdate", 0)?;
    let end = date(parameters, "enddate", start.saturating_add(DAY))?;
    check_span(start, end, DAY)?;
    let mut rows: Vec<_> = exchange
        .messages
        .to_receptor(&receptor.number)
        .filter(|message| (start..=end).contains(&seconds(message.created)))
        .map(|message| {
            let status = message.status(exchange.now);
            ReceptorRow {
                messageid: message.id,
                receptor: &message.draft.receptor,
                status: status.code(),
                statustext: status.text(),
            }
        })
        .collect();
    rows.reverse();
    if rows.is_empty() && exchange.account.empty_reads == EmptyReads::NoRecord {
        return Err(ReturnStatus::NO_RECORD);
    }
    Ok(Answer::rows(rows))
}

/// `sms/select`: whole rows, for a registered address only.
pub(super) fn select(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    check_registered(exchange)?;
    let rows = ids(parameters, "messageid")?.into_iter().map(|id| {
        let message = exchange.messages.recent(id, exchange.now);
        message.map_or_else(
            || MessageRow::unknown(id, exchange.now),
            |it| it.row(exchange.now),
        )
    });
    Ok(Answer::rows(rows))
}

/// `sms/selectoutbox`: what was sent between two dates, at most three days ago.
pub(super) fn select_outbox(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    check_registered(exchange)?;
    let [_] = parameters.require(["startdate"])?;
    let sender = sender_filter(exchange, parameters)?;
    let today = seconds(exchange.now);
    let start = date(parameters, "startdate", 0)?;
    let end = date(parameters, "enddate", today)?;
    check_span(start, end, DAY)?;
    if start < today - 3 * DAY {
        return Err(ReturnStatus::INVALID_DATE);
    }
    let rows = exchange
        .messages
        .newest_first()
        .filter(|message| (start..=end).contains(&message.draft.date))
        .filter(|message| {
            sender
                .as_ref()
                .is_none_or(|sender| message.draft.sender == *sender)
        })
        .take(MAX_ROWS);
    Ok(Answer::rows(rows.map(|message| message.row(exchange.now))))
}

/// `sms/latestoutbox`: the newest messages.
pub(super) fn latest_outbox(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    check_registered(exchange)?;
    let sender = sender_filter(exchange, parameters)?;
    let page = usize::try_from(parameters.number("pagesize", 500)?).unwrap_or(0);
    if !(1..=MAX_ROWS).contains(&page) {
        return Err(ReturnStatus::INCOMPLETE);
    }
    let rows = exchange
        .messages
        .newest_first()
        .filter(|message| {
            sender
                .as_ref()
                .is_none_or(|sender| message.draft.sender == *sender)
        })
        .take(page);
    Ok(Answer::rows(rows.map(|message| message.row(exchange.now))))
}

#[derive(Serialize)]
struct OutboxCount {
    startdate: i64,
    enddate: i64,
    sumpart: u64,
    sumcount: u64,
    cost: i64,
}

/// `sms/countoutbox`: how much was sent in at most one day, of one delivery state if it is named.
pub(super) fn count_outbox(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let [_] = parameters.require(["startdate"])?;
    let status = parameters.number("status", -1)?;
    let today = seconds(exchange.now);
    let start = date(parameters, "startdate", 0)?;
    let end = date(parameters, "enddate", start.saturating_add(DAY).min(today))?;
    check_span(start, end, DAY)?;
    let mut count = OutboxCount {
        startdate: start,
        enddate: end,
        sumpart: 0,
        sumcount: 0,
        cost: 0,
    };
    let counted = exchange.messages.newest_first().filter(|message| {
        (start..=end).contains(&message.draft.date)
            && (status == -1 || i64::from(message.status(exchange.now).code()) == status)
    });
    for message in counted {
        count.sumpart += u64::from(parts(&message.draft.text));
        count.sumcount += 1;
        count.cost += message.draft.cost;
    }
    Ok(Answer::rows([count]))
}

/// `sms/cancel`: takes back scheduled messages and returns their cost; others keep their state.
pub(super) fn cancel(
    exchange: &mut Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let ids = ids(parameters, "messageid")?;
    let now = exchange.now;
    for id in &ids {
        if let Some(charged) = exchange.messages.cancel(*id, now) {
            exchange.account.credit += charged;
            exchange.cancelled.push(*id);
        }
    }
    let rows = ids.into_iter().map(|id| {
        let message = exchange.messages.recent(id, now);
        StatusRow::new(
            id,
            message.map_or(DeliveryStatus::UNKNOWN, |it| it.status(now)),
        )
    });
    Ok(Answer::rows(rows))
}

fn check_registered(exchange: &Exchange<'_>) -> Result<(), ReturnStatus> {
    if exchange.account.panel_ip_registered {
        Ok(())
    } else {
        Err(ReturnStatus::ADDRESS_NOT_REGISTERED)
    }
}

/// A comma list of at most 500 ids (414); 400 for anything that is no number.
fn ids(parameters: &Parameters, name: &str) -> Result<Vec<u64>, ReturnStatus> {
    let [value] = parameters.require([name])?;
    let texts = comma_list(value);
    if texts.len() > MAX_ROWS {
        return Err(ReturnStatus::TOO_MANY);
    }
    texts
        .into_iter()
        .map(|text| text.parse().map_err(|_| ReturnStatus::INCOMPLETE))
        .collect()
}

pub(super) fn date(parameters: &Parameters, name: &str, default: i64) -> Result<i64, ReturnStatus> {
    parameters
        .number(name, default)
        .map_err(|_| ReturnStatus::INVALID_DATE)
}

/// 417 unless the end is behind the start, at most so many seconds.
pub(super) fn check_span(start: i64, end: i64, longest: i64) -> Result<(), ReturnStatus> {
    let span = end.checked_sub(start).ok_or(ReturnStatus::INVALID_DATE)?;
    if (0..=longest).contains(&span) {
        Ok(())
    } else {
        Err(ReturnStatus::INVALID_DATE)
    }
}

fn sender_filter(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Option<String>, ReturnStatus> {
    parameters
        .optional("sender")
        .map(|sender| exchange.line(Some(sender)))
        .transpose()
}
