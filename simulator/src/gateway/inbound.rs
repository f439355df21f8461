//! Methods that read what people sent to the account's lines.

use serde::Serialize;

use super::{
    account::Metadata,
    answer::Answer,
    exchange::Exchange,
    parameters::Parameters,
    reads::{DAY, check_span, date},
    status::ReturnStatus,
};
use crate::{clock::seconds, store::inbound::InboundMessage};

/// Rows of one `sms/receive`.
const ROWS: usize = 100;
/// Rows on one page of `sms/inboxpaged`.
const PAGE: usize = 200;
/// How far back `sms/countinbox` looks.
const COUNTED_DAYS: i64 = 60;

/// `sms/receive`: the oldest of a line, which are read from then on.
pub(super) fn receive(
    exchange: &mut Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let [line, _] = parameters.require(["linenumber", "isread"])?;
    let line = exchange.line(Some(line))?;
    let read = is_read(parameters)?;
    let fits =
        |message: &InboundMessage| message.line == line && read.is_none_or(|it| it == message.read);
    Ok(Answer::rows(exchange.inbound.take_read(fits, 0, ROWS)))
}

/// `sms/inboxpaged`: the same of a window of two days, by pages.
pub(super) fn inbox_paged(
    exchange: &mut Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let [line, _] = parameters.require(["linenumber", "isread"])?;
    let line = exchange.line(Some(line))?;
    let read = is_read(parameters)?;
    let today = seconds(exchange.now);
    let start = date(parameters, "startdate", today - 2 * DAY)?;
    let end = date(parameters, "enddate", today)?;
    check_span(start, end, 2 * DAY)?;
    let page = usize::try_from(parameters.number("pagenumber", 1)?).unwrap_or(0);
    let skip = page.checked_sub(1).and_then(|it| it.checked_mul(PAGE));
    let skip = skip.ok_or(ReturnStatus::INCOMPLETE)?;
    let fits = |message: &InboundMessage| {
        message.line == line
            && read.is_none_or(|it| it == message.read)
            && (start..=end).contains(&message.date)
    };
    let count = exchange.inbound.iter().filter(|it| fits(it)).count();
    let rows = exchange.inbound.take_read(fits, skip, PAGE);
    Ok(Answer::rows(rows).with_metadata(&Metadata::new(count, page, PAGE)))
}

#[derive(Serialize)]
struct Count {
    startdate: i64,
    enddate: i64,
    sumcount: usize,
}

/// `sms/countinbox`: how many came in at most one day.
pub(super) fn count_inbox(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let [_] = parameters.require(["startdate"])?;
    let line = parameters.optional("linenumber");
    let line = line.map(|line| exchange.line(Some(line))).transpose()?;
    let read = is_read(parameters)?;
    let today = seconds(exchange.now);
    let start = date(parameters, "startdate", 0)?;
    let end = date(parameters, "enddate", start.saturating_add(DAY).min(today))?;
    check_span(start, end, DAY)?;
    if start < today - COUNTED_DAYS * DAY {
        return Err(ReturnStatus::INVALID_DATE);
    }
    let counted = exchange.inbound.iter().filter(|message| {
        (start..=end).contains(&message.date)
            && line.as_ref().is_none_or(|line| message.line == *line)
            && read.is_none_or(|it| it == message.read)
    });
    Ok(Answer::rows([Count {
        startdate: start,
        enddate: end,
        sumcount: counted.count(),
    }]))
}

/// 1 for those that were read, 0 for the others; 400 for anything else.
fn is_read(parameters: &Parameters) -> Result<Option<bool>, ReturnStatus> {
    match parameters.optional("isread") {
        None => Ok(None),
        Some("0") => Ok(Some(false)),
        Some("1") => Ok(Some(true)),
        Some(_) => Err(ReturnStatus::INCOMPLETE),
    }
}
