//! The send ledger: what became of each message, one row for each root, send and leg: a leg is one try on
//! one route.
//!
//! ```text
//!             ┌──────────── begin ────────────┐
//!             ▼                               │
//! (none) ─ begin ─▶ sending ─ finish ─▶ not_sent ─ expire ─▶ expired
//!    │                │ │
//!    │                │ └── finish ─▶ accepted | refused        final
//!    │                │                  ▲
//!    │                └ begin of another ┊ finish, the late truth of the same attempt
//!    │                  run, or finish   ┊
//!    │                        ▼          ┊
//!    │                     unknown ┄┄┄┄┄┄┘
//!    │                        └─ resend_unknown, once ─▶ sending
//!    └─ expire ─▶ expired                                       final
//! ```
//!
//! `sending` is committed before the gateway is called, so a row found in it was left by a run
//! that died, and nobody knows whether its message went out. Each move is conditional on the
//! attempt and on the fence, the number of the run that made the attempt: a run that was thought
//! dead and wakes up changes nothing that was decided without it.
//!
//! Where the user of a number is kept out, beginning a code gives it up (`expired`, class `blocked`).
//!
//! While a row is `unknown`, it counts the looks at the gateway that did not find its message; a new
//! attempt begins without any. While it is `accepted`, the gateway is asked about its delivery
//! (`due.rs`, `delivery.rs`), which is another matter: it never changes the state.

mod batch;
mod begin;
mod delivery;
mod due;
mod fate;
mod finish;
mod listing;
mod look;
mod metrics;
mod remembered;
mod route;
mod row;
mod spending;
mod writer;
mod written_to;

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use domain::challenge::Channel;
use domain::delivery::CHECKS;
use domain::notice::MessagePurpose;
use domain::phone::PhoneNumber;
use domain::root::RootId;

pub use delivery::Reported;
pub use due::{ASKED_AGAIN_AFTER, CheckPlace, DeliveryCheck, DueChecks};
pub use fate::{SendCount, SendFate};
pub use listing::{SendFilter, SendPlace, SendsListed, SendsNext};
pub use metrics::LedgerMetrics;
pub use route::{MessageId, Route};
pub use row::LedgerRow;
pub use spending::Spent;
pub use writer::LedgerWriter;

/// The gateway is first asked about the delivery this long after it accepted the message.
pub const FIRST_DELIVERY_CHECK: TimeDelta = CHECKS[0];

/// Which send: the root of a code, the how-manieth message with it, and over the how-manieth route; or a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SendKey {
    /// The root, or the 16 bytes of a notice's id. In the table it stands in `challenge_id`.
    pub root: RootId,
    /// 1 for the first message, then one more for each resend.
    pub send: u32,
    /// 1 for the first route that is tried, then one more for each.
    pub leg: u32,
}

impl SendKey {
    /// A send over the first route.
    pub fn first_leg(root: RootId, send: u32) -> Self {
        Self { root, send, leg: 1 }
    }

    /// The one send of a notice.
    pub fn of_notice(notice: Uuid) -> Self {
        Self::first_leg(RootId::from_bytes(notice.into_bytes()), 1)
    }
}

impl fmt::Display for SendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { root, send, leg } = self;
        match leg {
            1 => write!(f, "{root}/{send}"),
            _ => write!(f, "{root}/{send}/{leg}"),
        }
    }
}

/// Where a send stands.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum LedgerState {
    /// The gateway is being called.
    Sending,
    /// The gateway has taken the message.
    Accepted,
    /// The gateway has refused it for good.
    Refused,
    /// It would have come too late and was not sent, or its number is kept out.
    Expired,
    /// It may or may not have gone out.
    Unknown,
    /// It surely did not go out; the next attempt may be made.
    NotSent,
}

impl LedgerState {
    /// The name in the ledger and in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The gateway's method by which a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SendMethod {
    /// `verify/lookup`, with a template.
    Lookup,
    /// `sms/send`, with a text of ours.
    Send,
}

