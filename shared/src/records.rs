//! Records: what lives long. Users, sessions, the send ledger, notices, the codes that were used.
//!
//! [`Records`] is one concrete type over two databases, PostgreSQL in production and the SQLite
//! file of the one-process shape. Each SQL text is written once; the macros of `dispatch.rs` run it
//! on either. The rules that make one text possible:
//!
//! 1. Placeholders are `$1`, `$2`…; `ON CONFLICT`, `RETURNING`, `WITH … (VALUES …)` and
//!    `UPDATE … FROM` are common ground.
//! 2. No `now()` and no intervals: times are parameters, cut to microseconds by [`micros`], since
//!    PostgreSQL keeps no more and SQLite compares them as text.
//! 3. Ids are made by the caller. Enumerations are text that Rust checks. No arrays, no JSON
//!    operators, no `FOR UPDATE`; the exceptions are taking work that several workers share,
//!    where PostgreSQL skips the rows that another is just taking (`Records::skip_locked`), those who sign in
//!    at the same moment (`sign_in_together.rs`, PostgreSQL alone), and the rows that the ledger hands to a
//!    statement (`many_rows.rs`).
//! 4. A method is one statement where it can be, so that isolation levels do not matter. Where it
//!    is several, the first of them writes and thereby locks: a condition is read by the `UPDATE`
//!    that relies on it.
//! 5. A row that cannot be read is [`RecordsError::Corrupt`], never a panic and never a default.
//! 6. A call that locks a row which others want too names it ([`places::Row`]), and asking, verifying and
//!    refreshing say so ([`places::Work`]): that keeps one locked row from stopping everything.
//! 7. Lists of rows are ordered by key before they are written, so that writers that meet on the
//!    same rows wait for each other in one direction.
//!
//! A call that fails with [`RecordsError::Unavailable`] may nevertheless have had its effect.

mod audit;
mod audit_log;
mod authorization_codes;
mod back_channel;
mod by_hand;
mod code_uses;
mod connection;
mod credit;
mod dispatch;
mod erasing;
mod error;
mod grants;
mod import;
mod kept_connections;
mod known_devices;
mod ledger;
mod lost_answers;
mod many_rows;
mod notices;
mod passwords;
mod phone_change;
mod phone_moves;
mod places;
mod postgres_server;
mod profile;
mod refreshing;
mod retention;
mod session_ending;
mod session_opening;
mod sessions;
mod sign_in;
mod sign_in_at_once;
mod sign_in_on_file;
mod sign_in_rounds;
mod sign_in_together;
mod sign_on;
mod staff;
mod steps;
#[cfg(test)]
mod stored_names;
mod users;

pub use audit::{AuditEntry, AuditSource, InConsole};
pub use audit_log::{AuditFilter, AuditRow};
pub use authorization_codes::{CodeFault, NewCode, Redeem, RedeemOutcome};
pub use back_channel::BackChannelLogout;
pub use by_hand::{MadeSuperuser, MakeSuperuser};
pub use code_uses::{CodeUse, SignInTime, UsedCodes};
pub use connection::{Connections, PoolSettings, Records};
pub use credit::CreditLook;
pub use erasing::OpenErasure;
pub use error::RecordsError;
pub use grants::Grant;
pub use import::{IMPORT_BATCH, ImportOutcome, ImportProgress, ImportStep, ImportedUser};
pub use ledger::{
    ASKED_AGAIN_AFTER, Begin, Begun, CheckPlace, DeliveryCheck, DueChecks, Expired,
    FIRST_DELIVERY_CHECK, Finish, Finished, Interrupted, LedgerMetrics, LedgerOutcome, LedgerRow,
    LedgerState, LedgerWriter, MessageId, Reported, Route, SendCount, SendFate, SendFilter,
    SendKey, SendMethod, SendPlace, SendResult, SendsListed, SendsNext, Spent,
};
pub use lost_answers::LostAnswer;
pub use notices::{NewNotice, Notice, PhoneNotice, WaitingNotice};
pub use passwords::{
    PasswordChange, PasswordChangeOutcome, PasswordHolder, PasswordLogIn, PasswordReset,
};
pub use phone_change::{PhoneChange, PhoneChangeOutcome};
pub use phone_moves::{
    AskPhoneMove, PHONE_MOVE_WAIT, PhoneMoveAsked, PhoneMoveMade, StopsPhoneMove, WaitingMove,
};
pub use postgres_server::Pooler;
pub use profile::{DeletedBy, EmailChange, ProfileChange};
pub use refreshing::{Refresh, RefreshOutcome, Renewed};
pub use retention::{OldRows, RetentionStep};
pub use session_ending::SessionEnd;
pub use session_opening::{Device, NewSession};
pub use sessions::{Session, SessionInUse};
pub use sign_in::{SignIn, SignInOutcome};
pub use sign_in_together::Together;
pub use sign_on::SignOn;
pub use staff::{
    FactorOpens, FactorTry, NewFactor, NewStaffLink, NewStaffSession, PeopleSearch, Person,
    RightFactor, RoleChange, SealedFactor, StaffMember, StaffSession,
};
pub use steps::{
    NumberStep, NumberStepOutcome, PasswordStep, STEP_LIFE, Step, StepLogInOutcome, UserInfo,
    UserInfoStep,
};
pub use users::User;

use chrono::{DateTime, SubsecRound as _, Utc};

/// A time as both databases keep it.
fn micros(time: DateTime<Utc>) -> DateTime<Utc> {
    time.trunc_subsecs(6)
}
