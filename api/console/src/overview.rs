//! How the service does.

mod chart;
mod worry;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::staff::Role;
use flows::overview::{Totals, View};
use http::StatusCode;
use shared::records::SendFilter;

use crate::console::Console;
use crate::fault::Fault;
use crate::frame::{Banner, Frame, page};
use crate::sends::Line;
use crate::staff::Staff;
use crate::times;
use crate::words::Words;

use chart::{Chart, Column};

/// Codes that are shown beside the figures.
const NEWEST: u32 = 8;
/// Hours in the chart of a day.
const HOURS: i64 = 24;

/// A figure with its meaning and how it came to be.
struct Tile {
    name: &'static str,
    figure: String,
    /// Its unit or meaning, in words.
    what: String,
    chart: Chart,
    class: &'static str,
}

/// An operator.
struct OperatorLine {
    name: &'static str,
    address: String,
    messages: String,
    arrived: String,
    took: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    as_of: String,
    worries: Vec<Banner>,
    tiles: Vec<Tile>,
    lines: Vec<Line>,
    /// The figures of the hour and of the day, by name.
    sums: Vec<(&'static str, String, String)>,
    columns: Vec<Column>,
    counted_since: Option<String>,
    operators: Vec<OperatorLine>,
    parts: Vec<(&'static str, String)>,
}

/// `GET /`
pub(crate) async fn show(State(console): State<Console>, staff: Staff) -> Result<Response, Fault> {
    staff.may(Role::Read)?;
    let everything = SendFilter::default();
    let (view, newest) = tokio::join!(
        console.desk.service(&console.overview),
        console.desk.messages(&everything, None, NEWEST),
    );
    let now = newest.as_ref().map_or(view.at, |listed| listed.now);
    // The page says what is known while a store is away.
    let newest = newest.map(|listed| listed.messages).unwrap_or_default();
    let lines = newest
        .iter()
        .map(|message| Line::new(&console, &staff, message, now))
        .collect();
    let template = OverviewPage::new(&console, &staff, &view, lines);
    Ok(page(&console, &staff, StatusCode::OK, &template))
}

impl OverviewPage {
    fn new(console: &Console, staff: &Staff, view: &View, lines: Vec<Line>) -> Self {
        let words = staff.words;
        let texts = words.overview;
        let at = |text: &str, time| text.replace("{time}", &times::moment(time, view.at, words));
        let whole_day = view.counted_since <= view.at - chrono::TimeDelta::minutes(23 * 60 + 50);
        Self {
            frame: Frame::new(console, staff, texts.title),
            as_of: at(texts.as_of, view.at),
            worries: worry::banners(view, words),
            tiles: tiles(view, words),
            lines,
            sums: sums(&view.hour, &view.day, words),
            columns: columns(view, words),
            counted_since: (!whole_day).then(|| at(texts.counted_since, view.counted_since)),
            operators: operators(view, words),
            parts: parts(view, words),
        }
    }
}

fn tiles(view: &View, words: &'static Words) -> Vec<Tile> {
    let texts = words.overview;
    let steps = |figure: &dyn Fn(&flows::overview::Bucket) -> Option<f64>| {
        view.steps.iter().map(figure).collect::<Vec<_>>()
    };
    let took = times::middle(view.steps.iter().filter_map(|step| step.sign_in_seconds));
    let (figure, unit) = took.map_or_else(
        || ("–".to_owned(), String::new()),
        |seconds| apart(&times::span(seconds, words)),
    );
    let sign_ins = Tile {
        name: texts.sign_ins,
        figure: grouped(view.hour.signed_in),
        what: view.hour.success().map_or_else(
            || texts.none_asked.to_owned(),
            |share| texts.of_asked.replace("{percent}", &percent(share)),
        ),
        chart: Chart::new(
            texts.sign_ins_line.to_owned(),
            &steps(&|step| step.is_read.then(|| count(step.used))),
            false,
        ),
        class: "",
    };
    let took = Tile {
        name: texts.took,
        figure,
        what: format!("{unit} {}", texts.took_what).trim().to_owned(),
        chart: Chart::new(
            texts.took_line.to_owned(),
            &steps(&|step| step.sign_in_seconds),
            false,
        ),
        class: "",
    };
    vec![sign_ins, took, credit(view, words), queue(view, words)]
}

fn credit(view: &View, words: &'static Words) -> Tile {
    let texts = words.overview;
    let low = view
        .worries
        .iter()
        .any(|worry| matches!(worry, flows::overview::Worry::CreditLow { .. }));
    let rials = |rials: i64| times::grouped(rials.into());
    let (figure, what) = match view.credit {
        None => ("–".to_owned(), texts.credit_unknown.to_owned()),
        Some(credit) => match credit.days_left() {
            Some(days) => (
                format!("{:.1}", (days * 10.0).floor() / 10.0),
                texts
                    .credit_days
                    .replace("{rials}", &rials(credit.credit_rials)),
            ),
            None => (rials(credit.credit_rials), texts.credit_rials.to_owned()),
        },
    };
    let line = view.credit_line.iter();
    let line: Vec<Option<f64>> = line.map(|look| Some(money(look.credit_rials))).collect();
    Tile {
        name: texts.credit,
        figure,
        what,
        chart: Chart::new(texts.credit_line.to_owned(), &line, true),
        class: if low { "warn" } else { "" },
    }
}

fn queue(view: &View, words: &'static Words) -> Tile {
    let texts = words.overview;
    let (figure, what) = match view.queue {
        None => ("–".to_owned(), texts.queue_unknown.to_owned()),
        Some(queue) => {
            let oldest = times::span(count(queue.oldest_age_millis) / 1_000.0, words);
            (
                grouped(queue.waiting),
                texts.queue_what.replace("{oldest}", &oldest),
            )
        }
    };
    let waits: Vec<Option<f64>> = view.steps.iter().map(|step| step.wait_seconds).collect();
    Tile {
        name: texts.queue,
        figure,
        what,
        chart: Chart::new(texts.queue_line.to_owned(), &waits, false),
        class: if view.queue.is_none() { "warn" } else { "" },
    }
}

fn sums(hour: &Totals, day: &Totals, words: &'static Words) -> Vec<(&'static str, String, String)> {
    let texts = words.overview;
    let lost = |totals: &Totals| totals.undelivered + totals.not_sent + totals.unknown;
    let line =
        |name, figure: &dyn Fn(&Totals) -> u64| (name, grouped(figure(hour)), grouped(figure(day)));
    let mut sums = vec![
        line(texts.asked, &|totals| totals.asked),
        line(texts.used, &|totals| totals.used),
        line(texts.arrived, &|totals| totals.arrived),
        line(texts.handed_over, &|totals| totals.handed_over),
        line(texts.lost, &lost),
    ];
    let rials = |totals: &Totals| times::grouped(totals.rials.into());
    sums.push((texts.spent, rials(hour), rials(day)));
    sums
}

/// The hours of a day, the present one last; those that were not counted yet are empty.
fn columns(view: &View, words: &'static Words) -> Vec<Column> {
    let figures: Vec<(f64, String)> = (0..HOURS)
        .rev()
        .map(|back| {
            let hour = view.at.timestamp().div_euclid(3_600) - back;
            let mut hours = view.hours.iter();
            let found = hours.find(|one| one.from.timestamp().div_euclid(3_600) == hour);
            found.map_or((0.0, String::new()), |hour| {
                let messages = hour.totals.messages;
                let from = times::minute(hour.from, view.at, words);
                (count(messages), format!("{from}: {}", grouped(messages)))
            })
        })
        .collect();
    chart::columns(&figures)
}

fn operators(view: &View, words: &'static Words) -> Vec<OperatorLine> {
    view.operators
        .iter()
        .map(|one| OperatorLine {
            name: words.sends.operator_name(one.operator),
            address: format!("/sends?operator={}", one.operator.as_str()),
            messages: grouped(one.messages),
            arrived: one.arrived.map_or_else(String::new, |share| {
                format!("{}{}", percent(share), words.times.percent)
            }),
            took: one
                .seconds
                .map_or_else(String::new, |seconds| times::span(seconds, words)),
        })
        .collect()
}

fn parts(view: &View, words: &'static Words) -> Vec<(&'static str, String)> {
    let texts = words.overview;
    let queue = |figure: &dyn Fn(shared::queue::QueueStats) -> u64| {
        view.queue.map_or_else(
            || texts.not_known.to_owned(),
            |queue| grouped(figure(queue)),
        )
    };
    let breaker = match (view.queue, view.breaker) {
        (None, _) => texts.not_known,
        (_, Some(_)) => texts.breaker_open,
        (_, None) => texts.breaker_closed,
    };
    vec![
        (
            texts.workers,
            if view.one_process {
                texts.one_process.to_owned()
            } else {
                queue(&|queue| queue.consumers)
            },
        ),
        (texts.breaker, breaker.to_owned()),
        (texts.running, queue(&|queue| queue.in_flight)),
        (texts.delayed, queue(&|queue| queue.delayed)),
        (texts.dead, queue(&|queue| queue.dead)),
    ]
}

/// A figure and its unit.
fn apart(text: &str) -> (String, String) {
    let (figure, unit) = text.split_once(' ').unwrap_or((text, ""));
    (figure.to_owned(), unit.to_owned())
}

fn grouped(number: u64) -> String {
    times::grouped(number.into())
}

fn percent(share: f64) -> String {
    format!("{:.1}", share.clamp(0.0, 1.0) * 100.0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "it is drawn, or told in whole units"
)]
fn count(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_precision_loss, reason = "it is drawn")]
fn money(rials: i64) -> f64 {
    rials as f64
}
