//! The database, as commands open it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::challenge::Locale;
use domain::notice::NoticeKind;
use domain::password::OwnWords;
use domain::phone::PhoneNumber;
use domain::random::Random;
use secrecy::ExposeSecret as _;
use shared::config::RecordsCommandConfig;
use shared::records::{NewNotice, PoolSettings, Records, RecordsError, User};
use shared::stores::SchemaError;

/// How long a command waits for a database that does not answer.
const WAIT: Duration = Duration::from_secs(10);
/// One step of a command; nobody waits for a request here.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Why the records cannot be used. Holds no URL.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("DATABASE_URL: {0}")]
    Url(RecordsError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// Opens the database, which must have the schema of this version.
pub(super) async fn open(config: &RecordsCommandConfig) -> Result<Records, OpenError> {
    let settings = PoolSettings {
        max_connections: 2,
        time_limit: TIME_LIMIT,
        pooler: config.pooler,
    };
    let url = config.database_url.expose_secret();
    let records = Records::connect(url, settings)
        .await
        .map_err(OpenError::Url)?;
    let impatient = records.clone().with_time_limit(WAIT);
    impatient.require_schema(WAIT).await?;
    Ok(records)
}

/// What tells a person that somebody else has set their password. An api puts it into the queue.
pub(super) fn password_notice(
    random: &Random,
    phone: &PhoneNumber,
    now: DateTime<Utc>,
) -> NewNotice {
    let kind = NoticeKind::PasswordChanged;
    NewNotice::new(random, phone.clone(), kind, Locale::default(), now)
}

/// What a user's password must not consist of.
pub(super) fn words_of(user: &User) -> OwnWords {
    let others = [&user.username, &user.first_name, &user.last_name];
    let others = others.into_iter().chain(&user.email).map(String::as_str);
    OwnWords::new(user.phone.as_ref(), others)
}
