//! `api why`: where is my code? Everything that is known of one number, or of one request, in the
//! order in which it happened, and one sentence on where the matter stands.
//!
//! What is found out is the business of [`flows::inquiry`]; here it is read from the command line and
//! shown.

mod text;

use std::time::Duration;

use chrono::{FixedOffset, TimeDelta};
use clap::Args;
use domain::challenge::ChallengeId;
use domain::clock::Clock;
use domain::phone::PhoneNumber;
use domain::random::Random;
use flows::inquiry::{Inquiry, Question, Subject};
use shared::config::{Environment, WhyConfig};
use shared::records::PoolSettings;
use shared::sqlite_file::SqliteFile;
use shared::stores::{Stores, StoresConfig};
use shared::telemetry::init_logging;
use uuid::Uuid;

use super::CommandResult;
use text::Text;

/// Nobody waits long for a store that is away: the others may know enough.
const PATIENCE: Duration = Duration::from_secs(3);
const CONNECTIONS: u32 = 2;

/// Say where somebody's code is: what happened to a number or a request, and what to do.
///
/// Changes nothing. Shows no code, no session id and no whole number. Says what it can where a store
/// is away, and ends with status 1 then. Reads `DATABASE_URL`, `REDIS_URL`, `ALLOWED_COUNTRIES` and
/// the settings of codes and limits, which should be those of the service.
#[derive(Args)]
pub(crate) struct Arguments {
    /// A mobile number; or the id of a request, as errors and logs name it; or the id of a
    /// challenge, as logs and traces name it.
    #[arg(value_name = "NUMBER or ID")]
    subject: String,
    /// How far to look back, such as 30m, 24h or 7d.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_span)]
    since: TimeDelta,
    /// How many messages to show at most, the newest.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Show times at this offset instead of UTC, such as +03:30.
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    utc_offset: Option<FixedOffset>,
    /// Print one JSON object, for programs.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments, environment: &Environment) -> CommandResult {
    let config = WhyConfig::load(environment)?;
    init_logging(config.log.format, &config.log.filter)?;
    let subject = read_subject(&arguments.subject, &config)?;
    if let StoresConfig::Sqlite { url } = &config.stores
        && !SqliteFile::exists(url)
    {
        return Err("DATABASE_URL: there is no such file".into());
    }
    let pool = PoolSettings {
        max_connections: CONNECTIONS,
        time_limit: PATIENCE,
        ..PoolSettings::default()
    };
    let clock = Clock::system();
    let stores = Stores::open(&config.stores, pool, &clock, &Random::operating_system()).await?;

    let one_process = matches!(config.stores, StoresConfig::Sqlite { .. });
    let question = Question {
        subject,
        since: arguments.since,
        limit: arguments.limit,
    };
    let inquiry = Inquiry {
        stores: &stores,
        policy: &config.limits.accept_policy(&config.otp),
        one_process,
    };
    let offset = arguments.utc_offset;
    let report = inquiry.answer(question, clock.now(), offset).await?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print!("{}", Text(&report));
    }
    if report.missing.is_empty() {
        return Ok(());
    }
    Err(report.missing.join("\napi: ").into())
}

fn read_subject(typed: &str, config: &WhyConfig) -> Result<Subject, String> {
    let typed = typed.trim();
    if let Ok(challenge) = typed.parse::<ChallengeId>() {
        return Ok(Subject::Challenge(challenge));
    }
    if typed.contains('-')
        && let Ok(request) = typed.parse::<Uuid>()
    {
        return Ok(Subject::Request(request));
    }
    PhoneNumber::parse(typed, &config.otp.allowed_countries)
        .map(Subject::Phone)
        .map_err(|error| format!("{error}, nor the id of a request or of a challenge"))
}

/// Reads `30m`, `24h` or `7d`.
fn parse_span(text: &str) -> Result<TimeDelta, String> {
    let unit = text.chars().last().unwrap_or_default();
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => 0,
    };
    let count: Option<i64> = text.strip_suffix(unit).and_then(|count| count.parse().ok());
    count
        .filter(|count| (1..=10_000_000).contains(count) && seconds > 0)
        .and_then(|count| TimeDelta::try_seconds(count * seconds))
        .filter(|span| *span <= TimeDelta::days(3_650))
        .ok_or_else(|| "not a span such as 30m, 24h or 7d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        assert_eq!(parse_span("90s"), Ok(TimeDelta::seconds(90)));
        assert_eq!(parse_span("30m"), Ok(TimeDelta::minutes(30)));
        assert_eq!(parse_span("24h"), Ok(TimeDelta::hours(24)));
        assert_eq!(parse_span("7d"), Ok(TimeDelta::days(7)));
        for wrong in ["", "h", "0h", "-1h", "24", "1w", "1.5h", "99999d", "۲d"] {
            assert!(parse_span(wrong).is_err(), "{wrong}");
        }
    }
}
