//! Makes users of rows, or says why a row gives none.

use chrono::{DateTime, Datelike as _, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use domain::password::{PasswordHash, StoredHashError};
use domain::phone::{AllowedCountries, PhoneNumber};
use domain::random::Random;
use shared::records::ImportedUser;

use super::fields::{Column, Fields, Value};
use super::refusal::RowRefusal;
use super::spreadsheet::phone_text;

/// Django's own width of names.
const MAX_NAME_CHARS: usize = 150;
/// RFC 5321, and Django's own width.
const MAX_EMAIL_CHARS: usize = 254;
/// What a dump with a wrong clock or unit would exceed; also what SQLite can compare as text.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9999;

/// How rows become users.
#[derive(Clone, Debug)]
pub(super) struct Converter {
    pub(super) allowed_countries: AllowedCountries,
    pub(super) username_may_be_phone: bool,
    /// `--drop-unknown-passwords`
    pub(super) drop_unknown_passwords: bool,
    /// `--utc-offset`: what times without one mean.
    pub(super) utc_offset: FixedOffset,
    pub(super) random: Random,
    pub(super) now: DateTime<Utc>,
}

impl Converter {
    /// The user of a row.
    pub(super) fn user(&self, row: u64, fields: &Fields) -> Result<ImportedUser, RowRefusal> {
        let phone = self.phone(fields)?;
        let of_phone = |mut refusal: RowRefusal| {
            refusal.phone = Some(phone.masked());
            refusal
        };
        self.user_of(row, phone.clone(), fields).map_err(of_phone)
    }

    fn user_of(
        &self,
        row: u64,
        phone: PhoneNumber,
        fields: &Fields,
    ) -> Result<ImportedUser, RowRefusal> {
        let is_active = boolean(fields, Column::IsActive)?.unwrap_or(true);
        let created_at = self.time(fields, Column::DateJoined)?;
        Ok(ImportedUser {
            row,
            id: self.random.uuid_v7(self.now.timestamp_millis()),
            username: self.username(fields)?,
            email: email(fields)?,
            first_name: name(fields, Column::FirstName)?.unwrap_or_default(),
            last_name: name(fields, Column::LastName)?.unwrap_or_default(),
            password_hash: self.password(fields)?,
            is_staff: boolean(fields, Column::IsStaff)?.unwrap_or(false),
            is_superuser: boolean(fields, Column::IsSuperuser)?.unwrap_or(false),
            last_sign_in_at: self.time(fields, Column::LastLogin)?,
            blocked_at: (!is_active).then_some(self.now),
            created_at: created_at.unwrap_or(self.now),
            phone,
        })
    }

    fn phone(&self, fields: &Fields) -> Result<PhoneNumber, RowRefusal> {
        let refusal = |reason| RowRefusal::new(Column::Phone.name(), reason);
        if let Some(typed) = text(fields, Column::Phone)? {
            let typed = phone_text(typed).map_err(|error| refusal(error.reason().to_owned()))?;
            let phone = PhoneNumber::parse(&typed, &self.allowed_countries);
            return phone.map_err(|error| RowRefusal {
                phone: Some(mask(&typed)),
                ..refusal(error.to_string())
            });
        }
        let username = match fields.get(Column::Username) {
            Value::Text(username) if self.username_may_be_phone => match phone_text(username) {
                Ok(typed) => PhoneNumber::parse(&typed, &self.allowed_countries).ok(),
                Err(error) => return Err(refusal(error.reason().to_owned())),
            },
            _ => None,
        };
        username.ok_or_else(|| refusal("there is no phone number".to_owned()))
    }

    /// A user name that says more than the number.
    fn username(&self, fields: &Fields) -> Result<Option<String>, RowRefusal> {
        let username = name(fields, Column::Username)?;
        Ok(username.filter(|username| {
            let is_phone = phone_text(username)
                .is_ok_and(|typed| PhoneNumber::parse(&typed, &self.allowed_countries).is_ok());
            // The mark of deleted accounts stays theirs.
            !is_phone && !username.starts_with("deleted-")
        }))
    }

    fn password(&self, fields: &Fields) -> Result<Option<PasswordHash>, RowRefusal> {
        // Django marks "no password" by an exclamation mark.
        let stored = text(fields, Column::Password)?.filter(|stored| !stored.starts_with('!'));
        let Some(stored) = stored else {
            return Ok(None);
        };
        match PasswordHash::from_stored(stored) {
            Ok(hash) => Ok(Some(hash)),
            Err(_) if self.drop_unknown_passwords => Ok(None),
            Err(error) => Err(RowRefusal::new(
                Column::Password.name(),
                match error {
                    StoredHashError::UnknownFormat => "is a hash of an unknown format",
                    StoredHashError::TooCostly => "is a hash that costs too much to verify",
                },
            )),
        }
    }

    fn time(&self, fields: &Fields, column: Column) -> Result<Option<DateTime<Utc>>, RowRefusal> {
        text(fields, column)?
            .map(|text| {
                parse_time(text, self.utc_offset)
                    .ok_or_else(|| RowRefusal::new(column.name(), "is not a time"))
            })
            .transpose()
    }
}

fn text(fields: &Fields, column: Column) -> Result<Option<&str>, RowRefusal> {
    match fields.get(column) {
        Value::Absent | Value::Empty => Ok(None),
        Value::Text(text) => Ok(Some(text)),
        Value::Bool(_) | Value::Nested => Err(RowRefusal::new(column.name(), "is not a text")),
    }
}

fn boolean(fields: &Fields, column: Column) -> Result<Option<bool>, RowRefusal> {
    match fields.get(column) {
        Value::Absent | Value::Empty => Ok(None),
        Value::Bool(value) => Ok(Some(*value)),
        // A column of numbers with gaps in it becomes one of decimals.
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" | "1.0" | "yes" => Ok(Some(true)),
            "false" | "f" | "0" | "0.0" | "no" => Ok(Some(false)),
            _ => Err(RowRefusal::new(column.name(), "is neither true nor false")),
        },
        Value::Nested => Err(RowRefusal::new(column.name(), "is neither true nor false")),
    }
}

