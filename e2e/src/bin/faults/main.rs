//! Repeats fault runs from a seed: `faults --help`.

mod arguments;
mod table;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser as _;
use e2e::faults::{
    FailoverPlan, FailoverStore, KillPlan, OutagePlan, RunReport, Setup, StallPlan, Trouble,
    run_failover, run_kill, run_outage, run_stall,
};
use futures::FutureExt as _;
use serde::Serialize;

use arguments::{Arguments, Scenario};

/// A run with what repeats it.
#[derive(Debug, Serialize)]
struct Run {
    scenario: &'static str,
    #[serde(rename = "run")]
    number: u32,
    #[serde(flatten)]
    report: RunReport,
}

/// What is written to the file of figures.
#[derive(Serialize)]
struct Figures<'a> {
    seed: u64,
    cores: usize,
    gateway_delay_ms: u64,
    settings: &'a [(String, String)],
    runs: &'a [Run],
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match carry_out(&arguments).await {
        Ok((0, 0)) => ExitCode::SUCCESS,
        Ok((0, _)) => ExitCode::from(2),
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error}");
            ExitCode::from(2)
        }
    }
}

/// Carries everything out; the number of violations, and of runs that could not be carried out.
async fn carry_out(arguments: &Arguments) -> Result<(usize, usize), Trouble> {
    let seed = arguments.seed();
    println!("seed {seed}");
    let mut runs = Vec::new();
    let mut broken = 0;
    for scenario in arguments.scenarios() {
        for run in arguments.runs_of(scenario) {
            println!(
                "{} run {run}: {}",
                scenario.name(),
                started(arguments, scenario, seed, run)
            );
            match one(arguments, scenario, seed, run).await {
                Ok(report) => {
                    println!("{} run {run}: {}", scenario.name(), table::summary(&report));
                    let scenario = scenario.name();
                    runs.push(Run {
                        scenario,
                        number: run,
                        report,
                    });
                }
                Err(why) => {
                    broken += 1;
                    println!("{} run {run}: NOT CARRIED OUT: {why}", scenario.name());
                }
            }
        }
    }
    print!("\n{}", table::of(&runs));
    let violations = print_violations(arguments, seed, &runs);
    if broken > 0 {
        println!("{broken} runs could not be carried out");
    }
    write_figures(arguments, seed, &runs)?;
    Ok((violations, broken))
}

/// What is about to happen.
fn started(arguments: &Arguments, scenario: Scenario, seed: u64, run: u32) -> String {
    match scenario {
        Scenario::Kills => {
            let plan = KillPlan::draw(seed, run, arguments.requests());
            let victim = plan.victim.kind();
            format!("kill {victim} at request {}", plan.at_request)
        }
        Scenario::Stall => {
            let plan = StallPlan::draw(seed, run, arguments.requests());
            format!("stop worker {} at request {}", plan.worker, plan.worker_at)
        }
        Scenario::GatewayOutage => {
            let OutagePlan {
                lasts, per_second, ..
            } = arguments.outage();
            format!("{} s at {per_second} requests a second", lasts.as_secs())
        }
        Scenario::RedisFailover | Scenario::PostgresFailover => {
            format!("{:?}", failover(arguments, scenario, run).old)
        }
    }
}

fn failover(arguments: &Arguments, scenario: Scenario, run: u32) -> FailoverPlan {
    let store = match scenario {
        Scenario::PostgresFailover => FailoverStore::Postgres,
        _ => FailoverStore::Redis,
    };
    FailoverPlan::of_run(store, run, arguments.outage().per_second)
}

/// One run. What the harness panics with is the reason why it could not be carried out.
async fn one(
    arguments: &Arguments,
    scenario: Scenario,
    seed: u64,
    run: u32,
) -> Result<RunReport, String> {
    let setup = Setup {
        gateway_delay: arguments.gateway_delay(),
        settings: arguments.settings.clone(),
        logs: Some(log_folder(arguments, scenario.name(), seed, run)),
        all_logs: arguments.keep_logs,
    };
    let requests = arguments.requests();
    let carried_out = async {
        match scenario {
            Scenario::Kills => run_kill(&KillPlan::draw(seed, run, requests), &setup).await,
            Scenario::Stall => run_stall(&StallPlan::draw(seed, run, requests), &setup).await,
            Scenario::GatewayOutage => run_outage(&arguments.outage(), &setup).await,
            Scenario::RedisFailover | Scenario::PostgresFailover => {
                run_failover(&failover(arguments, scenario, run), &setup).await
            }
        }
    };
    let limited = tokio::time::timeout(arguments.run_limit(), carried_out);
    match AssertUnwindSafe(limited).catch_unwind().await {
        Ok(Ok(Ok(report))) => Ok(report),
        Ok(Ok(Err(trouble))) => Err(trouble.to_string()),
        Ok(Err(_)) => Err(format!(
            "not over after {} s",
            arguments.run_limit().as_secs()
        )),
        Err(panic) => Err(panic_text(panic.as_ref())),
    }
}

fn log_folder(arguments: &Arguments, scenario: &str, seed: u64, run: u32) -> PathBuf {
    let folder = format!("{scenario}-seed-{seed}-run-{run}");
    arguments.output.join(folder)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a text")
        .to_owned()
}

/// Says what was violated and how to see it again.
fn print_violations(arguments: &Arguments, seed: u64, runs: &[Run]) -> usize {
    let mut count = 0;
    for run in runs.iter().filter(|run| !run.report.violations.is_empty()) {
        let violations = &run.report.violations;
        count += violations.len();
        println!(
            "\n{} run {}: {} VIOLATIONS",
            run.scenario,
            run.number,
            violations.len()
        );
        for violation in violations.iter().take(10) {
            match violation.request {
                Some(request) => println!("  request {request}: {}", violation.what),
                None => println!("  {}", violation.what),
            }
        }
        println!(
            "  again: {}",
            arguments.again(run.scenario, seed, run.number)
        );
        let folder = log_folder(arguments, run.scenario, seed, run.number);
        println!("  logs: {}", folder.display());
    }
    count
}

fn write_figures(arguments: &Arguments, seed: u64, runs: &[Run]) -> Result<(), Trouble> {
    let figures = Figures {
        seed,
        cores: std::thread::available_parallelism()?.get(),
        gateway_delay_ms: arguments.gateway_delay_ms,
        settings: &arguments.settings,
        runs,
    };
    std::fs::create_dir_all(&arguments.output)?;
    let name = format!("{}-seed-{seed}.json", arguments.scenario_name());
    let path = arguments.output.join(name);
    std::fs::write(&path, serde_json::to_vec_pretty(&figures)?)?;
    println!("\nfigures: {}", path.display());
    Ok(())
}
