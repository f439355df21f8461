//! Attempts with session ids that come at the same time are counted by one call of `count_by_session.lua`.

use std::sync::LazyLock;

use domain::challenge::{Challenge, ChallengeId};
use domain::client_address::ClientAddress;
use domain::clock::Clock;
use domain::root::{MAX_ROOT_MILLIS, RootId, Salt};
use redis::{FromRedisValue as _, Script, Value};

use super::limits::counting_script;
use super::{in_the_way, now_argument, unavailable, verdict_of};
use crate::hot_state::REPEATED_FOR_MILLIS;
use crate::hot_state::limits::proven_from;
use crate::hot_state::model::{HotStateError, Verdict};
use crate::redis_script::ScriptCall;
use crate::redis_store::{Keys, RedisStore};
use crate::together::{Answer, Service, Waiting};

static COUNT_BY_SESSION: LazyLock<Script> =
    LazyLock::new(|| counting_script(include_str!("count_by_session.lua")));

/// One attempt, compared already.
pub(super) struct SessionAttempt {
    /// The time, or nothing for that of Redis.
    now: String,
    allowed: u32,
    challenge: ChallengeId,
    root: RootId,
    salt: Salt,
    right: bool,
    /// Where a right code proves its number.
    proven: Vec<String>,
}

impl SessionAttempt {
    pub(super) fn new(
        clock: &Clock,
        keys: &Keys,
        allowed: u32,
        challenge: &Challenge,
        right: bool,
        caller: Option<ClientAddress>,
    ) -> Self {
        let places = caller.filter(|_| right).map(proven_from);
        Self {
            now: now_argument(clock),
            allowed,
            challenge: challenge.id,
            root: challenge.root.id,
            salt: challenge.root.salt.clone(),
            right,
            proven: places
                .iter()
                .flatten()
                .map(|place| keys.proven(place))
                .collect(),
        }
    }
}

/// Counts them.
pub(super) struct CountSessionAttempts(pub(super) RedisStore);

impl Service for CountSessionAttempts {
    type Input = SessionAttempt;
    type Output = Verdict;
    type Error = HotStateError;

    const MOST: usize = 16;
    const UNDER_WAY: usize = 2;

    fn may_join(one: &SessionAttempt, others: &[Waiting<Self>]) -> bool {
        let same = |first: &Waiting<Self>| {
            (&first.input.now, first.input.allowed) == (&one.now, one.allowed)
        };
        others.first().is_none_or(same)
    }

    async fn serve(&self, together: &[Waiting<Self>]) -> Result<Vec<Answer<Self>>, HotStateError> {
        let Some(first) = together.first() else {
            return Ok(Vec::new());
        };
        let keys = self.0.keys();
        let key_count = together.iter().map(|one| 3 + one.input.proven.len()).sum();
        let mut call = ScriptCall::new(&COUNT_BY_SESSION, key_count);
        for Waiting { input, .. } in together {
            let (challenge, root) = (input.challenge, input.root);
            call.arg(format!("{}{root}", keys.challenge_prefix))
                .arg(format!("{}{challenge}", keys.joined_prefix))
                .arg(format!("{}{challenge}", keys.challenge_prefix))
                .arg(&input.proven);
        }
        call.arg(&first.input.now)
            .arg(first.input.allowed)
            .arg(MAX_ROOT_MILLIS)
            .arg(REPEATED_FOR_MILLIS);
        for Waiting { input, .. } in together {
            call.arg(3 + input.proven.len())
                .arg(input.challenge.to_string())
                .arg(input.root.to_string())
                .arg(&input.salt.as_bytes()[..])
                .arg(u8::from(input.right));
        }
        let replies: Vec<Value> = call
            .run(&mut self.0.connection())
            .await
            .map_err(unavailable)?;
        let roots = together.iter().map(|one| one.input.root);
        Ok(roots
            .zip(replies)
            .map(|(root, reply)| read(root, reply))
            .collect())
    }
}

fn read(root: RootId, reply: Value) -> Result<Verdict, HotStateError> {
    if let Value::BulkString(why) = reply {
        return Err(in_the_way(&why));
    }
    let told = <(String, u32)>::from_redis_value(reply);
    let (verdict, attempts_left) = told.map_err(|_| HotStateError::Corrupt("a verdict"))?;
    verdict_of(&verdict, attempts_left, Some(root))
}
