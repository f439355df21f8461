//! The number of an account becomes another one by the hand of staff, because the old one is lost.
//!
//! Nobody proves anything here, so the move waits: both numbers are told at once, and anyone who has a session
//! of the account can stop it. What waits is a row of the records; any api makes the move when it is due.
//! Each step locks the row of the user first, so that of several at once each sees what the others did.

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::Locale;
use domain::notice::NoticeKind;
use domain::phone::PhoneNumber;
use domain::random::Random;
use serde_json::json;
use uuid::Uuid;

use super::audit::write_audit;
use super::dispatch::{in_transaction, on_connection};
use super::notices::{NewNotice, insert_notice};
use super::phone_change::{END_OTHER_SESSIONS, END_STEPS};
use super::places::{Place, Row, Work};
use super::sessions::HOLD_USER;
use super::users::stored_phone;
use super::{AuditEntry, AuditSource, Records, RecordsError, micros};

/// How long a move waits for somebody to stop it.
pub const PHONE_MOVE_WAIT: TimeDelta = TimeDelta::hours(72);

const LOCK_USER: &str = "UPDATE users SET updated_at = $2 WHERE id = $1 AND deleted_at IS NULL \
     RETURNING phone";
const WAITING: &str = "SELECT phone, asked_at, due_at FROM phone_moves WHERE user_id = $1";
const TAKEN: &str = "SELECT COUNT(*) FROM users WHERE phone = $1";
const ADD: &str = "INSERT INTO phone_moves (user_id, phone, asked_at, due_at) \
     VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
/// With this whatever shows that the present number is not lost takes along what waits.
pub(super) const STOP: &str = "DELETE FROM phone_moves WHERE user_id = $1";
const DUE: &str =
    "SELECT user_id FROM phone_moves WHERE due_at <= $1 ORDER BY due_at, user_id LIMIT $2";
const TAKE_DUE: &str =
    "DELETE FROM phone_moves WHERE user_id = $1 AND due_at <= $2 RETURNING phone";
/// As a change by its owner, but nobody has proven the new number yet. The powers of staff do not move:
/// only an administrator can give them again.
const MOVE: &str = "UPDATE users SET phone = $2, phone_verified_at = NULL, devices_valid_from = $6, \
     is_staff = FALSE, is_superuser = FALSE, \
     username = CASE WHEN username <> $3 THEN username \
     WHEN EXISTS (SELECT 1 FROM users WHERE username = $4) THEN $5 ELSE $4 END \
     WHERE id = $1 AND blocked_at IS NULL AND NOT EXISTS (SELECT 1 FROM users WHERE phone = $2) \
     RETURNING id";

/// Two who want the same number at once meet in the unique index; the next look tells the loser.
const TRIES: u32 = 3;

/// A move as staff want it.
#[derive(Clone, Debug)]
pub struct AskPhoneMove {
    /// Whose number is lost.
    pub user: Uuid,
    /// The number that they have now.
    pub phone: PhoneNumber,
    /// Why, for the audit log. Holds no whole number.
    pub reason: String,
    /// The id of the entry in the audit log.
    pub audit_id: Uuid,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What became of it. Nothing is written except by the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhoneMoveAsked {
    /// It waits from now on.
    Waits(WaitingMove),
    /// The same move waits already. Nobody is told again, and its time stays.
    WaitedBefore(WaitingMove),
    /// A move to another number waits; it must be stopped first.
    AnotherWaits(WaitingMove),
    /// The number belongs to an account, or is about to become that of another one.
    Taken,
    /// The user is blocked or gone, or has no number.
    NotAllowed,
}

/// A move that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingMove {
    /// When staff asked for it.
    pub asked_at: DateTime<Utc>,
    /// From this moment on it is made.
    pub due_at: DateTime<Utc>,
}

/// Who stops a move.
#[derive(Clone, Debug)]
pub enum StopsPhoneMove {
    /// Anyone who has a session of the account.
    Session,
    /// Staff, with their reason.
    Staff {
        /// Why, for the audit log. Holds no whole number.
        reason: String,
    },
}

/// What became of a move that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneMoveMade {
    /// The account has its new number; a notice to the old one waits.
    Moved,
    /// It is not possible any more: the user is blocked, or the number got another owner.
    Dropped,
    /// Somebody else has made or stopped it.
    Gone,
}

impl Records {
    /// Lets a move wait, tells both numbers and writes it down, all or nothing.
    pub async fn ask_phone_move(
        &self,
        wanted: &AskPhoneMove,
        random: &Random,
    ) -> Result<PhoneMoveAsked, RecordsError> {
        let now = micros(wanted.now);
        let due_at = now + PHONE_MOVE_WAIT;
        in_transaction!(self, Place::of_row(Work::Other, Row::User(wanted.user)), transaction => {
            let held: Option<(Option<String>,)> = sqlx::query_as(HOLD_USER)
                .bind(wanted.user)
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some((Some(old),)) = held else {
                return Ok(PhoneMoveAsked::NotAllowed);
            };
            let waiting: Option<(String, DateTime<Utc>, DateTime<Utc>)> = sqlx::query_as(WAITING)
                .bind(wanted.user)
                .fetch_optional(&mut *transaction)
                .await?;
            if let Some((phone, asked_at, due_at)) = waiting {
                let waiting = WaitingMove { asked_at, due_at };
                return Ok(if phone == wanted.phone.as_e164() {
                    PhoneMoveAsked::WaitedBefore(waiting)
                } else {
                    PhoneMoveAsked::AnotherWaits(waiting)
                });
            }
            let taken: i64 = sqlx::query_scalar(TAKEN)
                .bind(wanted.phone.as_e164())
                .fetch_one(&mut *transaction)
                .await?;
            let added = sqlx::query(ADD)
                .bind(wanted.user)
                .bind(wanted.phone.as_e164())
                .bind(now)
                .bind(due_at)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            if taken > 0 || added == 0 {
                return Ok(PhoneMoveAsked::Taken);
            }
            let old = stored_phone("users", Some(old))?;
            for phone in old.into_iter().chain([wanted.phone.clone()]) {
                let kind = NoticeKind::PhoneMoveAsked;
                let notice = NewNotice::new(random, phone, kind, Locale::default(), now);
                insert_notice!(transaction, &notice);
            }
            let entry = AuditEntry {
                id: wanted.audit_id,
                source: AuditSource::CommandLine,
                actor: None,
                action: "phone_move_asked",
                subject: Some(wanted.user),
                object: None,
                details: json!({ "reason": wanted.reason, "due_at": due_at }),
                in_console: None,
            };
            write_audit!(transaction, &entry, now);
            transaction.commit().await?;
            Ok(PhoneMoveAsked::Waits(WaitingMove { asked_at: now, due_at }))
        })
    }

