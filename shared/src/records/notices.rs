//! Notices that wait: an outbox. Each is written in the transaction of the change that it tells of,
//! so there is no change without its notice and no notice without its change; after that it is put
//! into the queue, by the one who wrote it or, where that one died, by a background task.

use std::fmt;

use chrono::{DateTime, Utc};
use domain::challenge::Locale;
use domain::notice::{NOTICE_LIFE, NoticeKind};
use domain::phone::PhoneNumber;
use domain::random::Random;
use uuid::Uuid;

use super::dispatch::on_connection;
use super::users::stored_phone;
use super::{Records, RecordsError, micros};

pub(super) const INSERT_NOTICE: &str = "INSERT INTO notices \
     (id, phone, kind, locale, created_at, deadline_at) VALUES ($1, $2, $3, $4, $5, $6)";
/// With this a deletion takes along what still waits for the number.
pub(super) const DELETE_NOTICES: &str = "DELETE FROM notices WHERE phone = $1";
const BY_ID: &str =
    "SELECT phone, kind, locale, created_at, deadline_at FROM notices WHERE id = $1";
const OF_PHONE: &str = "SELECT id, kind, created_at, enqueued_at FROM notices \
     WHERE phone = $1 AND created_at >= $2 ORDER BY created_at DESC, id LIMIT $3";
const WAITING: &str = "SELECT id, deadline_at FROM notices \
     WHERE enqueued_at IS NULL AND created_at <= $1 ORDER BY created_at, id LIMIT $2";
const MARK_ENQUEUED: &str =
    "UPDATE notices SET enqueued_at = $2 WHERE id = $1 AND enqueued_at IS NULL";
const FORGET: &str = "DELETE FROM notices WHERE enqueued_at IS NOT NULL AND deadline_at < $1";

/// A notice that is about to be written. Debug output shows no whole number.
#[derive(Clone, Debug)]
pub struct NewNotice {
    /// Its id.
    pub id: Uuid,
    /// Whom it is for.
    pub phone: PhoneNumber,
    /// What it tells of.
    pub kind: NoticeKind,
    /// Its language.
    pub locale: Locale,
    /// The present.
    pub created_at: DateTime<Utc>,
}

impl NewNotice {
    /// A notice with an id of its own.
    pub fn new(
        random: &Random,
        phone: PhoneNumber,
        kind: NoticeKind,
        locale: Locale,
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id: random.uuid_v4(),
            phone,
            kind,
            locale,
            created_at: micros(now),
        }
    }

    /// What the queue must know of it once it is committed.
    pub fn waiting(&self) -> WaitingNotice {
        WaitingNotice {
            id: self.id,
            deadline_at: self.created_at + NOTICE_LIFE,
        }
    }
}

/// Writes a [`NewNotice`] inside [`in_transaction!`](super::dispatch::in_transaction).
macro_rules! insert_notice {
    ($transaction:ident, $notice:expr) => {{
        let notice: &$crate::records::NewNotice = $notice;
        sqlx::query($crate::records::notices::INSERT_NOTICE)
            .bind(notice.id)
            .bind(notice.phone.as_e164())
            .bind(notice.kind.as_str())
            .bind(notice.locale.as_str())
            .bind(notice.created_at)
            .bind(notice.waiting().deadline_at)
            .execute(&mut *$transaction)
            .await?;
    }};
}
pub(super) use insert_notice;

/// A notice that is not in the queue yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingNotice {
    /// Its id.
    pub id: Uuid,
    /// From this moment on it is not sent any more.
    pub deadline_at: DateTime<Utc>,
}

/// A notice as somebody sees it who asks what a number was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhoneNotice {
    /// Its id.
    pub id: Uuid,
    /// What it tells of.
    pub kind: NoticeKind,
    /// When the change was made.
    pub created_at: DateTime<Utc>,
    /// When it was put into the queue, if it was.
    pub enqueued_at: Option<DateTime<Utc>>,
}

