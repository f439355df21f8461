//! `api createsuperuser`: the first account that may do everything.

use clap::Args;
use domain::clock::Clock;
use domain::password::OwnWords;
use domain::phone::PhoneNumber;
use domain::random::Random;
use shared::config::{Environment, RecordsCommandConfig};
use shared::records::{MadeSuperuser, MakeSuperuser};
use shared::telemetry::init_logging;

use super::CommandResult;
use super::new_password::{Source, ask};
use super::records::{open, password_notice, words_of};

/// Create a superuser, or make one of the user of a number.
///
/// Asks for a password, which must be hard to guess. A user who is promoted gets it too, and all
/// their sessions end. Writes into the audit log. Reads `DATABASE_URL` and `ALLOWED_COUNTRIES`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The mobile number, such as +989123456789 or 09123456789.
    #[arg(long, value_name = "NUMBER")]
    phone_number: String,
    /// Promote the user of the number, if there is one, without asking.
    #[arg(long)]
    promote: bool,
    #[command(flatten)]
    password: Source,
}

pub(crate) async fn run(arguments: Arguments, environment: &Environment) -> CommandResult {
    let config = RecordsCommandConfig::load(environment)?;
    init_logging(config.log.format, &config.log.filter)?;
    let phone = PhoneNumber::parse(&arguments.phone_number, &config.allowed_countries)?;
    let records = open(&config).await?;
    let user = records.find_user_by_phone(&phone).await;
    let user = user.map_err(|error| error.explained())?;
    let blocked = || format!("the user of {phone} is blocked; nothing was changed");
    let exists = || format!("{phone} has an account; --promote makes it a superuser's");

    let mut may_promote = arguments.promote;
    if let Some(user) = &user {
        if user.blocked_at.is_some() {
            return Err(blocked().into());
        }
        if !may_promote {
            let question = if user.is_superuser {
                format!("{phone} is a superuser already. Set a new password?")
            } else {
                format!("{phone} has an account. Make it a superuser's, with a new password?")
            };
            let answer = if arguments.password.no_input {
                None
            } else {
                ask(&question)?
            };
            may_promote = answer.ok_or_else(exists)?;
            if !may_promote {
                return Err("nothing was changed".into());
            }
        }
    }

    let (clock, random) = (Clock::system(), Random::operating_system());
    let own = match &user {
        Some(user) => words_of(user),
        None => OwnWords::new(Some(&phone), []),
    };
    let hash = arguments.password.hash(&own, &random).await?;
    let millis = clock.now_millis();
    let wanted = MakeSuperuser {
        phone: phone.clone(),
        new_user_id: random.uuid_v7(millis),
        hash,
        may_promote,
        notice: password_notice(&random, &phone, clock.now()),
        audit_id: random.uuid_v7(millis),
        now: clock.now(),
    };
    let made = records.make_superuser(&wanted).await;
    match made.map_err(|error| error.explained())? {
        MadeSuperuser::Created(id) => println!("created superuser {phone}, id {id}"),
        MadeSuperuser::Promoted(id) => {
            println!(
                "{phone}, id {id}, is a superuser; their password is set, their sessions ended"
            );
        }
        MadeSuperuser::Exists => return Err(exists().into()),
        MadeSuperuser::Blocked => return Err(blocked().into()),
    }
    Ok(())
}