fn name(fields: &Fields, column: Column) -> Result<Option<String>, RowRefusal> {
    let Some(name) = text(fields, column)? else {
        return Ok(None);
    };
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(RowRefusal::new(
            column.name(),
            "is longer than 150 characters",
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(RowRefusal::new(column.name(), "holds control characters"));
    }
    Ok(Some(name.to_owned()))
}

fn email(fields: &Fields) -> Result<Option<String>, RowRefusal> {
    let Some(email) = text(fields, Column::Email)? else {
        return Ok(None);
    };
    let is_address = email.chars().count() <= MAX_EMAIL_CHARS
        && !email
            .chars()
            .any(|character| character.is_control() || character.is_whitespace())
        && email.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !domain.is_empty() && !domain.contains('@')
        });
    if is_address {
        Ok(Some(email.to_owned()))
    } else {
        Err(RowRefusal::new(
            Column::Email.name(),
            "is not an e-mail address",
        ))
    }
}

/// Reads what Django, PostgreSQL and spreadsheets write, with and without fraction and offset.
fn parse_time(text: &str, default_offset: FixedOffset) -> Option<DateTime<Utc>> {
    let text = text.replacen('T', " ", 1);
    let with_offset = || DateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f%#z").ok();
    let naive = || {
        NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f")
            .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M"))
            .or_else(|_| {
                let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d")?;
                Ok::<_, chrono::ParseError>(day.and_time(NaiveTime::MIN))
            })
            .ok()?
            .and_local_timezone(default_offset)
            .single()
    };
    let time = with_offset().or_else(naive)?.to_utc();
    YEARS.contains(&time.year()).then_some(time)
}

/// Enough of what is no number to find it again: its last two digits.
fn mask(typed: &str) -> String {
    let digits: Vec<char> = typed.chars().filter(char::is_ascii_digit).collect();
    match digits[..] {
        [.., first, second] if digits.len() >= 8 => format!("•••{first}{second}"),
        _ => "•••".to_owned(),
    }
}

#[cfg(test)]
mod tests;
