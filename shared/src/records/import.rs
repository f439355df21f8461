//! Users out of another system: many in one transaction, which also keeps how far the file was
//! read. A run that is killed is taken up where its last transaction ended.

use std::collections::HashSet;
use std::{fmt, io};

use chrono::{DateTime, Utc};
use domain::password::PasswordHash;
use domain::phone::PhoneNumber;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::audit::write_audit;
use super::dispatch::{in_transaction, on_connection};
use super::{AuditEntry, Records, RecordsError, micros};

/// Users in one statement: 13 columns of each stay far below the 32,766 parameters of SQLite.
pub const IMPORT_BATCH: usize = 1_000;

const PROGRESS: &str = "SELECT rows_done, imported, refused FROM user_imports WHERE digest = $1";
const FORGET: &str = "DELETE FROM user_imports WHERE digest = $1";
/// First in its transaction: of two runs on one file only one goes on.
const ADVANCE: &str = "INSERT INTO user_imports (digest, rows_done, imported, refused, updated_at) \
     VALUES ($1, $2, 0, 0, $3) ON CONFLICT (digest) DO UPDATE \
     SET rows_done = excluded.rows_done, updated_at = excluded.updated_at \
     WHERE user_imports.rows_done = $4";
const COUNT: &str = "UPDATE user_imports SET imported = imported + $2, refused = refused + $3 \
     WHERE digest = $1 RETURNING rows_done, imported, refused";
const INSERT: &str = "INSERT INTO users (id, phone, username, email, first_name, last_name, \
     password_hash, is_staff, is_superuser, last_sign_in_at, blocked_at, created_at, updated_at) ";

/// A user as another system knew them. The number was never proven here. Debug output shows the
/// row only.
#[derive(Clone)]
pub struct ImportedUser {
    /// The row of the file, counted from 1.
    pub row: u64,
    /// The id that they get.
    pub id: Uuid,
    /// The number.
    pub phone: PhoneNumber,
    /// The user name, if one was chosen; it is taken where it is free.
    pub username: Option<String>,
    /// An e-mail address.
    pub email: Option<String>,
    /// First name, or empty.
    pub first_name: String,
    /// Last name, or empty.
    pub last_name: String,
    /// The hash of the password, if there is one.
    pub password_hash: Option<PasswordHash>,
    /// May see the admin console.
    pub is_staff: bool,
    /// May do everything there.
    pub is_superuser: bool,
    /// When they last signed in.
    pub last_sign_in_at: Option<DateTime<Utc>>,
    /// Since when they are kept out.
    pub blocked_at: Option<DateTime<Utc>>,
    /// Since when they have an account.
    pub created_at: DateTime<Utc>,
}

impl fmt::Debug for ImportedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportedUser")
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

/// How far a file was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// Rows that were read and settled.
    pub rows_done: u64,
    /// Users that were created.
    pub imported: u64,
    /// Rows that were refused.
    pub refused: u64,
}

/// Some consecutive rows of a file.
#[derive(Debug)]
pub struct ImportStep<'a> {
    /// SHA-256 of the file.
    pub digest: [u8; 32],
    /// How many rows were settled before these.
    pub rows_before: u64,
    /// How many rows these are, with those that give no user.
    pub rows: u64,
    /// The users of these rows, at most [`IMPORT_BATCH`].
    pub users: Vec<ImportedUser>,
    /// How many of the rows were refused already.
    pub refused: u64,
    /// Written with the last rows of the file.
    pub audit: Option<&'a AuditEntry>,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What became of a step.
#[derive(Debug)]
pub enum ImportOutcome {
    /// It is written.
    Done(ImportProgress),
    /// Another run has settled these rows, or starts over; nothing was written.
    Overtaken,
    /// The caller could not note what was refused; nothing was written.
    NotNoted(io::Error),
}

impl Records {
    /// How far this file was imported; `None` when it never was.
    pub async fn import_progress(
        &self,
        digest: [u8; 32],
    ) -> Result<Option<ImportProgress>, RecordsError> {
        on_connection!(self, readers, connection => {
            let row: Option<(i64, i64, i64)> = sqlx::query_as(PROGRESS)
                .bind(digest.as_slice())
                .fetch_optional(connection)
                .await?;
            row.map(stored_progress).transpose()
        })
    }

    /// Forgets how far this file was imported; its users stay.
    pub async fn forget_import(&self, digest: [u8; 32]) -> Result<(), RecordsError> {
        on_connection!(self, writer, connection => {
            sqlx::query(FORGET).bind(digest.as_slice()).execute(connection).await?;
            Ok(())
        })
    }