    /// The move that waits for this user.
    pub async fn waiting_phone_move(
        &self,
        user: Uuid,
    ) -> Result<Option<WaitingMove>, RecordsError> {
        on_connection!(self, readers, connection => {
            let row: Option<(String, DateTime<Utc>, DateTime<Utc>)> =
                sqlx::query_as(WAITING).bind(user).fetch_optional(connection).await?;
            Ok(row.map(|(_, asked_at, due_at)| WaitingMove { asked_at, due_at }))
        })
    }

    /// Stops the move that waits for a user and writes it down; `false` when none waits.
    pub async fn stop_phone_move(
        &self,
        user: Uuid,
        stopped_by: &StopsPhoneMove,
        audit_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        let now = micros(now);
        in_transaction!(self, Place::of_row(Work::Other, Row::User(user)), transaction => {
            sqlx::query(LOCK_USER).bind(user).bind(now).execute(&mut *transaction).await?;
            let stopped = sqlx::query(STOP)
                .bind(user)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
            if stopped == 0 {
                return Ok(false);
            }
            let (source, actor, details) = match stopped_by {
                StopsPhoneMove::Session => (AuditSource::Owner, Some(user), json!({})),
                StopsPhoneMove::Staff { reason } => {
                    (AuditSource::CommandLine, None, json!({ "reason": reason }))
                }
            };
            let entry = AuditEntry {
                id: audit_id,
                source,
                actor,
                action: "phone_move_stopped",
                subject: Some(user),
                object: None,
                details,
                in_console: None,
            };
            write_audit!(transaction, &entry, now);
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// The users whose move is due, the longest due first, `limit` of them at most.
    pub async fn due_phone_moves(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<Uuid>, RecordsError> {
        on_connection!(self, readers, connection => {
            let users = sqlx::query_scalar(DUE)
                .bind(micros(now))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            Ok(users)
        })
    }

    /// Makes a move that is due, once, however many try: the account gets the number, all its sessions and
    /// known devices end, the old number is told, and it is written down, all or nothing.
    pub async fn make_phone_move(
        &self,
        user: Uuid,
        random: &Random,
        now: DateTime<Utc>,
    ) -> Result<PhoneMoveMade, RecordsError> {
        let mut tries = 1;
        loop {
            match self.make_phone_move_once(user, random, now).await {
                Err(RecordsError::Conflict) if tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    async fn make_phone_move_once(
        &self,
        user: Uuid,
        random: &Random,
        now: DateTime<Utc>,
    ) -> Result<PhoneMoveMade, RecordsError> {
        let audit_id = random.uuid_v7(now.timestamp_millis());
        let now = micros(now);
        in_transaction!(self, Place::of_row(Work::Other, Row::User(user)), transaction => {
            let old: Option<(Option<String>,)> = sqlx::query_as(LOCK_USER)
                .bind(user)
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let new: Option<String> = sqlx::query_scalar(TAKE_DUE)
                .bind(user)
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?;
            let (Some(new), Some((Some(old),))) = (stored_phone("phone_moves", new)?, old) else {
                return Ok(PhoneMoveMade::Gone);
            };
            let old = PhoneNumber::from_e164(&old).ok_or(RecordsError::Corrupt {
                table: "users",
                problem: "phone is not an E.164 number",
            })?;
            let moved = sqlx::query(MOVE)
                .bind(user)
                .bind(new.as_e164())
                .bind(old.digits())
                .bind(new.digits())
                .bind(user.to_string())
                .bind(now)
                .fetch_optional(&mut *transaction)
                .await?
                .is_some();
            let entry = AuditEntry {
                id: audit_id,
                source: AuditSource::System,
                actor: None,
                action: if moved { "phone_moved" } else { "phone_move_dropped" },
                subject: Some(user),
                object: None,
                details: json!({}),
                in_console: None,
            };
            write_audit!(transaction, &entry, now);
            if !moved {
                transaction.commit().await?;
                return Ok(PhoneMoveMade::Dropped);
            }
            sqlx::query(END_OTHER_SESSIONS)
                .bind(user)
                .bind(Uuid::nil())
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(END_STEPS)
                .bind(user)
                .bind(old.as_e164())
                .execute(&mut *transaction)
                .await?;
            let kind = NoticeKind::PhoneChanged;
            let notice = NewNotice::new(random, old, kind, Locale::default(), now);
            insert_notice!(transaction, &notice);
            transaction.commit().await?;
            Ok(PhoneMoveMade::Moved)
        })
    }
}
