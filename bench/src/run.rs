//! One run: measure, print, write.

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::FutureExt as _;

use crate::arguments::{RunArguments, Subject};
use crate::figures::{Measured, Setup, measure};
use crate::installation::Programs;
use crate::machine::Machine;
use crate::results::Results;
use crate::{Failure, chart, chart_of_steps, table};

/// Nothing takes nearly as long, but for a database that grows.
const LIMIT: Duration = Duration::from_mins(10);
const LIMIT_OF_GROWTH: Duration = Duration::from_hours(2);

/// Ends with 0 if all is what it should be, with 1 if a figure missed its target, with 2 if
/// something could not be measured.
pub(crate) async fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let programs = Programs::find(arguments.bin_dir.as_deref(), arguments.allow_debug)?;
    let machine = Machine::describe()?;
    if machine.load_before > 0.5 {
        eprintln!(
            "WARNING: the machine is busy (load {:.2}); ratios may hold, figures do not",
            machine.load_before
        );
    }
    let began = Instant::now();
    let setup = Setup {
        programs: &programs,
        arguments,
        began,
    };
    let (mut all, mut failures) = (Measured::default(), Vec::new());
    for subject in arguments.subjects() {
        setup.say(format_args!("{}:", subject.name()));
        match guarded(subject, &setup).await {
            Ok(measured) => {
                all.figures.extend(measured.figures);
                all.curves.extend(measured.curves);
                all.steps.extend(measured.steps);
                failures.extend(measured.failures);
            }
            Err(failure) => {
                setup.say(format_args!("{} FAILED: {failure}", subject.name()));
                failures.push(format!("{}: {failure}", subject.name()));
            }
        }
    }
    let subjects = arguments.subjects();
    let results = Results {
        machine,
        subjects: subjects.iter().map(|it| it.name().to_owned()).collect(),
        rounds: arguments.rounds,
        seconds: arguments.seconds,
        took_seconds: began.elapsed().as_secs(),
        figures: all.figures,
        curves: all.curves,
        steps: all.steps,
        failures,
    };
    write(arguments, &results)?;
    Ok(match (results.failures.len(), results.missed()) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => ExitCode::from(2),
    })
}

/// What the harness panics with is the reason why something could not be measured.
async fn guarded(subject: Subject, setup: &Setup<'_>) -> Result<Measured, Failure> {
    let limit = match subject {
        Subject::Growth => LIMIT_OF_GROWTH,
        _ => LIMIT,
    };
    let measured = AssertUnwindSafe(measure(subject, setup)).catch_unwind();
    match tokio::time::timeout(limit, measured).await {
        Ok(Ok(measured)) => measured,
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(text.unwrap_or("a panic without a text").into())
        }
        Err(_) => Err(format!("not over after {} s", limit.as_secs()).into()),
    }
}

/// A whole run is `results`; a part of one has its own name, so that it does not replace the whole.
fn write(arguments: &RunArguments, results: &Results) -> Result<(), Failure> {
    let name = match arguments.only.as_slice() {
        [] => "results".to_owned(),
        _ => results.subjects.join("-"),
    };
    let file = |extension| arguments.out.join(&name).with_extension(extension);
    std::fs::create_dir_all(&arguments.out)?;
    std::fs::write(file("json"), serde_json::to_vec_pretty(results)?)?;
    let text = table::of(results);
    std::fs::write(file("md"), &text)?;
    if !results.curves.is_empty() {
        chart::write(&results.curves, &file("svg"))?;
    }
    if !results.steps.is_empty() {
        let picture = arguments.out.join(format!("{name}-steps.svg"));
        chart_of_steps::write(&results.steps, &picture)?;
    }
    println!("\n{text}\nfigures: {}", file("json").display());
    Ok(())
}
