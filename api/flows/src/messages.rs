//! Messages as the staff sees them in lists: the rows of the ledger, and how the code stands that each has brought.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::SEND_MARGIN_MILLIS;
use domain::clock::UnixMillis;
use domain::notice::MessagePurpose;
use domain::phone::Operator;
use domain::root::RootId;
use shared::hot_state::{HotState, LivingRoot};
use shared::records::{
    CodeUse, LedgerRow, Records, RecordsError, SendFate, SendFilter, SendPlace, SendsListed,
    SendsNext,
};

/// Where no index leads to what is looked for, so many rows of the ledger are looked at by one question…
const ROWS_AT_ONCE: u32 = 4_000;
/// …and so many questions are asked for a page…
const QUESTIONS: usize = 10;
/// …but none more after this time: a page is there soon, and says how far it has come.
const LOOKS_FOR: Duration = Duration::from_millis(40);

/// A message in a list.
#[derive(Clone, Debug)]
pub struct ListedMessage {
    /// What the ledger has of it.
    pub row: LedgerRow,
    /// What became of it.
    pub fate: SendFate,
    /// The operator of its number's prefix; nothing where the number was erased.
    pub operator: Option<Operator>,
    /// How its code stands.
    pub code: CodeStanding,
}

/// How the code of a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeStanding {
    /// It brought none.
    None,
    /// It had its effect.
    Used {
        /// When.
        at: DateTime<Utc>,
    },
    /// It can be used.
    Live {
        /// Until when.
        until: DateTime<Utc>,
        /// Wrong tries with its session id, and by the number alone.
        tries: u32,
    },
    /// It was given back, and has had no effect so far.
    GivenBack,
    /// It died unused.
    Over {
        /// When.
        at: DateTime<Utc>,
    },
    /// The store of codes did not answer.
    NotKnown,
}

/// A page of messages.
#[derive(Clone, Debug)]
pub struct MessagesListed {
    /// The newest first.
    pub messages: Vec<ListedMessage>,
    /// What comes behind them.
    pub next: SendsNext,
    /// The present, by which codes are judged.
    pub now: DateTime<Utc>,
}

/// So many of the messages that are looked for, behind a place in the list. Where the store of codes is away, they
/// come without their codes.
pub async fn list(
    records: &Records,
    hot_state: &HotState,
    clock_now: DateTime<Utc>,
    filter: &SendFilter,
    after: Option<SendPlace>,
    limit: u32,
) -> Result<MessagesListed, RecordsError> {
    let listed = look(records, filter, after, limit).await?;
    let mut roots: Vec<RootId> = listed
        .rows
        .iter()
        .filter(|row| matches!(row.purpose, MessagePurpose::Code(_)))
        .map(|row| row.key.root)
        .collect();
    roots.sort_unstable();
    roots.dedup();
    let uses = records.code_uses(&roots).await?;
    // What was used is not asked about again.
    roots.retain(|root| !uses.iter().any(|one| one.root == *root));
    let (now, living) = tokio::join!(hot_state.now(), hot_state.living_roots(&roots));
    let now = now.map_or(clock_now, moment);
    let living = living.ok();
    let messages = listed.rows.into_iter().map(|row| ListedMessage {
        fate: SendFate::of(&row),
        operator: row.phone.as_ref().map(Operator::of),
        code: standing(&row, &uses, living.as_deref(), now),
        row,
    });
    Ok(MessagesListed {
        messages: messages.collect(),
        next: listed.next,
        now,
    })
}

async fn look(
    records: &Records,
    filter: &SendFilter,
    mut after: Option<SendPlace>,
    limit: u32,
) -> Result<SendsListed, RecordsError> {
    let began = Instant::now();
    let mut found = SendsListed {
        rows: Vec::new(),
        next: SendsNext::End,
    };
    for _ in 0..QUESTIONS {
        let wanted = limit - u32::try_from(found.rows.len()).unwrap_or(limit).min(limit);
        if wanted == 0 {
            break;
        }
        let listed = records
            .list_sends(filter, after, wanted, ROWS_AT_ONCE)
            .await?;
        found.rows.extend(listed.rows);
        found.next = listed.next;
        match listed.next {
            SendsNext::LookFurther(place) if began.elapsed() < LOOKS_FOR => after = Some(place),
            _ => break,
        }
    }
    Ok(found)
}

fn standing(
    row: &LedgerRow,
    uses: &[CodeUse],
    living: Option<&[LivingRoot]>,
    now: DateTime<Utc>,
) -> CodeStanding {
    if !matches!(row.purpose, MessagePurpose::Code(_)) {
        return CodeStanding::None;
    }
    if let Some(code_use) = uses.iter().find(|one| one.root == row.key.root) {
        return CodeStanding::Used {
            at: code_use.used_at,
        };
    }
    // The deadline of a message lies a fixed time before the end of its code.
    let ended = row.deadline_at + TimeDelta::milliseconds(SEND_MARGIN_MILLIS);
    let Some(living) = living else {
        return if ended <= now {
            CodeStanding::Over { at: ended }
        } else {
            CodeStanding::NotKnown
        };
    };
    let Some(code) = living.iter().find(|one| one.root.id == row.key.root) else {
        return CodeStanding::Over { at: ended.min(now) };
    };
    let until = match code.root.ends_at {
        // One that was given back too late has no end in its record any more.
        0 => ended,
        at => moment(at),
    };
    if until <= now {
        CodeStanding::Over { at: until }
    } else if code.root.closed.is_some() {
        CodeStanding::GivenBack
    } else {
        CodeStanding::Live {
            until,
            tries: code.session_attempts.unwrap_or_default() + code.root.phone_attempts,
        }
    }
}

fn moment(millis: UnixMillis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