impl SendMethod {
    /// The name in the ledger.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An attempt that is about to be made, or given up because it is too late.
#[derive(Clone, Debug)]
pub struct Begin {
    /// Which send.
    pub key: SendKey,
    /// Whom it is for.
    pub phone: PhoneNumber,
    /// What the message is for.
    pub purpose: MessagePurpose,
    /// How it travels.
    pub channel: Channel,
    /// Over which gateway.
    pub route: Route,
    /// The gateway's method.
    pub method: SendMethod,
    /// The number of this run of the job; no other run of the send has the same.
    pub fence: i64,
    /// A random positive number; the ledger keeps that of the first attempt, unless it turned out
    /// to be taken ([`SendResult::LocalIdTaken`]).
    pub localid: i64,
    /// When the API accepted the request.
    pub accepted_at: DateTime<Utc>,
    /// From this moment on the message would come too late.
    pub deadline_at: DateTime<Utc>,
    /// The trace of the request.
    pub trace_id: Option<String>,
    /// The id of the request.
    pub request_id: Option<Uuid>,
}

/// An attempt whose run died: its message may have gone out.
///
/// A run that finds its own fence here has begun the attempt itself, and only the answer was lost
/// ([`RecordsError::Unavailable`](crate::records::RecordsError)): nothing was sent. It records
/// [`SendResult::NotSent`] under this attempt and begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted {
    /// Its number; anyone who finds out the truth records it under this and the fence.
    pub attempt: u32,
    /// Its run.
    pub fence: i64,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// The number under which the gateway may know the message.
    pub localid: i64,
}

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It may: the row says `sending`.
    Started {
        /// The number of the attempt, to be named when it is finished.
        attempt: u32,
        /// The number to send along, perhaps of an earlier attempt.
        localid: i64,
    },
    /// It may not: the send has ended so.
    Ended(LedgerState),
    /// It may not: the user of the number is kept out, and the row says so.
    KeptBack,
    /// It may not: another run died over it. The row has become `unknown`.
    FoundSending(Interrupted),
}

/// What became of giving a send up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// It is given up: the row says `expired`.
    Recorded,
    /// It had ended before, in this state.
    Ended(LedgerState),
    /// A run died over it. The row has become `unknown`.
    FoundSending(Interrupted),
}

/// How an attempt can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendResult {
    /// The gateway took the message.
    Accepted,
    /// The gateway refused it for good.
    Refused,
    /// It may or may not have gone out.
    Unknown,
    /// It surely did not go out.
    NotSent,
    /// It surely did not go out, because the gateway knows another message by its local id; the
    /// next attempt takes the local id that is handed in with it.
    LocalIdTaken,
}

impl SendResult {
    /// The state that the row comes to.
    pub fn state(self) -> LedgerState {
        match self {
            Self::Accepted => LedgerState::Accepted,
            Self::Refused => LedgerState::Refused,
            Self::Unknown => LedgerState::Unknown,
            Self::NotSent | Self::LocalIdTaken => LedgerState::NotSent,
        }
    }
}

/// What the gateway's answer was worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerOutcome {
    /// How the attempt ended.
    pub result: SendResult,
    /// The gateway's number for the message.
    pub message_id: Option<MessageId>,
    /// What it cost, in rials.
    pub cost_rials: Option<i64>,
    /// The status of the answer (gateway manual, `return.status`).
    pub gateway_status: Option<i64>,
    /// The status of the message (gateway manual, `entries[].status`).
    pub entry_status: Option<i64>,
    /// The kind of failure, for people and metrics; never an error text, which may hold the URL.
    pub error_class: Option<String>,
}

/// The end of an attempt.
#[derive(Clone, Debug)]
pub struct Finish {
    /// Which send.
    pub key: SendKey,
    /// The attempt, as [`Begun::Started`] or [`Interrupted`] named it.
    pub attempt: u32,
    /// The run of that attempt.
    pub fence: i64,
    /// What came of it.
    pub outcome: LedgerOutcome,
}

/// Whether the end of an attempt was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The row says so, now or already.
    Recorded,
    /// The attempt was no longer the row's to decide; nothing was changed.
    Stale,
}
