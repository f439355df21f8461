//! `api changepassword`: a new password for somebody who cannot set one themselves.

use clap::Args;
use domain::clock::Clock;
use domain::phone::PhoneNumber;
use domain::random::Random;
use shared::config::{Environment, RecordsCommandConfig};
use shared::records::PasswordChange;
use shared::telemetry::init_logging;

use super::CommandResult;
use super::new_password::Source;
use super::records::{open, password_notice, words_of};

/// Set a user's password and end all their sessions.
///
/// Asks for the password, which must be hard to guess. Tells them by a message. Writes into the audit log. Reads
/// `DATABASE_URL` and `ALLOWED_COUNTRIES`.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    phone: Phone,
    #[command(flatten)]
    password: Source,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Phone {
    /// The mobile number of the user.
    #[arg(value_name = "NUMBER")]
    number: Option<String>,
    /// The same by name.
    #[arg(long, value_name = "NUMBER")]
    phone_number: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, environment: &Environment) -> CommandResult {
    let config = RecordsCommandConfig::load(environment)?;
    init_logging(config.log.format, &config.log.filter)?;
    let typed = arguments.phone.number.or(arguments.phone.phone_number);
    let phone = PhoneNumber::parse(&typed.unwrap_or_default(), &config.allowed_countries)?;
    let records = open(&config).await?;
    let user = records.find_user_by_phone(&phone).await;
    let user = user.map_err(|error| error.explained())?;
    let user = user.ok_or_else(|| format!("{phone} has no account"))?;
    let blocked = || format!("the user of {phone} is blocked; nothing was changed");
    if user.blocked_at.is_some() {
        return Err(blocked().into());
    }

    let (clock, random) = (Clock::system(), Random::operating_system());
    let hash = arguments.password.hash(&words_of(&user), &random).await?;
    let change = PasswordChange {
        user: user.id,
        hash,
        keep_session: None,
        now: clock.now(),
    };
    let audit_id = random.uuid_v7(clock.now_millis());
    let notice = password_notice(&random, &phone, clock.now());
    let set = records
        .set_password_by_hand(&change, &notice, audit_id)
        .await;
    if !set.map_err(|error| error.explained())? {
        return Err(blocked().into());
    }
    println!("the password of {phone} is set, and their sessions have ended");
    Ok(())
}
