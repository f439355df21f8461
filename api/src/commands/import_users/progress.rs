//! How far the import is: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use shared::records::ImportProgress;

const LINE_EVERY: Duration = Duration::from_secs(5);
const BAR: &str = "{bar:30} {human_pos} of {human_len} rows, {per_sec}, {eta} left, {msg} refused";

/// Shows progress on standard error.
pub(super) enum Progress {
    Bar(ProgressBar),
    Lines {
        total: u64,
        first: u64,
        began: Instant,
        last: Instant,
    },
}

impl Progress {
    pub(super) fn begin(total: u64, first: u64) -> Self {
        if stderr().is_terminal() {
            let style = ProgressStyle::with_template(BAR);
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(total).with_style(style);
            return Self::Bar(bar.with_position(first).with_message("0"));
        }
        let began = Instant::now();
        Self::Lines {
            total,
            first,
            began,
            last: began,
        }
    }

    pub(super) fn show(&mut self, now: &ImportProgress) {
        match self {
            Self::Bar(bar) => {
                bar.set_position(now.rows_done);
                bar.set_message(now.refused.to_string());
            }
            Self::Lines {
                total,
                first,
                began,
                last,
            } => {
                if last.elapsed() < LINE_EVERY {
                    return;
                }
                *last = Instant::now();
                let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                let rate = (now.rows_done - *first) * 1_000 / millis.max(1);
                let (done, refused) = (now.rows_done, now.refused);
                eprintln!("{done} of {total} rows, {rate}/s, {refused} refused");
            }
        }
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
