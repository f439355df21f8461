//! Requests for codes that come at the same time share a call of `accept.lua`.
//!
//! One that comes when no call is under way goes at once. While calls are under way those who come gather, and go
//! together as soon as one has ended. The call belongs to a task, not to those who wait for it: one of them who goes
//! away takes nobody along, and one who is gone before the call is not asked for any more. Where the reply
//! was lost the same call is made once more, with the same nonces (ADR 21).

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use domain::challenge::ChallengeId;
use redis::{RedisError, Script, Value};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::super::REDIS_CALL_LIMIT;
use super::limits::counting_script;
use super::server_time::ServerTime;
use super::unavailable;
use crate::hot_state::model::HotStateError;
use crate::redis_script::ScriptCall;
use crate::redis_store::RedisStore;

static ACCEPT: LazyLock<Script> = LazyLock::new(|| counting_script(include_str!("accept.lua")));

/// Requests of one call. Redis does nothing else meanwhile, and more of them save little.
const MOST: usize = 16;
/// Calls that are under way at once: Redis has the next one when it is done with one.
const UNDER_WAY: usize = 2;

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

    /// What goes by the same clock and the same policy may share a call. Two about one challenge don't: the script
    /// looks once which challenges there are.
    fn may_join(&self, others: &[Waiting]) -> bool {
        others
            .first()
            .is_none_or(|first| (&first.ask.now, &first.ask.numbers) == (&self.now, &self.numbers))
            && others
                .iter()
                .all(|other| other.ask.challenge != self.challenge)
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

struct Waiting {
    ask: Ask,
    reply: oneshot::Sender<Result<Value, HotStateError>>,
}

/// The callers' end; clones share what waits.
#[derive(Clone)]
pub(super) struct Accepting(Arc<Inner>);

struct Inner {
    store: RedisStore,
    server_time: ServerTime,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    under_way: usize,
}

impl std::fmt::Debug for Accepting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepting").finish_non_exhaustive()
    }
}

impl Accepting {
    pub(super) fn new(store: RedisStore, server_time: ServerTime) -> Self {
        let line = Mutex::default();
        Self(Arc::new(Inner {
            store,
            server_time,
            line,
        }))
    }

    /// What the script answers to one request. Redis carries out nothing after `refused_at`; its answer may come
    /// as much later as a call takes.
    pub(super) async fn carry_out(
        &self,
        ask: Ask,
        refused_at: Instant,
    ) -> Result<Value, HotStateError> {
        let (reply, answer) = oneshot::channel();
        if self.0.add(Waiting { ask, reply }) {
            tokio::spawn(Server(Arc::clone(&self.0)).serve());
        }
        let interrupted = |_| HotStateError::Unavailable("the call was interrupted".into());
        match timeout_at(refused_at + REDIS_CALL_LIMIT, answer).await {
            Ok(answer) => answer.map_err(interrupted)?,
            Err(_) => Err(HotStateError::Unavailable(
                "the calls before it took too long".into(),
            )),
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one, and tells whether it needs a task that makes calls.
    fn add(&self, waiting: Waiting) -> bool {
        let mut line = self.lock();
        line.waiting.push_back(waiting);
        let free = line.under_way < UNDER_WAY;
        line.under_way += usize::from(free);
        free
    }

    /// The first who wait and may go together; nothing where nobody waits.
    fn next(&self) -> Vec<Waiting> {
        let mut line = self.lock();
        let mut together: Vec<Waiting> = Vec::new();
        while together.len() < MOST
            && let Some(next) = line.waiting.pop_front()
        {
            if next.reply.is_closed() {
                continue;
            }
            if !next.ask.may_join(&together) {
                line.waiting.push_front(next);
                break;
            }
            together.push(next);
        }
        together
    }

    async fn call(&self, together: &[Waiting]) -> Result<Vec<Value>, HotStateError> {
        let Some(first) = together.first() else {
            return Ok(Vec::new());
        };
        let keys = self.store.keys();
        let key_count: usize = together.iter().map(|one| one.ask.keys.len()).sum();
        let mut call = ScriptCall::new(&ACCEPT, 4 + key_count);
        call.arg(&keys.jobs)
            .arg(&keys.delayed)
            .arg(&keys.breaker)
            .arg(&keys.epoch);
        for key in together.iter().flat_map(|one| one.ask.keys.iter()) {
            call.arg(key);
        }
        let numbers: Vec<u8> = first
            .ask
            .numbers
            .iter()
            .flat_map(|it| it.to_be_bytes())
            .collect();
        call.arg(&first.ask.now)
            .arg(&keys.challenge_prefix)
            .arg(&keys.phone_sends_prefix)
            .arg(&keys.phone_refusals_prefix)
            .arg(keys.limit(domain::limits::Rule::PrefixDay, ""))
            .arg(&numbers[..]);
        for one in together {
            call.arg(one.ask.keys.len());
            for argument in one.ask.arguments.iter() {
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
        Ok(replies)
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

/// A task that makes calls until nobody waits.
struct Server(Arc<Inner>);

impl Server {
    async fn serve(self) {
        loop {
            let together = self.0.next();
            if together.is_empty() {
                return;
            }
            let answers = self.0.call(&together).await;
            let replies = together.into_iter().map(|one| one.reply);
            // Anyone who has gone away meanwhile does not want to know.
            match answers {
                Ok(answers) => replies.zip(answers).for_each(|(reply, answer)| {
                    drop(reply.send(Ok(answer)));
                }),
                Err(error) => replies.for_each(|reply| drop(reply.send(Err(error.clone())))),
            }
        }
    }
}

impl Drop for Server {
    /// Its place is free, also after a panic. One who came between the last look and this finds it
    /// taken, so it is taken over where somebody waits.
    fn drop(&mut self) {
        let mut line = self.0.lock();
        if line.waiting.is_empty() {
            line.under_way -= 1;
            return;
        }
        drop(line);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(Self(Arc::clone(&self.0)).serve())),
            Err(_) => self.0.lock().under_way -= 1,
        }
    }
}
