//! What can be asked of the gateway: the delivery of messages, the credit, the account's settings.

use chrono::{DateTime, Utc};
use domain::delivery::DeliveryStatus;
use domain::phone::PhoneNumber;

use super::client::Gateway;
use super::envelope::{Entries, Entry, Reply};
use super::outcome::is_another;
use super::status::{Class, Method, class_of};
use super::transport::{CallError, NotSentReason, UnknownReason};

/// The most ids that one reading call may name (gateway manual, `sms/status`).
pub const MAX_STATUS_IDS: usize = 500;

/// What the gateway knows about one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRow {
    /// The id at the gateway; none for a `localid` it does not know.
    pub messageid: Option<i64>,
    /// Our own id, in answers to [`Gateway::status_by_local_id`].
    pub localid: Option<i64>,
    /// Where the message is.
    pub status: DeliveryStatus,
}

/// The credit of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountInfo {
    /// In rials.
    pub remaining_credit: i64,
    /// When the key expires by the account's security settings.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The settings of the account that matter for codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountConfig {
    /// Messages are accepted and then cancelled: nothing is delivered.
    pub debug_mode: bool,
    /// The gateway repeats undelivered messages by itself: old codes arrive late.
    pub resend_failed: bool,
    /// What the gateway keeps of our calls: `justfaults`, `enabled` or `disabled`.
    pub api_logs: Option<String>,
    /// The line that is used when none is named.
    pub default_sender: Option<String>,
}

/// Why a reading call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The gateway could not be reached.
    #[error("the gateway could not be reached ({})", .0.as_str())]
    NotSent(NotSentReason),
    /// The gateway refused.
    #[error("the gateway refused with code {code} ({})", class.as_str())]
    Refused {
        /// The code of the call.
        code: i32,
        /// What the code asks for.
        class: Class,
    },
    /// Something between us and the gateway answered.
    #[error("something else than the gateway answered, with HTTP status {0}")]
    Misdirected(u16),
    /// The answer did not come or could not be read.
    #[error("the gateway's answer could not be read ({})", .0.as_str())]
    Unreadable(UnknownReason),
}

impl ReadError {
    /// A short name for metrics, one of a fixed list.
    pub fn error_class(&self) -> &'static str {
        match self {
            Self::NotSent(reason) => reason.as_str(),
            Self::Refused { class, .. } => class.as_str(),
            Self::Misdirected(_) => "misdirected",
            Self::Unreadable(reason) => reason.as_str(),
        }
    }

    /// The code of the call (`return.status`), where the gateway gave one.
    pub fn gateway_status(&self) -> Option<i32> {
        match *self {
            Self::Refused { code, .. } => Some(code),
            Self::NotSent(_) | Self::Misdirected(_) | Self::Unreadable(_) => None,
        }
    }
}

impl Gateway {
    /// What became of messages of the last 48 hours, by their ids at the gateway. Any number may
    /// be asked for; [`MAX_STATUS_IDS`] go into one request.
    pub async fn status(&self, messageids: &[i64]) -> Result<Vec<StatusRow>, ReadError> {
        self.status_rows(Method::Status, "messageid", messageids)
            .await
    }

    /// What became of messages of the last 12 hours, by our own ids. Only `sms/send` knows them.
    pub async fn status_by_local_id(&self, localids: &[i64]) -> Result<Vec<StatusRow>, ReadError> {
        self.status_rows(Method::StatusByLocalId, "localid", localids)
            .await
    }

    async fn status_rows(
        &self,
        method: Method,
        field: &str,
        ids: &[i64],
    ) -> Result<Vec<StatusRow>, ReadError> {
        let mut rows = Vec::with_capacity(ids.len());
        for batch in ids.chunks(MAX_STATUS_IDS) {
            let list = batch.iter().map(i64::to_string).collect::<Vec<_>>();
            let entries = self.read(method, &[(field, &list.join(","))]).await?;
            rows.extend(
                entries
                    .iter()
                    .flat_map(Entries::rows)
                    .map(|row| status_row(&row)),
            );
        }
        Ok(rows)
    }

    /// What was sent to a number in a window of at most a day: the only way to find out what a
    /// `verify/lookup` did whose answer was lost. Whole seconds are asked for, the window widened
    /// to them.
    pub async fn status_by_receptor(
        &self,
        phone: &PhoneNumber,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<StatusRow>, ReadError> {
        let receptor = phone.gateway_receptor();
        let start = from.timestamp().to_string();
        let end = (to.timestamp() + 1).to_string();
        let form = [
            ("receptor", receptor.as_str()),
            ("startdate", &start),
            ("enddate", &end),
        ];
        let entries = self.read(Method::StatusByReceptor, &form).await?;
        let about_another = |entry: &Entry<'_>| {
            entry
                .text("receptor")
                .is_some_and(|receptor| is_another(phone, &receptor))
        };
        Ok(entries
            .iter()
            .flat_map(Entries::rows)
            .filter(|entry| !about_another(entry))
            .map(|row| status_row(&row))
            .collect())
    }

    /// The credit. It costs nothing, so it is also the probe whether the account works again.
    pub async fn account_info(&self) -> Result<AccountInfo, ReadError> {
        self.read_account(Method::AccountInfo, |entry| {
            Some(AccountInfo {
                remaining_credit: entry.integer("remaincredit")?,
                expires_at: entry
                    .integer("expiredate")
                    // No time at all, not the year 1970.
                    .filter(|seconds| *seconds > 0)
                    .and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
            })
        })
        .await
    }

    /// The settings of the account. Nothing is sent along: any parameter would change them.
    pub async fn account_config(&self) -> Result<AccountConfig, ReadError> {
        self.read_account(Method::AccountConfig, |entry| {
            Some(AccountConfig {
                debug_mode: entry.switch("debugmode"),
                resend_failed: entry.switch("resendfailed"),
                api_logs: entry.text("apilogs"),
                default_sender: entry.text("defaultsender"),
            })
        })
        .await
    }

    async fn read_account<T>(
        &self,
        method: Method,
        make: impl Fn(&Entry<'_>) -> Option<T>,
    ) -> Result<T, ReadError> {
        let entries = self.read(method, &[]).await?;
        entries
            .as_ref()
            .and_then(|entries| entries.rows().first().and_then(make))
            .ok_or(ReadError::Unreadable(UnknownReason::NotJson))
    }

    /// A reading call; `None` when the gateway has no such record.
    async fn read(
        &self,
        method: Method,
        form: &[(&str, &str)],
    ) -> Result<Option<Entries>, ReadError> {
        let answer = self.post(method, form).await.map_err(|error| match error {
            CallError::NotSent(reason) => ReadError::NotSent(reason),
            CallError::Unknown(reason) => ReadError::Unreadable(reason),
        })?;
        match Reply::read(&answer) {
            Reply::Success(entries) => Ok(Some(entries)),
            Reply::Failure(code) => match class_of(method, code) {
                Class::Empty => Ok(None),
                class => Err(ReadError::Refused { code, class }),
            },
            Reply::Misdirected(http) => Err(ReadError::Misdirected(http)),
            Reply::Unreadable(reason) => Err(ReadError::Unreadable(reason)),
        }
    }
}

fn status_row(entry: &Entry<'_>) -> StatusRow {
    StatusRow {
        messageid: entry.id("messageid"),
        localid: entry.id("localid"),
        status: DeliveryStatus::from_code(entry.code("status").unwrap_or_default()),
    }
}
