//! What the stores say. Each is asked by itself, so that what one knows is shown while the other is
//! away.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::{ChallengeId, SEND_MARGIN_MILLIS};
use domain::clock::UnixMillis;
use domain::notice::MessagePurpose;
use domain::phone::PhoneNumber;
use domain::root::{Root, RootId};
use shared::hot_state::{HotState, HotStateError, OpenBreaker, PhoneState};
use shared::queue::{QueueError, QueueStats};
use shared::records::{CodeUse, LedgerRow, PhoneNotice, Records, RecordsError, SendKey, User};
use shared::stores::{SchemaError, Stores};
use uuid::Uuid;

use super::times::moment;

/// Nobody waits long for a store that is away: the others may know enough.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whom or what the question is about.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A number.
    Phone(PhoneNumber),
    /// A request, by the id that errors and logs name.
    Request(Uuid),
    /// A challenge, by the id that logs and traces name.
    Challenge(ChallengeId),
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whom or what it is about.
    pub subject: Subject,
    /// How far back to look.
    pub since: TimeDelta,
    /// How many messages to tell of at most, the newest.
    pub limit: u32,
}

/// What is known.
pub(crate) struct Facts {
    pub(crate) question: Question,
    /// The present, by the store of codes where it answers.
    pub(crate) now: DateTime<Utc>,
    /// Whether all is in one process, whose worker is not counted.
    pub(crate) one_process: bool,
    /// The number; unknown where its account was deleted.
    pub(crate) phone: Option<PhoneNumber>,
    pub(crate) records: Result<Kept, String>,
    pub(crate) hot: Result<Living, String>,
}

/// What the records know.
#[derive(Default)]
pub(crate) struct Kept {
    /// In the order in which they were asked for.
    pub(crate) sends: Vec<LedgerRow>,
    /// Whether there may be older ones that were not read.
    pub(crate) cut_off: bool,
    pub(crate) uses: Vec<CodeUse>,
    /// Those that are not in the ledger yet.
    pub(crate) notices: Vec<PhoneNotice>,
    pub(crate) user: Option<User>,
}

/// What hot state and queue know.
pub(crate) struct Living {
    pub(crate) phone: Option<PhoneState>,
    pub(crate) codes: Vec<LivingCode>,
    pub(crate) breaker: Option<OpenBreaker>,
    pub(crate) queue: QueueStats,
}

/// A code whose root still has its record.
pub(crate) struct LivingCode {
    pub(crate) root: Root,
    /// Tries with the session id that was asked about, else with the one that began the root, if one
    /// did: who else shares it is not kept.
    pub(crate) session_attempts: Option<u32>,
    /// When that session last asked for it.
    pub(crate) last_asked_at: UnixMillis,
    /// When it dies for that session.
    pub(crate) expires_at: UnixMillis,
}

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Nobody knows such an id.
    #[error(
        "no message was sent for {what}: look for it in the logs of `api`, which tell how each request ended; an id that belongs to no message may have been refused, or its message is older than what is kept"
    )]
    Unknown {
        /// What was asked about.
        what: String,
    },
    /// The database, by which it is looked up, is away.
    #[error("what was asked for is looked up in the database, which did not answer: {0}")]
    Away(String),
}

impl Facts {
    pub(crate) async fn gather(
        stores: &Stores,
        question: Question,
        one_process: bool,
        clock_now: DateTime<Utc>,
    ) -> Result<Self, NoAnswer> {
        let asked_root = match &question.subject {
            Subject::Challenge(id) => Some(root_of(&stores.hot_state, *id).await),
            Subject::Phone(_) | Subject::Request(_) => None,
        };
        let mut records = kept(&stores.records, &question, asked_root, clock_now).await;
        let mut phone = match &question.subject {
            Subject::Phone(phone) => Some(phone.clone()),
            Subject::Request(_) | Subject::Challenge(_) => records
                .as_ref()
                .ok()
                .and_then(|kept| kept.sends.iter().find_map(|send| send.phone.clone())),
        };
        let mut ids = match &records {
            Ok(kept) => roots_of(&kept.sends),
            Err(_) => Vec::new(),
        };
        if let Some(root) = asked_root
            && !ids.contains(&root)
        {
            ids.push(root);
        }
        let hot = living(stores, phone.as_ref(), &question.subject, &ids).await;
        if let (None, Ok(living)) = (&phone, &hot)
            && let [code, ..] = &living.codes[..]
        {
            phone = Some(code.root.phone.clone());
        }
        not_in_vain(&question.subject, &records, &hot)?;
        if let Some(phone) = &phone
            && !matches!(question.subject, Subject::Phone(_))
            && let Ok(mut kept) = records
        {
            // Who the number belongs to is known only now.
            let user = stores.records.find_user_by_phone(phone).await;
            records = user.map_err(|error| error.explained()).map(|user| {
                kept.user = user;
                kept
            });
        }
        let of_store = hot.as_ref().ok().and_then(|living| living.phone.as_ref());
        let now = of_store.map_or(clock_now, |state| moment(state.now));
        Ok(Self {
            question,
            now,
            one_process,
            phone,
            records,
            hot,
        })
    }

