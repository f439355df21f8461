//! `api admin-link`: a way into the console for the day when no password works, or the phone with the app is lost.

use chrono::TimeDelta;
use clap::Args;
use domain::clock::Clock;
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::staff::StaffToken;
use serde_json::json;
use shared::config::{AdminLinkConfig, Environment};
use shared::records::{AuditEntry, AuditSource, NewStaffLink};
use shared::telemetry::init_logging;

use super::CommandResult;
use super::records::open;

/// For how long a link works.
const LIFE: TimeDelta = TimeDelta::minutes(10);

/// Print a link that signs somebody of the staff in to the console, once, within ten minutes.
///
/// It takes the place of number and password. The second factor is asked for as always; with `--reset-totp` it is taken
/// away with its recovery codes, they are signed out of the console, and another one is set up. A link from before does
/// not work any more. Writes into the audit log. Reads `DATABASE_URL`, `ALLOWED_COUNTRIES`, `ADMIN_URL` and
/// `ADMIN_LISTEN`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The mobile number of a superuser or of somebody with a role.
    #[arg(long, value_name = "NUMBER")]
    phone_number: String,
    /// For a lost phone: take the second factor away, so that another one is set up.
    #[arg(long)]
    reset_totp: bool,
}

pub(crate) async fn run(arguments: Arguments, environment: &Environment) -> CommandResult {
    let config = AdminLinkConfig::load(environment)?;
    init_logging(config.records.log.format, &config.records.log.filter)?;
    let countries = &config.records.allowed_countries;
    let phone = PhoneNumber::parse(&arguments.phone_number, countries)?;
    let records = open(&config.records).await?;
    let user = records.find_user_by_phone(&phone).await;
    let user = user.map_err(|error| error.explained())?;
    let user = user.ok_or_else(|| format!("{phone} has no account"))?;

    let (clock, random) = (Clock::system(), Random::operating_system());
    let (token, now) = (StaffToken::new(&random), clock.now());
    let link = NewStaffLink {
        user: user.id,
        token_hash: token.link_hash(),
        resets_factor: arguments.reset_totp,
        now,
        expires_at: now + LIFE,
    };
    let entry = AuditEntry {
        id: random.uuid_v7(clock.now_millis()),
        source: AuditSource::CommandLine,
        actor: None,
        action: "admin_link_made",
        subject: Some(user.id),
        object: None,
        details: json!({ "reset_totp": arguments.reset_totp }),
        in_console: None,
    };
    let made = records.make_staff_link(&link, &entry).await;
    if !made.map_err(|error| error.explained())? {
        return Err(
            format!("{phone} is blocked or has no role in the console; nothing was done").into(),
        );
    }
    println!("{}/link/{}", config.origin, token.expose());
    eprintln!("It works once, within ten minutes, for {phone}.");
    Ok(())
}
