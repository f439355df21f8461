//! `api move-number`: another number for somebody who lost theirs.

use clap::Args;
use domain::clock::Clock;
use domain::phone::PhoneNumber;
use domain::random::Random;
use shared::config::{Environment, RecordsCommandConfig};
use shared::records::{AskPhoneMove, PhoneMoveAsked, Records, StopsPhoneMove, User};
use shared::telemetry::init_logging;

use super::CommandResult;
use super::records::open;

/// The most characters of a reason.
const MAX_REASON_CHARS: usize = 200;
/// So many digits may be a number of somebody, which the audit log must not hold.
const DIGITS_OF_A_NUMBER: usize = 9;

/// Move an account to another number, because the present one is lost.
///
/// Nobody proves anything here, so it is made 72 hours later, by any running api. Both numbers are told by a
/// message at once, and anyone who is signed in to the account can stop it. Writes into the audit log. Reads
/// `DATABASE_URL` and `ALLOWED_COUNTRIES`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The mobile number that the account has.
    #[arg(value_name = "NUMBER")]
    number: String,
    /// The number that it shall get. The same again tells when a move that waits is made.
    #[arg(
        long,
        value_name = "NUMBER",
        required_unless_present = "stop",
        conflicts_with = "stop"
    )]
    to: Option<String>,
    /// Stop the move that waits.
    #[arg(long)]
    stop: bool,
    /// Why: what you have seen, a ticket. Stands in the audit log, so it must hold no number.
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

/// Takes a reason that says something and holds nobody's number.
fn reason(typed: &str) -> Result<String, &'static str> {
    let reason = typed.trim();
    let mut digits = 0;
    for character in reason.chars().filter(|c| !" -()+".contains(*c)) {
        digits = if character.is_numeric() {
            digits + 1
        } else {
            0
        };
        if digits >= DIGITS_OF_A_NUMBER {
            return Err("it seems to hold a number; name a ticket instead");
        }
    }
    if reason.is_empty() {
        Err("it says nothing")
    } else if reason.chars().count() > MAX_REASON_CHARS {
        Err("it is longer than 200 characters")
    } else if reason.chars().any(char::is_control) {
        Err("it has more than one line")
    } else {
        Ok(reason.to_owned())
    }
}

pub(crate) async fn run(arguments: Arguments, environment: &Environment) -> CommandResult {
    let config = RecordsCommandConfig::load(environment)?;
    init_logging(config.log.format, &config.log.filter)?;
    let phone = PhoneNumber::parse(&arguments.number, &config.allowed_countries)?;
    let new = arguments.to.as_deref();
    let new = new.map(|typed| PhoneNumber::parse(typed, &config.allowed_countries));
    let new = new.transpose()?;
    let records = open(&config).await?;
    let user = records.find_user_by_phone(&phone).await;
    let user = user.map_err(|error| error.explained())?;
    let user = user.ok_or_else(|| format!("{phone} has no account"))?;
    match new {
        Some(new) => ask(&records, &phone, &user, new, arguments.reason).await,
        None => stop(&records, &phone, &user, arguments.reason).await,
    }
}

async fn ask(
    records: &Records,
    phone: &PhoneNumber,
    user: &User,
    new: PhoneNumber,
    reason: String,
) -> CommandResult {
    if new == *phone {
        return Err(format!("{phone} is the number of the account already").into());
    }
    let (clock, random) = (Clock::system(), Random::operating_system());
    let wanted = AskPhoneMove {
        user: user.id,
        phone: new.clone(),
        reason,
        audit_id: random.uuid_v7(clock.now_millis()),
        now: clock.now(),
    };
    let asked = records.ask_phone_move(&wanted, &random).await;
    match asked.map_err(|error| error.explained())? {
        PhoneMoveAsked::Waits(waiting) => {
            println!(
                "{phone} becomes {new} at {}, unless it is stopped; both numbers are told",
                waiting
                    .due_at
                    .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            );
            Ok(())
        }
        PhoneMoveAsked::WaitedBefore(waiting) => {
            println!(
                "{phone} becomes {new} at {}, as was asked before",
                waiting
                    .due_at
                    .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
            );
            Ok(())
        }
        PhoneMoveAsked::AnotherWaits(_) => {
            Err(format!("a move of {phone} to another number waits; --stop it first").into())
        }
        PhoneMoveAsked::Taken => Err(format!(
            "{new} has an account, or is to become the number of another one; nothing was changed"
        )
        .into()),
        PhoneMoveAsked::NotAllowed => {
            Err(format!("the user of {phone} is blocked; nothing was changed").into())
        }
    }
}

async fn stop(
    records: &Records,
    phone: &PhoneNumber,
    user: &User,
    reason: String,
) -> CommandResult {
    let (clock, random) = (Clock::system(), Random::operating_system());
    let audit_id = random.uuid_v7(clock.now_millis());
    let by = StopsPhoneMove::Staff { reason };
    let stopped = records.stop_phone_move(user.id, &by, audit_id, clock.now());
    if !stopped.await.map_err(|error| error.explained())? {
        return Err(format!("no move of {phone} waits").into());
    }
    println!("the move of {phone} is stopped; the number stays");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i_05_a_reason_says_something_and_holds_no_number() {
        for (typed, taken) in [
            ("lost SIM, ticket 4711", true),
            ("سیم‌کارت گم شده، پروندهٔ ۱۲۳۴۵۶۷", true),
            ("2026-11-29 in person", true),
            ("", false),
            ("  ", false),
            ("of 09123456789", false),
            ("of ۰۹۱۲ ۳۴۵ ۶۷۸۹", false),
            ("+98 (912) 345-6789", false),
            ("two\nlines", false),
        ] {
            assert_eq!(reason(typed).is_ok(), taken, "{typed}");
        }
        assert!(reason(&"a".repeat(200)).is_ok());
        assert!(reason(&"a".repeat(201)).is_err());
    }
}