/// A notice as it is sent. Debug output shows no whole number.
#[derive(Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its id.
    pub id: Uuid,
    /// Whom it is for.
    pub phone: PhoneNumber,
    /// What it tells of.
    pub kind: NoticeKind,
    /// Its language.
    pub locale: Locale,
    /// When the change was made.
    pub created_at: DateTime<Utc>,
    /// From this moment on it is not sent any more.
    pub deadline_at: DateTime<Utc>,
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

#[derive(sqlx::FromRow)]
struct NoticeRow {
    phone: Option<String>,
    kind: String,
    locale: String,
    created_at: DateTime<Utc>,
    deadline_at: DateTime<Utc>,
}

impl NoticeRow {
    fn read(self, id: Uuid) -> Result<Notice, RecordsError> {
        Ok(Notice {
            id,
            phone: stored_phone("notices", self.phone)?.ok_or_else(|| corrupt("phone is null"))?,
            kind: self
                .kind
                .parse()
                .map_err(|_| corrupt("kind is of no known name"))?,
            locale: Locale::from_name(&self.locale)
                .ok_or_else(|| corrupt("locale is of no known name"))?,
            created_at: self.created_at,
            deadline_at: self.deadline_at,
        })
    }
}

fn corrupt(problem: &'static str) -> RecordsError {
    RecordsError::Corrupt {
        table: "notices",
        problem,
    }
}

impl Records {
    /// The notice of this id; none once it was forgotten, or its receiver's account deleted.
    pub async fn notice(&self, id: Uuid) -> Result<Option<Notice>, RecordsError> {
        on_connection!(self, readers, connection => {
            let row: Option<NoticeRow> =
                sqlx::query_as(BY_ID).bind(id).fetch_optional(connection).await?;
            row.map(|row| row.read(id)).transpose()
        })
    }

    /// The notices to a number since a moment, the newest first, `limit` of them at most. Those
    /// that were forgotten are in the ledger only.
    pub async fn notices_of_phone(
        &self,
        phone: &PhoneNumber,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<PhoneNotice>, RecordsError> {
        type Row = (Uuid, String, DateTime<Utc>, Option<DateTime<Utc>>);
        on_connection!(self, readers, connection => {
            let rows: Vec<Row> = sqlx::query_as(OF_PHONE)
                .bind(phone.as_e164())
                .bind(micros(since))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            rows.into_iter()
                .map(|(id, kind, created_at, enqueued_at)| {
                    let kind = kind
                        .parse()
                        .map_err(|_| corrupt("kind is of no known name"))?;
                    Ok(PhoneNotice { id, kind, created_at, enqueued_at })
                })
                .collect()
        })
    }

    /// Notices written at `until` or before that nobody has put into the queue, the oldest first,
    /// `limit` of them at most.
    pub async fn waiting_notices(
        &self,
        until: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<WaitingNotice>, RecordsError> {
        on_connection!(self, readers, connection => {
            let rows: Vec<(Uuid, DateTime<Utc>)> = sqlx::query_as(WAITING)
                .bind(micros(until))
                .bind(i64::from(limit))
                .fetch_all(connection)
                .await?;
            let waiting = |(id, deadline_at)| WaitingNotice { id, deadline_at };
            Ok(rows.into_iter().map(waiting).collect())
        })
    }

    /// Records that a notice is in the queue. `false` where that was known, or the notice is gone.
    pub async fn notice_enqueued(
        &self,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<bool, RecordsError> {
        on_connection!(self, writer, connection => {
            let marked = sqlx::query(MARK_ENQUEUED)
                .bind(id)
                .bind(micros(now))
                .execute(connection)
                .await?;
            Ok(marked.rows_affected() == 1)
        })
    }

    /// Removes the notices that are in the queue and whose time was over at `before`, and says how
    /// many: their rows hold phone numbers and are of no more use.
    pub async fn forget_notices(&self, before: DateTime<Utc>) -> Result<u64, RecordsError> {
        on_connection!(self, writer, connection => {
            let removed = sqlx::query(FORGET).bind(micros(before)).execute(connection).await?;
            Ok(removed.rows_affected())
        })
    }
}
