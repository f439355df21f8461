//! The table of figures, in Markdown: it is read as it is on a terminal, and in a document.

use std::fmt::Write as _;

use crate::machine::Machine;
use crate::results::{Figure, Results, Steps, Target};
use crate::statistics::Spread;

/// Machine, table, notes and failures.
pub(crate) fn of(results: &Results) -> String {
    let mut text = machine(&results.machine);
    let (rounds, seconds) = (results.rounds, results.seconds);
    let (subjects, minutes) = (results.subjects.join(", "), results.took_seconds / 60);
    let rest = results.took_seconds % 60;
    // Writing into a text cannot fail.
    let _ = writeln!(
        text,
        "\nMeasured: {subjects}; rounds: {rounds}, of {seconds} s for each rate; {minutes} min {rest} s \
         in all. Each cell is the median of the rounds, with the least and the most.\n"
    );
    let _ = writeln!(text, "| figure | Ramz | floor | ratio | target | |");
    let _ = writeln!(text, "|---|---|---|---|---|---|");
    let mut notes = String::new();
    let mut number = 0;
    for figure in &results.figures {
        let mut marks = String::new();
        for note in &figure.notes {
            number += 1;
            let _ = write!(marks, " ({number})");
            let _ = writeln!(notes, "{number}. {note}");
        }
        let _ = writeln!(text, "{}", line(figure, &marks));
    }
    if !notes.is_empty() {
        let _ = write!(text, "\n{notes}");
    }
    for steps in &results.steps {
        text += &of_steps(steps);
    }
    for failure in &results.failures {
        let _ = writeln!(text, "\n**Not measured:** {failure}");
    }
    text
}

/// Where the time of a sign-in goes.
fn of_steps(steps: &Steps) -> String {
    let Steps {
        name,
        processes,
        rows,
    } = steps;
    let rule = "|---".repeat(processes.len() + 2);
    let mut text = format!(
        "\n{name}: processor time of a sign-in in microseconds, each step done by all before the next begins.\n\n\
         | step | {} | all |\n{rule}|\n",
        processes.join(" | ")
    );
    let mut sums = vec![0.0; processes.len()];
    for step in rows {
        text += &row(&step.name, &step.micros);
        for (sum, micros) in sums.iter_mut().zip(&step.micros) {
            *sum += micros;
        }
    }
    text + &row("all", &sums)
}

