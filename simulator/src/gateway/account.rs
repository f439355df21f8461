//! `account/info`, `account/config`, `utils/getdate` and `verify/templatelist`.

use chrono::{DateTime, Datelike, FixedOffset, Timelike};
use serde::Serialize;

use super::{answer::Answer, exchange::Exchange, parameters::Parameters, status::ReturnStatus};
use crate::{
    clock::seconds,
    store::account::{AccountKind, ApiLogs},
};

/// Tehran's distance from UTC in seconds, all year since 2022.
const TEHRAN: i32 = 12_600;
/// Templates on one page of the list.
const PAGE: usize = 50;

#[derive(Serialize)]
struct Info {
    remaincredit: i64,
    expiredate: i64,
    r#type: AccountKind,
}

pub(super) fn info(exchange: &Exchange<'_>) -> Answer {
    let account = &exchange.account;
    Answer::object(&Info {
        remaincredit: account.credit,
        expiredate: account.expiredate,
        r#type: account.kind,
    })
}

#[derive(Serialize)]
struct Config<'a> {
    apilogs: ApiLogs,
    dailyreport: &'static str,
    debugmode: &'static str,
    defaultsender: &'a str,
    mincreditalarm: String,
    resendfailed: &'static str,
}

/// Reads the settings; any parameter changes one of them, on a GET as well.
pub(super) fn config(
    exchange: &mut Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    if !parameters.is_empty() {
        if !exchange.account.panel_ip_registered {
            return Err(ReturnStatus::ADDRESS_NOT_REGISTERED);
        }
        change(exchange, parameters)?;
    }
    let account = &exchange.account;
    Ok(Answer::object(&Config {
        apilogs: account.apilogs,
        dailyreport: switch_text(account.dailyreport),
        debugmode: switch_text(account.debugmode),
        defaultsender: account.default_sender.as_deref().unwrap_or_default(),
        mincreditalarm: account.mincreditalarm.to_string(),
        resendfailed: switch_text(account.resendfailed),
    }))
}

fn change(exchange: &mut Exchange<'_>, parameters: &Parameters) -> Result<(), ReturnStatus> {
    let mut account = exchange.account.clone();
    account.apilogs = match parameters.optional("apilogs") {
        None => account.apilogs,
        Some("justfaults") => ApiLogs::Justfaults,
        Some("enabled") => ApiLogs::Enabled,
        Some("disabled") => ApiLogs::Disabled,
        Some(_) => return Err(ReturnStatus::INCOMPLETE),
    };
    account.dailyreport = switch(parameters, "dailyreport", account.dailyreport)?;
    account.debugmode = switch(parameters, "debugmode", account.debugmode)?;
    account.resendfailed = switch(parameters, "resendfailed", account.resendfailed)?;
    account.mincreditalarm = parameters.number("mincreditalarm", account.mincreditalarm)?;
    if let Some(sender) = parameters.optional("defaultsender") {
        account.default_sender = Some(exchange.line(Some(sender))?);
    }
    *exchange.account = account;
    Ok(())
}

fn switch(parameters: &Parameters, name: &str, present: bool) -> Result<bool, ReturnStatus> {
    match parameters.optional(name) {
        None => Ok(present),
        Some("enabled") => Ok(true),
        Some("disabled") => Ok(false),
        Some(_) => Err(ReturnStatus::INCOMPLETE),
    }
}

fn switch_text(on: bool) -> &'static str {
    if on { "enabled" } else { "disabled" }
}

#[derive(Serialize)]
struct Date {
    datetime: String,
    year: i32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    unixtime: i64,
}

/// The time in Tehran; works with the dummy key `0`.
pub(super) fn get_date(exchange: &Exchange<'_>) -> Answer {
    let unixtime = seconds(exchange.now);
    let zone = FixedOffset::east_opt(TEHRAN);
    let local = zone.and_then(|zone| {
        DateTime::from_timestamp(unixtime, 0).map(|time| time.with_timezone(&zone))
    });
    let Some(local) = local else {
        return Answer::failed(ReturnStatus::INVALID_DATE);
    };
    let (afternoon, hour) = local.hour12();
    let half = if afternoon { "ب.ظ" } else { "ق.ظ" };
    Answer::object(&Date {
        datetime: format!(
            "{}{hour:02}{} {half}",
            local.format("%d/%m/%Y "),
            local.format(":%M:%S")
        ),
        year: local.year(),
        month: local.month(),
        day: local.day(),
        hour: local.hour(),
        minute: local.minute(),
        second: local.second(),
        unixtime,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TemplateRow<'a> {
    name: &'a str,
    approval_status: &'static str,
    send_priority: u8,
    sms_message: &'a str,
}

/// Paging of a list; all numbers are texts here.
#[derive(Serialize)]
pub(super) struct Metadata {
    totalcount: String,
    currentpage: String,
    totalpages: String,
    pagesize: String,
}

impl Metadata {
    pub(super) fn new(count: usize, page: usize, page_size: usize) -> Self {
        Self {
            totalcount: count.to_string(),
            currentpage: page.to_string(),
            totalpages: count.div_ceil(page_size).max(1).to_string(),
            pagesize: page_size.to_string(),
        }
    }
}

pub(super) fn template_list(
    exchange: &Exchange<'_>,
    parameters: &Parameters,
) -> Result<Answer, ReturnStatus> {
    let page = usize::try_from(parameters.number("page", 1)?).unwrap_or(0);
    let skip = page.checked_sub(1).and_then(|it| it.checked_mul(PAGE));
    let skip = skip.ok_or(ReturnStatus::INCOMPLETE)?;
    let templates = &exchange.account.templates;
    let rows = templates
        .iter()
        .skip(skip)
        .take(PAGE)
        .map(|(name, template)| TemplateRow {
            name,
            approval_status: if template.approved {
                "Approved"
            } else {
                "PendingReview"
            },
            send_priority: 1,
            sms_message: &template.text,
        });
    let metadata = Metadata::new(templates.len(), page, PAGE);
    Ok(Answer::rows(rows).with_metadata(&metadata))
}
