//! The figures for a person.

use std::fmt::Write as _;

use e2e::faults::RunReport;

use super::Run;

/// Title and value of each column after the first three.
type Column = (&'static str, fn(&RunReport) -> u64);

const COLUMNS: [Column; 14] = [
    ("asked", |report| report.requests),
    ("202", |report| report.accepted),
    ("refused", |report| report.refused.values().sum()),
    ("no answer", |report| report.no_answer),
    ("sent", |report| report.tally.sent),
    ("unknown", |report| report.tally.unknown),
    ("(reached)", |report| report.tally.unknown_delivered),
    ("expired", |report| report.tally.expired),
    ("failed", |report| report.tally.refused_by_gateway),
    ("dead", |report| report.tally.dead),
    ("doubled", |report| report.tally.doubled_flagged),
    ("UNFLAGGED", |report| report.tally.doubled_unflagged),
    ("MISSING", |report| report.tally.missing),
    ("no 202", |report| report.tally.sent_without_202),
];
/// Wide enough for its longest value.
const FAULT: usize = 39;

/// One line about a run.
pub(super) fn summary(report: &RunReport) -> String {
    let tally = &report.tally;
    format!(
        "{} accepted: {} sent, {} unknown, {} expired, {} failed, {} dead; {} doubled, {} missing{}; {}",
        report.accepted,
        tally.sent,
        tally.unknown,
        tally.expired,
        tally.refused_by_gateway,
        tally.dead,
        tally.doubled_flagged + tally.doubled_unflagged,
        tally.missing,
        match report.lost_within_a_second {
            Some(lost) => format!(" (of which {lost} within the second that may be lost)"),
            None => String::new(),
        },
        match report.violations.len() {
            0 => "ok".to_owned(),
            count => format!("{count} VIOLATIONS"),
        }
    )
}

/// A line for each run, their sum, and what cannot be summed.
pub(super) fn of(runs: &[Run]) -> String {
    let mut text = String::new();
    line(&mut text, ["run", "fault", "at"], |(title, _)| {
        (*title).to_owned()
    });
    let _ = writeln!(
        text,
        " {:>8} {:>12} {:>10}",
        "next 202", "next message", "backlog"
    );
    for Run { number, report, .. } in runs {
        let (run, at) = (number.to_string(), report.at_request.to_string());
        line(&mut text, [&run, &report.fault, &at], |(_, value)| {
            value(report).to_string()
        });
        let seconds = |value: Option<f64>| value.map_or("-".to_owned(), |s| format!("{s:.2} s"));
        let next = seconds(report.next_202_seconds);
        let message = seconds(report.next_message_seconds);
        let backlog = seconds(report.backlog_seconds);
        let _ = writeln!(text, " {next:>8} {message:>12} {backlog:>10}");
    }
    line(&mut text, ["", "all", ""], |(_, value)| {
        let sum: u64 = runs.iter().map(|run| value(&run.report)).sum();
        sum.to_string()
    });
    text.push('\n');
    for Run { number, report, .. } in runs {
        outage(&mut text, *number, report);
    }
    bound(&mut text, runs);
    text
}

fn line(text: &mut String, first: [&str; 3], cell: impl Fn(&Column) -> String) {
    let [run, fault, at] = first;
    let _ = write!(text, "{run:>4}  {fault:<FAULT$} {at:>6}");
    for column in &COLUMNS {
        let width = column.0.len().max(6);
        let _ = write!(text, " {:>width$}", cell(column));
    }
}

fn outage(text: &mut String, run: u32, report: &RunReport) {
    if let (Some(calls), Some(order)) = (&report.calls, &report.order) {
        let _ = writeln!(
            text,
            "run {run}: {} calls of the gateway while it was away, {} in the busiest second, {:.2} for each request accepted meanwhile",
            calls.during_outage, calls.most_in_a_second, calls.per_accepted
        );
        let _ = writeln!(
            text,
            "run {run}: order of {} messages: {:.1} % overtaken by none, {:.1} % by none that was more than 1 s later; longest inversion {:.2} s",
            order.messages,
            100.0 * order.kept,
            100.0 * order.kept_within_a_second,
            order.longest_inversion_seconds
        );
    }
}

/// None missing of N does not mean that none ever will be (the "rule of three").
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of some runs are far below 2^52"
)]
fn bound(text: &mut String, runs: &[Run]) {
    let accepted: u64 = runs.iter().map(|run| run.report.accepted).sum();
    let missing: u64 = runs.iter().map(|run| run.report.tally.missing).sum();
    let _ = write!(text, "missing: {missing} of {accepted}");
    if missing == 0 && accepted > 0 {
        let bound = 3.0e6 / accepted as f64;
        let _ = write!(
            text,
            "; with 95 % confidence fewer than {bound:.0} in a million"
        );
    }
    text.push('\n');
}
