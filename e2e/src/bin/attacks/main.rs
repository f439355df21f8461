//! Attacks a running system as strangers would, beside people who use it: `attacks --help`.

mod connections;
mod crowd;
mod floods;
mod honest;
mod outcome;
mod stores;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use outcome::{Outcome, table};

/// Attacks Ramz on 127.0.0.1 and tells what the attacker got and what other people noticed.
///
/// Each attack starts the real binaries with a Redis and a PostgreSQL of its own, lets other people use
/// them, alone at first and then beside the attack, and prints a row: what the attack achieved, how many of
/// the others were refused, and their p99. Ends with 1 if an attack achieved what it must not.
#[derive(Debug, Parser)]
#[command(name = "attacks", version)]
struct Arguments {
    /// Only these attacks, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Attack>,

    /// How long each attack lasts
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(5..=300))]
    seconds: u64,
}

/// What a stranger does. The numbers are those of the table in docs/security.md.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Attack {
    /// 1: guesses codes of random numbers from one IPv6 /48
    Guesses,
    /// 2: fills Redis to its `maxmemory` with requests from everywhere
    FullRedis,
    /// 5: has strong passwords judged over 36 connections of one address
    Passwords,
    /// 6: takes the SMS capacity from one IPv6 /48
    Messages,
    /// 7: 2,000 unfinished heads of 400 kB from one address
    Heads,
    /// 7: thousands of connections of one address that say nothing
    Idle,
    /// 9: times refused log-ins, to learn which numbers have an account
    LogInTimes,
    /// 10: renews one session without end
    Refreshes,
    /// 11: a user's row is locked, and everything of that user is asked at once
    LockedRow,
    /// 14: Redis stands still for three seconds; what is refused must not be sent
    Stall,
    /// No attack: 100 sign-ups a second, most of them behind the NAT of mobile networks
    Honest,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let lasts = Duration::from_secs(arguments.seconds);
    let mut rows = Vec::new();
    for attack in Attack::value_variants() {
        if !arguments.only.is_empty() && !arguments.only.contains(attack) {
            continue;
        }
        let name = attack.to_possible_value().expect("a name");
        eprintln!("{} …", name.get_name());
        let outcome = carry_out(*attack, lasts).await;
        eprintln!("{}", outcome.line());
        rows.push((name.get_name().to_owned(), outcome));
    }
    print!("{}", table(&rows));
    if rows.iter().any(|(_, outcome)| !outcome.broken.is_empty()) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn carry_out(attack: Attack, lasts: Duration) -> Outcome {
    match attack {
        Attack::Guesses => floods::guesses(lasts).await,
        Attack::FullRedis => stores::full_redis().await,
        Attack::Passwords => floods::passwords(lasts).await,
        Attack::Messages => floods::messages(lasts).await,
        Attack::Heads => connections::heads(lasts).await,
        Attack::Idle => connections::idle(lasts).await,
        Attack::LogInTimes => floods::log_in_times().await,
        Attack::Refreshes => floods::refreshes(lasts).await,
        Attack::LockedRow => stores::locked_row(lasts).await,
        Attack::Stall => stores::stall().await,
        Attack::Honest => honest::carrier_nat(lasts * 2).await,
    }
}
