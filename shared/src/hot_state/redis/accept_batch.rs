//! Requests for codes that come at the same time share a call of `accept.lua`.
//!
//! A call that is under way gathers those for the next ([`Together`]). Where the reply was lost the same call is made
//! once more, with the same nonces (ADR 21).

use std::sync::LazyLock;

use domain::challenge::ChallengeId;
use redis::{RedisError, Script, Value};
use tokio::time::{Instant, timeout_at};

use super::super::REDIS_CALL_LIMIT;
use super::limits::counting_script;
use super::server_time::ServerTime;
use super::unavailable;
use crate::hot_state::model::HotStateError;
use crate::redis_script::ScriptCall;
use crate::redis_store::RedisStore;
use crate::together::{Service, Together, Waiting};

static ACCEPT: LazyLock<Script> = LazyLock::new(|| counting_script(include_str!("accept.lua")));

/// What all requests of a call share.
pub(super) type Numbers = [i64; 13];

/// What one request brings to a call.
pub(super) struct Ask {
    challenge: ChallengeId,
    now: String,
    numbers: Numbers,
    pub(super) keys: Texts,
    pub(super) arguments: Texts,
}

impl Ask {
    pub(super) fn new(challenge: ChallengeId, now: String, numbers: Numbers) -> Self {
        Self {
            challenge,
            now,
            numbers,
            keys: Texts::with_room(512),
            arguments: Texts::with_room(512),
        }
    }
}

/// Texts behind one another.
pub(super) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    fn with_room(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            ends: Vec::with_capacity(20),
        }
    }

    pub(super) fn push(&mut self, text: impl AsRef<[u8]>) {
        self.bytes.extend_from_slice(text.as_ref());
        self.ends.push(self.bytes.len());
    }

    pub(super) fn push_joined(&mut self, prefix: &str, rest: &str) {
        self.bytes.extend_from_slice(prefix.as_bytes());
        self.push(rest);
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let places = starts.zip(self.ends.iter().copied());
        places.filter_map(|(start, end)| self.bytes.get(start..end))
    }
}

/// The callers' end.
#[derive(Clone, Debug)]
pub(super) struct Accepting(Together<AcceptCalls>);

impl Accepting {
    pub(super) fn new(store: RedisStore, server_time: ServerTime) -> Self {
        Self(Together::new(AcceptCalls { store, server_time }))
    }

    /// What the script answers to one request. Redis carries out nothing after `refused_at`; its answer may come
    /// as much later as a call takes.
    pub(super) async fn carry_out(
        &self,
        ask: Ask,
        refused_at: Instant,
    ) -> Result<Value, HotStateError> {
        match timeout_at(refused_at + REDIS_CALL_LIMIT, self.0.take(ask)).await {
            Ok(answer) => answer,
            Err(_) => Err(HotStateError::Unavailable(
                "the calls before it took too long".into(),
            )),
        }
    }
}

/// Makes the calls.
struct AcceptCalls {
    store: RedisStore,
    server_time: ServerTime,
}

impl Service for AcceptCalls {
    type Input = Ask;
    type Output = Value;
    type Error = HotStateError;

    /// Redis does nothing else meanwhile, and more of them save little.
    const MOST: usize = 16;
    /// Redis has the next one when it is done with one, also while the replies of the one before are being told.
    const UNDER_WAY: usize = 3;

    /// What goes by the same clock and the same policy may share a call. Two about one challenge don't: the script
    /// looks once which challenges there are.
    fn may_join(ask: &Ask, others: &[Waiting<Self>]) -> bool {
        let same = |first: &Waiting<Self>| {
            (&first.input.now, &first.input.numbers) == (&ask.now, &ask.numbers)
        };
        others.first().is_none_or(same)
            && others
                .iter()
                .all(|other| other.input.challenge != ask.challenge)
    }

    async fn serve(
        &self,
        together: &[Waiting<Self>],
    ) -> Result<Vec<Result<Value, HotStateError>>, HotStateError> {
        let Some(first) = together.first() else {
            return Ok(Vec::new());
        };
        let keys = self.store.keys();
        let key_count: usize = together.iter().map(|one| one.input.keys.len()).sum();
        let mut call = ScriptCall::new(&ACCEPT, 4 + key_count);
        call.arg(&keys.jobs)
            .arg(&keys.delayed)
            .arg(&keys.breaker)
            .arg(&keys.epoch);
        for key in together.iter().flat_map(|one| one.input.keys.iter()) {
            call.arg(key);
        }
        let numbers: Vec<u8> = first
            .input
            .numbers
            .iter()
            .flat_map(|it| it.to_be_bytes())
            .collect();
        call.arg(&first.input.now)
            .arg(&keys.challenge_prefix)
            .arg(&keys.phone_sends_prefix)
            .arg(&keys.phone_refusals_prefix)
            .arg(keys.limit(domain::limits::Rule::PrefixDay, ""))
            .arg(&numbers[..]);
        for one in together {
            call.arg(one.input.keys.len());
            for argument in one.input.arguments.iter() {
                call.arg(argument);
            }
        }
        let mut connection = self.store.connection();
        let asked = Instant::now();
        let replies: Vec<Value> = match call.run(&mut connection).await {
            // They may have been granted; with the same nonces they are not granted twice.
            Err(error) if reply_may_be_lost(&error) => call.run(&mut connection).await,
            replies => replies,
        }
        .map_err(unavailable)?;
        if replies.len() != together.len() {
            return Err(HotStateError::Corrupt("the replies of the accept script"));
        }
        if let Some(now) = replies.iter().find_map(moment) {
            self.server_time.told(asked, now);
        }
        Ok(replies.into_iter().map(Ok).collect())
    }
}

/// When Redis carried it out.
fn moment(reply: &Value) -> Option<i64> {
    match reply {
        Value::Int(now) => Some(*now),
        Value::Array(parts) => match parts.get(1) {
            Some(Value::Int(now)) => Some(*now),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the command may have reached Redis although no reply came.
fn reply_may_be_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_connection_dropped()
}
