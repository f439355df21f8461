//! The limits: what each rule is set to and how often it refused, who is locked, who is exempt, and what was refused
//! last.

pub(crate) mod address;
mod told;

pub(crate) mod number;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::clock::UnixMillis;
use domain::limits::{Quota, Rule};
use domain::staff::Role;
use flows::staff::limits::{self, RuleNow};
use http::StatusCode;
use serde::Deserialize;
use shared::hot_state::{Exemption, LastRefusal};

use crate::console::Console;
use crate::fault::Fault;
use crate::frame::{Frame, ShownNumber, page};
use crate::staff::Staff;
use crate::times;
use crate::words::{LimitsWords, Words};

/// The last refusals on a page.
const REFUSALS: usize = 40;

/// What stands in the address.
#[derive(Deserialize)]
pub(crate) struct Asked {
    rule: Option<String>,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    frame: Frame,
    words: &'static LimitsWords,
    rules: Vec<RuleRow>,
    locks: Vec<LockRow>,
    locks_addresses: bool,
    exemptions: Vec<ExemptionRow>,
    refusals: Vec<RefusalRow>,
    next: Option<String>,
    may_lift: bool,
}

struct RuleRow {
    rule: Rule,
    name: &'static str,
    set_to: String,
    last_hour: String,
    last_day: String,
    is_off: bool,
    has_refused: bool,
    /// Whether its refusals are shown.
    is_chosen: bool,
}

struct LockRow {
    number: ShownNumber,
    address: String,
    failures: u32,
    until: String,
}

struct ExemptionRow {
    number: ShownNumber,
    address: String,
    until: String,
    by: String,
    reason: String,
}

struct RefusalRow {
    at: String,
    rule: &'static str,
    number: Option<(ShownNumber, String)>,
    group: String,
    after: String,
}

/// `GET /limits`
pub(crate) async fn show(
    State(console): State<Console>,
    staff: Staff,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let (desk, now) = (&console.desk, console.now());
    let words = staff.words;
    let named = |name: String| Rule::ALL.iter().copied().find(|rule| rule.as_str() == name);
    let of = asked.rule.and_then(named);
    let before = asked.before.and_then(|text| text.parse().ok());
    let rules = limits::rules(desk).await?;
    let locked = limits::locked_numbers(desk).await?;
    let exemptions = limits::exemptions(desk).await?;
    let last = limits::last_refusals(desk, of, before, REFUSALS).await?;
    let next = (last.len() >= REFUSALS)
        .then(|| last.last().map(|refusal| next_address(of, refusal.at)))
        .flatten();
    let locks_addresses = rules.iter().any(|row| {
        row.rule == Rule::FailuresAddress && matches!(row.quota, Some(Quota::Lock { .. }))
    });
    let template = LimitsPage {
        words: words.limits,
        rules: rules.iter().map(|row| rule_row(row, of, words)).collect(),
        locks: locked
            .iter()
            .map(|locked| LockRow {
                number: ShownNumber::new(&console, &staff, &locked.phone, None),
                address: number::address_of(&console, &locked.phone),
                failures: locked.lock.failures,
                until: times::moment(moment(locked.lock.until), now, words),
            })
            .collect(),
        locks_addresses,
        exemptions: exemptions
            .iter()
            .map(|one| exemption_row(&console, &staff, one, now))
            .collect(),
        refusals: last
            .iter()
            .map(|one| refusal_row(&console, &staff, one, now))
            .collect(),
        next,
        may_lift: staff.role >= Role::Support,
        frame: Frame::new(&console, &staff, words.limits.title),
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

fn next_address(of: Option<Rule>, before: UnixMillis) -> String {
    match of {
        Some(rule) => format!("/limits?rule={}&before={before}#refusals", rule.as_str()),
        None => format!("/limits?before={before}#refusals"),
    }
}

fn rule_row(row: &RuleNow, chosen: Option<Rule>, words: &'static Words) -> RuleRow {
    let is_guard = row.rule.limit().is_none();
    let refusals = row.refusals;
    RuleRow {
        rule: row.rule,
        name: (words.limits.rule)(row.rule),
        set_to: match row.quota {
            Some(quota) => told::quota(quota, words),
            None if is_guard => words.limits.guard.to_owned(),
            None => words.limits.off.to_owned(),
        },
        last_hour: times::grouped(refusals.last_hour.into()),
        last_day: times::grouped(refusals.last_day.into()),
        is_off: row.quota.is_none() && !is_guard,
        has_refused: refusals.last_hour > 0,
        is_chosen: chosen == Some(row.rule),
    }
}

fn exemption_row(
    console: &Console,
    staff: &Staff,
    exemption: &Exemption,
    now: DateTime<Utc>,
) -> ExemptionRow {
    ExemptionRow {
        number: ShownNumber::new(console, staff, &exemption.phone, None),
        address: number::address_of(console, &exemption.phone),
        until: times::moment(moment(exemption.until), now, staff.words),
        by: exemption.by.clone(),
        reason: exemption.reason.clone(),
    }
}

fn refusal_row(
    console: &Console,
    staff: &Staff,
    refusal: &LastRefusal,
    now: DateTime<Utc>,
) -> RefusalRow {
    let words = staff.words;
    let number = refusal.phone.as_ref().map(|phone| {
        let shown = ShownNumber::new(console, staff, phone, None);
        (shown, number::address_of(console, phone))
    });
    RefusalRow {
        at: times::moment(moment(refusal.at), now, words),
        rule: (words.limits.rule)(refusal.rule),
        number,
        group: refusal.group.clone().unwrap_or_else(|| "–".to_owned()),
        after: told::millis(refusal.retry_after_millis, words),
    }
}

fn moment(at: UnixMillis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at).unwrap_or_default()
}