fn row(name: &str, micros: &[f64]) -> String {
    let sum: f64 = micros.iter().sum();
    let cells = micros.iter().chain([&sum]).map(|it| format!("{it:.0}"));
    format!("| {name} | {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

fn machine(machine: &Machine) -> String {
    let Machine {
        processor,
        cores,
        memory_mib,
        kernel,
        redis,
        postgres,
        rustc,
        commit,
        load_before,
        optimised,
        date,
    } = machine;
    let memory = memory_mib.div_ceil(1_024);
    let warning = if *optimised {
        ""
    } else {
        "\n**Built without optimisation: these figures mean nothing.**\n"
    };
    format!(
        "{date} UTC, commit {commit}, {rustc}.\n\
         {processor}, {cores} cores, {memory} GiB, Linux {kernel}, Redis {redis}, PostgreSQL \
         {postgres}; load before the run {load_before:.2}.\n{warning}"
    )
}

fn line(figure: &Figure, marks: &str) -> String {
    let unit = &figure.unit;
    let value = spread(&figure.value, |value| quantity(value, unit));
    let floor = figure.floor.as_ref();
    let floor = floor.map(|floor| spread(floor, |value| quantity(value, unit)));
    let ratio = figure.ratio.as_ref();
    let ratio = ratio.map(|ratio| spread(ratio, |value| format!("{value:.2}")));
    let target = figure.target.map(|target| match target {
        Target::ValueAtMost(most) => format!("at most {} {unit}", grouped(&most.to_string())),
        Target::RatioAtLeast(least) => format!("ratio at least {least}"),
        Target::RatioAtMost(most) => format!("ratio at most {most}"),
    });
    let met = match figure.is_met() {
        Some(true) => "met",
        Some(false) => "**missed**",
        None => "",
    };
    format!(
        "| {}{marks} | {value} | {} | {} | {} | {met} |",
        figure.what,
        floor.unwrap_or_default(),
        ratio.unwrap_or_default(),
        target.unwrap_or_default(),
    )
}

/// The median, and the least and the most where there is more than one round.
pub(crate) fn spread(spread: &Spread, text: impl Fn(f64) -> String) -> String {
    if spread.rounds.len() < 2 {
        return text(spread.median);
    }
    let (median, min, max) = (text(spread.median), text(spread.min), text(spread.max));
    format!("{median} [{min} to {max}]")
}

/// As many digits as mean something.
fn quantity(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        whole if whole.fract() == 0.0 => 0,
        small if small < 10.0 => 2,
        middle if middle < 100.0 => 1,
        _ => 0,
    };
    let number = grouped(&format!("{value:.digits$}"));
    match unit {
        "1/s" => format!("{number}/s"),
        unit => format!("{number} {unit}"),
    }
}

/// Thousands are set apart by commas.
pub(crate) fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut text = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn results() -> Results {
        let machine = Machine {
            processor: "A Processor".to_owned(),
            cores: 2,
            memory_mib: 8_000,
            kernel: "6.1.0".to_owned(),
            redis: "7.0.15".to_owned(),
            postgres: "15.6".to_owned(),
            rustc: "rustc 1.95.0".to_owned(),
            commit: "0123456789ab".to_owned(),
            load_before: 0.1,
            optimised: true,
            date: "2026-01-01 00:00".to_owned(),
        };
        let rates = vec![7_012.4, 6_900.0, 8_100.0];
        let floors = vec![10_000.0, 10_000.0, 10_000.0];
        let requests = Figure::beside("requests", "1/s", rates, floors).expect("a figure");
        let memory = Figure::absolute("memory", "MB", vec![61.5]).expect("a figure");
        Results {
            machine,
            subjects: vec!["accept".to_owned()],
            rounds: 3,
            seconds: 8,
            took_seconds: 125,
            figures: vec![
                requests
                    .target(Target::RatioAtLeast(0.6))
                    .note("measured twice"),
                memory.target(Target::ValueAtMost(60.0)),
            ],
            curves: Vec::new(),
            steps: Vec::new(),
            failures: vec!["queue: it was away".to_owned()],
        }
    }

    #[test]
    fn a_line_tells_figure_floor_ratio_target_and_verdict() {
        let text = of(&results());
        let lines: Vec<&str> = text.lines().collect();
        let requests = "| requests (1) | 7,012/s [6,900/s to 8,100/s] | 10,000/s [10,000/s to \
            10,000/s] | 0.70 [0.69 to 0.81] | ratio at least 0.6 | met |";
        assert!(lines.contains(&requests), "{text}");
        let memory = "| memory | 61.5 MB |  |  | at most 60 MB | **missed** |";
        assert!(lines.contains(&memory), "{text}");
        assert!(lines.contains(&"1. measured twice"), "{text}");
        assert!(
            text.contains("**Not measured:** queue: it was away"),
            "{text}"
        );
        assert!(text.contains("8 GiB, Linux 6.1.0, Redis 7.0.15"), "{text}");
    }

    #[test]
    fn steps_are_told_by_process_with_their_sums() {
        let mut results = results();
        results.steps = crate::chart_of_steps::tests::steps();
        let text = of(&results);
        for line in [
            "| step | API | Redis | all |",
            "| ask | 100 | 50 | 150 |",
            "| verify | 200 | 0 | 200 |",
            "| all | 300 | 50 | 350 |",
        ] {
            assert_eq!(text.lines().filter(|it| *it == line).count(), 2, "{text}");
        }
    }

    #[test]
    fn figures_without_optimisation_say_so() {
        let mut results = results();
        assert!(!of(&results).contains("mean nothing"));
        results.machine.optimised = false;
        assert!(of(&results).contains("mean nothing"));
    }

    #[test]
    fn thousands_are_set_apart() {
        for (plain, text) in [
            ("7", "7"),
            ("999", "999"),
            ("1000", "1,000"),
            ("1234567.5", "1,234,567.5"),
            ("-100", "-100"),
            ("-1000", "-1,000"),
        ] {
            assert_eq!(grouped(plain), text);
        }
    }
}
