//! What came of an attack.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// What people noticed who used the service for a while.
#[derive(Debug, Default)]
pub(crate) struct Noticed {
    /// How many got which answer: a status, and the code of an error.
    pub(crate) answers: BTreeMap<String, usize>,
    pub(crate) times: Vec<Duration>,
}

impl Noticed {
    pub(crate) fn add(&mut self, answer: String, took: Duration) {
        *self.answers.entry(answer).or_default() += 1;
        self.times.push(took);
    }

    pub(crate) fn all(&self) -> usize {
        self.answers.values().sum()
    }

    /// How many were served: 2xx.
    pub(crate) fn served(&self) -> usize {
        self.counted(|answer| answer.starts_with('2'))
    }

    pub(crate) fn counted(&self, which: impl Fn(&str) -> bool) -> usize {
        let answers = self.answers.iter().filter(|(answer, _)| which(answer));
        answers.map(|(_, count)| count).sum()
    }

    pub(crate) fn p99(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        let at = (times.len() * 99).div_ceil(100).saturating_sub(1);
        times.get(at).copied().unwrap_or_default()
    }

    /// Answers and how many there were of each.
    pub(crate) fn told(&self) -> String {
        let answers = self.answers.iter();
        let answers: Vec<String> = answers
            .map(|(answer, n)| format!("{n} × {answer}"))
            .collect();
        answers.join(", ")
    }
}

/// A row of the table.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What the attack achieved.
    pub(crate) achieved: String,
    /// What others noticed before it, where anybody else was there.
    pub(crate) alone: Option<Noticed>,
    /// And beside it.
    pub(crate) beside: Option<Noticed>,
    /// What it must not achieve, and did.
    pub(crate) broken: Vec<String>,
}

impl Outcome {
    /// Others must be served as if nobody attacked.
    pub(crate) fn others_are_served(&mut self) {
        if let Some(beside) = &self.beside
            && beside.served() < beside.all()
        {
            self.broken
                .push(format!("of the others: {}", beside.told()));
        }
    }

    pub(crate) fn must(&mut self, holds: bool, what: &str) {
        if !holds {
            self.broken.push(what.to_owned());
        }
    }

    pub(crate) fn line(&self) -> String {
        let mut line = format!("  {}", self.achieved);
        for (when, noticed) in [("alone", &self.alone), ("beside it", &self.beside)] {
            if let Some(noticed) = noticed {
                let p99 = noticed.p99().as_millis();
                let _ = write!(line, "\n  others, {when}: {}; p99 {p99} ms", noticed.told());
            }
        }
        for broken in &self.broken {
            let _ = write!(line, "\n  BROKEN: {broken}");
        }
        line
    }
}

/// All rows as a table in Markdown.
pub(crate) fn table(rows: &[(String, Outcome)]) -> String {
    let mut text = String::from(
        "| attack | what it got | others served | their p99, alone and beside it | result |\n|---|---|---|---|---|\n",
    );
    for (name, outcome) in rows {
        let served = outcome.beside.as_ref().map_or("-".to_owned(), |noticed| {
            format!("{} of {}", noticed.served(), noticed.all())
        });
        let p99 = |noticed: &Option<Noticed>| {
            noticed.as_ref().map_or("-".to_owned(), |noticed| {
                format!("{} ms", noticed.p99().as_millis())
            })
        };
        let result = if outcome.broken.is_empty() {
            "held"
        } else {
            "BROKEN"
        };
        let (alone, beside) = (p99(&outcome.alone), p99(&outcome.beside));
        let _ = writeln!(
            text,
            "| {name} | {} | {served} | {alone}, {beside} | {result} |",
            outcome.achieved
        );
    }
    text
}