    /// What could not be asked, for people.
    pub(crate) fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if let Err(cause) = &self.records {
            missing.push(format!(
                "the database did not answer, so messages, used codes and the account are missing: {cause}"
            ));
        }
        if let Err(cause) = &self.hot {
            missing.push(format!("codes, limits and the queue are missing: {cause}"));
        }
        missing
    }

    pub(crate) fn sends(&self) -> &[LedgerRow] {
        self.records.as_ref().map_or(&[], |kept| &kept.sends)
    }

    pub(crate) fn user(&self) -> Option<&User> {
        self.records.as_ref().ok()?.user.as_ref()
    }

    pub(crate) fn phone_state(&self) -> Option<&PhoneState> {
        self.hot.as_ref().ok()?.phone.as_ref()
    }

    pub(crate) fn code(&self, root: RootId) -> Option<&LivingCode> {
        let codes = &self.hot.as_ref().ok()?.codes;
        codes.iter().find(|code| code.root.id == root)
    }

    pub(crate) fn code_use(&self, root: RootId) -> Option<&CodeUse> {
        let uses = &self.records.as_ref().ok()?.uses;
        uses.iter().find(|code_use| code_use.root == root)
    }

    /// When the code of a root is dead: by its record, or by the deadline of its last message, which
    /// lies a fixed time before.
    pub(crate) fn ends_at(&self, root: RootId) -> Option<DateTime<Utc>> {
        // One that was given back too late has no end in its record any more.
        if let Some(code) = self.code(root).filter(|code| code.root.ends_at > 0) {
            return Some(moment(code.root.ends_at));
        }
        let margin = TimeDelta::milliseconds(SEND_MARGIN_MILLIS);
        let of_root = self.sends().iter().filter(|send| send.key.root == root);
        of_root.map(|send| send.deadline_at + margin).max()
    }

    /// Requests that were granted and for which no worker has begun anything, the oldest first.
    /// Nothing where one of the two stores is missing.
    pub(crate) fn waiting(&self) -> Vec<DateTime<Utc>> {
        let (Ok(kept), Some(state)) = (&self.records, self.phone_state()) else {
            return Vec::new();
        };
        let oldest_row = kept.sends.first().map(|send| send.accepted_at);
        let from = oldest_row
            .filter(|_| kept.cut_off)
            .unwrap_or(self.now - self.question.since);
        let begun = |at: &UnixMillis| {
            let mut sends = kept.sends.iter();
            sends.any(|send| send.accepted_at.timestamp_millis() == *at)
        };
        let asked_about = |at: &UnixMillis| match &self.question.subject {
            Subject::Phone(_) => true,
            Subject::Request(_) => false,
            // The one root that was looked up.
            Subject::Challenge(_) => self.hot.as_ref().is_ok_and(|living| {
                let mut codes = living.codes.iter();
                codes.any(|code| {
                    [
                        code.root.created_at,
                        code.root.last_send_at,
                        code.last_asked_at,
                    ]
                    .contains(at)
                })
            }),
        };
        // Of two requests in one millisecond one may have got the message.
        let mut untexted = state.untexted.clone();
        let texted = state.sends.iter().filter(|at| {
            let without = untexted.iter().position(|other| other == *at);
            without.map(|index| untexted.swap_remove(index)).is_none()
        });
        let waiting = texted.filter(|at| asked_about(at) && !begun(at));
        waiting
            .map(|at| moment(*at))
            .filter(|at| *at >= from)
            .collect()
    }
}

/// The root of a challenge: it may have joined that of another. Where nobody knows, its own.
async fn root_of(hot: &HotState, challenge: ChallengeId) -> RootId {
    let found = hot.challenge(challenge).await.ok().flatten();
    found.map_or_else(|| challenge.into(), |found| found.root.id)
}

