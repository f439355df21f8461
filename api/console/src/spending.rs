//! What a day has cost, on what, and what was refused and therefore not spent.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use chrono::TimeDelta;
use domain::staff::Role;
use flows::staff::spending::{self, Sum};
use http::StatusCode;
use serde::Deserialize;
use web::times::{date, in_tehran};

use crate::console::Console;
use crate::fault::Fault;
use crate::frame::{Frame, page};
use crate::staff::Staff;
use crate::times;
use crate::words::{SpendingWords, Words};

/// So many days back can be looked at.
const DAYS: u32 = 7;
/// So many prefixes are told, the dearest.
const PREFIXES: usize = 20;

/// What stands in the address.
#[derive(Deserialize)]
pub(crate) struct Asked {
    day: Option<String>,
}

#[derive(Template)]
#[template(path = "spending.html")]
struct SpendingPage {
    frame: Frame,
    words: &'static SpendingWords,
    days: Vec<DayLink>,
    rials: String,
    messages: String,
    average: Option<String>,
    unpriced: Option<String>,
    /// How often something was refused, and what it would have cost.
    refused: Option<(String, Option<String>)>,
    tables: Vec<Table>,
}

struct DayLink {
    address: String,
    name: String,
    is_here: bool,
}

struct Table {
    title: &'static str,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    is_code: bool,
    messages: String,
    rials: String,
    /// Hundredths of the dearest of the table.
    part: i64,
}

/// `GET /spending`
pub(crate) async fn show(
    State(console): State<Console>,
    staff: Staff,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let ago = asked.day.and_then(|day| day.parse().ok());
    let ago = ago.filter(|ago| *ago < DAYS).unwrap_or(0);
    let day = spending::day_spending(&console.desk, ago).await?;
    let words = staff.words;
    let told = words.spending;
    let days = (0..DAYS).map(|of| {
        let began_at = day.began_at + TimeDelta::days(i64::from(ago) - i64::from(of));
        DayLink {
            address: format!("/spending?day={of}"),
            name: match of {
                0 => told.today.to_owned(),
                _ => date(in_tehran(began_at).date_naive(), words.locale),
            },
            is_here: of == ago,
        }
    });
    let priced = i64::try_from(day.all.messages - day.all.unpriced).unwrap_or(i64::MAX);
    let average = day.all.rials.checked_div(priced);
    let unpriced = (day.all.unpriced > 0).then(|| times::grouped(day.all.unpriced.into()));
    let refused = (ago == 0).then(|| {
        let rials = day.refused_rials.filter(|rials| *rials > 0);
        let rials = rials.map(|rials| times::grouped(rials.into()));
        (times::grouped(day.refused.into()), rials)
    });
    let template = SpendingPage {
        words: told,
        days: days.collect(),
        rials: times::grouped(day.all.rials.into()),
        messages: times::grouped(day.all.messages.into()),
        average: average.map(|rials| times::grouped(rials.into())),
        unpriced,
        refused,
        tables: vec![
            table(told.by_purpose, &day.by_purpose, usize::MAX, |name| {
                purpose(name, words)
            }),
            table(told.by_operator, &day.by_operator, usize::MAX, |name| {
                operator(name, words)
            }),
            table(told.by_prefix, &day.by_prefix, PREFIXES, |name| {
                prefix(name, words)
            }),
            table(told.by_route, &day.by_route, usize::MAX, |name| {
                route(name, words)
            }),
        ],
        frame: Frame::new(&console, &staff, words.frame.spending),
    };
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

fn table(
    title: &'static str,
    sums: &[(String, Sum)],
    most: usize,
    name: impl Fn(&str) -> (String, bool),
) -> Table {
    let dearest = sums.first().map_or(0, |(_, sum)| sum.rials);
    let rows = sums.iter().take(most).map(|(key, sum)| {
        let (name, is_code) = name(key);
        Row {
            name,
            is_code,
            messages: times::grouped(sum.messages.into()),
            rials: times::grouped(sum.rials.into()),
            part: sum
                .rials
                .saturating_mul(100)
                .checked_div(dearest)
                .unwrap_or(0),
        }
    });
    Table {
        title,
        rows: rows.collect(),
    }
}

fn purpose(name: &str, words: &'static Words) -> (String, bool) {
    let known = (words.spending.purpose)(name);
    (known.unwrap_or(name).to_owned(), false)
}

fn operator(name: &str, words: &'static Words) -> (String, bool) {
    let known = (words.spending.operator)(name);
    (known.unwrap_or(name).to_owned(), false)
}

/// As people know it: `0912…`.
fn prefix(name: &str, words: &'static Words) -> (String, bool) {
    match name.strip_prefix("+98") {
        Some(national) => (format!("0{national}…"), true),
        None if name.is_empty() => (words.spending.deleted.to_owned(), false),
        None => (format!("{name}…"), true),
    }
}

fn route(name: &str, words: &'static Words) -> (String, bool) {
    let (gateway, channel) = name.split_once(' ').unwrap_or((name, ""));
    let channel = match channel {
        "call" => words.spending.call,
        _ => words.spending.sms,
    };
    (format!("{channel} · {gateway}"), false)
}