    /// Creates the users of a step whose numbers have no account, the first of several with one
    /// number. `note_taken` gets the other users just before all becomes true, so that the
    /// caller's list of refused rows is never behind the database.
    pub async fn import_users(
        &self,
        mut step: ImportStep<'_>,
        note_taken: impl FnOnce(&[&ImportedUser]) -> io::Result<()>,
    ) -> Result<ImportOutcome, RecordsError> {
        let now = micros(step.now);
        let digest = step.digest.as_slice();
        // Stable, so that of several rows with one number the first comes first.
        step.users.sort_by(|one, other| one.phone.cmp(&other.phone));
        let users = &step.users;
        let repeats = |index: usize| index > 0 && users[index].phone == users[index - 1].phone;
        in_transaction!(self, transaction => {
            let advanced = sqlx::query(ADVANCE)
                .bind(digest)
                .bind(signed(step.rows_before + step.rows))
                .bind(now)
                .bind(signed(step.rows_before))
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            if advanced == 0 {
                return Ok(ImportOutcome::Overtaken);
            }

            let mut open: Vec<&ImportedUser> = Vec::with_capacity(users.len());
            let mut taken: Vec<&ImportedUser> = Vec::new();
            for (index, user) in users.iter().enumerate() {
                if repeats(index) { taken.push(user) } else { open.push(user) }
            }
            for name in UserName::IN_TURN {
                if open.is_empty() {
                    break;
                }
                let mut statement = QueryBuilder::new(INSERT);
                statement.push_values(&open, |mut row, user| {
                    row.push_bind(user.id)
                        .push_bind(user.phone.as_e164().to_owned())
                        .push_bind(name.of(user))
                        .push_bind(user.email.clone())
                        .push_bind(user.first_name.clone())
                        .push_bind(user.last_name.clone())
                        .push_bind(user.password_hash.as_ref().map(|hash| hash.expose().to_owned()))
                        .push_bind(user.is_staff)
                        .push_bind(user.is_superuser)
                        .push_bind(user.last_sign_in_at.map(micros))
                        .push_bind(user.blocked_at.map(micros))
                        .push_bind(micros(user.created_at))
                        .push_bind(now);
                });
                statement.push(" ON CONFLICT DO NOTHING");
                let written = statement
                    .build()
                    // One text for full batches; those of other lengths are rare.
                    .persistent(open.len() == IMPORT_BATCH)
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
                if written == open.len() as u64 {
                    open.clear();
                    break;
                }
                // Which of them lie there now, and whose number has another account?
                let mut question = QueryBuilder::new("SELECT id, phone FROM users WHERE phone IN (");
                let mut phones = question.separated(", ");
                for user in &open {
                    phones.push_bind(user.phone.as_e164().to_owned());
                }
                question.push(")");
                let rows: Vec<(Uuid, String)> = question
                    .build_query_as()
                    .persistent(false)
                    .fetch_all(&mut *transaction)
                    .await?;
                let (ids, phones): (HashSet<Uuid>, HashSet<String>) = rows.into_iter().unzip();
                open.retain(|user| !ids.contains(&user.id));
                taken.extend(open.extract_if(.., |user| phones.contains(user.phone.as_e164())));
                // What is still open has a user name that somebody else has.
            }
            if !open.is_empty() {
                return Err(RecordsError::Conflict);
            }
            taken.sort_by_key(|user| user.row);
            if let Err(error) = note_taken(&taken) {
                return Ok(ImportOutcome::NotNoted(error));
            }

            let row: (i64, i64, i64) = sqlx::query_as(COUNT)
                .bind(digest)
                .bind(signed((users.len() - taken.len()) as u64))
                .bind(signed(step.refused + taken.len() as u64))
                .fetch_one(&mut *transaction)
                .await?;
            if let Some(audit) = step.audit {
                write_audit!(transaction, audit, now);
            }
            transaction.commit().await?;
            Ok(ImportOutcome::Done(stored_progress(row)?))
        })
    }
}

/// The user names that are tried one after the other.
#[derive(Clone, Copy)]
enum UserName {
    Chosen,
    Digits,
    Id,
}

impl UserName {
    const IN_TURN: [Self; 3] = [Self::Chosen, Self::Digits, Self::Id];

    fn of(self, user: &ImportedUser) -> String {
        match (self, &user.username) {
            (Self::Chosen, Some(username)) => username.clone(),
            (Self::Chosen | Self::Digits, _) => user.phone.digits().to_owned(),
            (Self::Id, _) => user.id.to_string(),
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn stored_progress(
    (rows_done, imported, refused): (i64, i64, i64),
) -> Result<ImportProgress, RecordsError> {
    let unsigned = |count: i64| {
        u64::try_from(count).map_err(|_| RecordsError::Corrupt {
            table: "user_imports",
            problem: "a count is negative",
        })
    };
    Ok(ImportProgress {
        rows_done: unsigned(rows_done)?,
        imported: unsigned(imported)?,
        refused: unsigned(refused)?,
    })
}