fn roots_of(sends: &[LedgerRow]) -> Vec<RootId> {
    let codes = sends
        .iter()
        .filter(|send| matches!(send.purpose, MessagePurpose::Code(_)));
    let mut ids: Vec<RootId> = codes.map(|send| send.key.root).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// An id must lead somewhere.
fn not_in_vain(
    subject: &Subject,
    records: &Result<Kept, String>,
    hot: &Result<Living, String>,
) -> Result<(), NoAnswer> {
    let what = match subject {
        Subject::Phone(_) => return Ok(()),
        Subject::Request(id) => format!("request {id}"),
        Subject::Challenge(id) => format!("challenge {id}"),
    };
    let living = hot.as_ref().is_ok_and(|hot| !hot.codes.is_empty());
    match records {
        Ok(kept) if kept.sends.is_empty() && !living => Err(NoAnswer::Unknown { what }),
        Err(cause) if !living => Err(NoAnswer::Away(cause.clone())),
        _ => Ok(()),
    }
}

async fn kept(
    records: &Records,
    question: &Question,
    asked_root: Option<RootId>,
    now: DateTime<Utc>,
) -> Result<Kept, String> {
    records
        .require_schema(PATIENCE)
        .await
        .map_err(|error| match error {
            SchemaError::Away { cause, .. } => cause,
            other => other.to_string(),
        })?;
    read_kept(records, question, asked_root, now)
        .await
        .map_err(|error| error.explained())
}

async fn read_kept(
    records: &Records,
    question: &Question,
    asked_root: Option<RootId>,
    now: DateTime<Utc>,
) -> Result<Kept, RecordsError> {
    let (since, limit) = (now - question.since, question.limit);
    let mut kept = Kept::default();
    match &question.subject {
        Subject::Phone(phone) => {
            kept.sends = records.sends_of_phone(phone, since, limit).await?;
            kept.cut_off = kept.sends.len() >= limit as usize;
            kept.notices = records.notices_of_phone(phone, since, limit).await?;
            kept.user = records.find_user_by_phone(phone).await?;
        }
        Subject::Challenge(challenge) => {
            let root = asked_root.unwrap_or_else(|| (*challenge).into());
            kept.sends = records.sends_of_root(root).await?;
        }
        Subject::Request(request) => {
            kept.sends = records.sends_of_request(*request, limit).await?;
        }
    }
    kept.sends.sort_by_key(|send| (send.accepted_at, send.key));
    let begun = |notice: &PhoneNotice| {
        let key = SendKey::of_notice(notice.id);
        kept.sends.iter().any(|send| send.key == key)
    };
    kept.notices = kept
        .notices
        .iter()
        .filter(|notice| !begun(notice))
        .copied()
        .collect();
    kept.uses = records.code_uses(&roots_of(&kept.sends)).await?;
    Ok(kept)
}

async fn living(
    stores: &Stores,
    phone: Option<&PhoneNumber>,
    subject: &Subject,
    ids: &[RootId],
) -> Result<Living, String> {
    let hot = &stores.hot_state;
    let asked = match subject {
        Subject::Challenge(id) => Some(*id),
        Subject::Phone(_) | Subject::Request(_) => None,
    };
    let mut codes = Vec::new();
    for id in ids {
        if let Some(root) = hot.root(*id).await.map_err(of_hot_state)? {
            codes.push(living_code(hot, root, asked).await?);
        }
    }
    let mut state = None;
    let of_code = codes.first().map(|code| code.root.phone.clone());
    if let Some(phone) = phone.or(of_code.as_ref()) {
        state = Some(hot.phone_state(phone).await.map_err(of_hot_state)?);
        if matches!(subject, Subject::Phone(_)) {
            let of_phone = hot.phone_roots(phone).await.map_err(of_hot_state)?;
            for root in of_phone.into_iter().filter(|one| !ids.contains(&one.id)) {
                codes.push(living_code(hot, root, asked).await?);
            }
        }
    }
    codes.sort_by_key(|code| code.root.created_at);
    Ok(Living {
        phone: state,
        codes,
        breaker: hot.breaker().await.map_err(of_hot_state)?,
        queue: stores.feed.stats().await.map_err(of_queue)?,
    })
}

async fn living_code(
    hot: &HotState,
    root: Root,
    asked: Option<ChallengeId>,
) -> Result<LivingCode, String> {
    let id = asked.unwrap_or_else(|| ChallengeId::from_bytes(*root.id.as_bytes()));
    let challenge = hot.challenge_on(id, root.id).await.map_err(of_hot_state)?;
    Ok(LivingCode {
        session_attempts: challenge.as_ref().map(|one| one.session_attempts),
        last_asked_at: challenge
            .as_ref()
            .map_or(root.created_at, |one| one.last_asked_at),
        expires_at: challenge.map_or(root.ends_at, |one| one.expires_at),
        root,
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is used with map_err")]
fn of_hot_state(error: HotStateError) -> String {
    error.to_string()
}

#[expect(clippy::needless_pass_by_value, reason = "it is used with map_err")]
fn of_queue(error: QueueError) -> String {
    error.to_string()
}
