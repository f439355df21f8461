//! Challenges that are looked for at the same time are found by one call of `challenge.lua`.

use std::sync::LazyLock;

use domain::challenge::{Challenge, ChallengeId};
use domain::root::RootId;
use redis::{FromRedisValue as _, Script, Value};

use super::{in_the_way, record, unavailable};
use crate::hot_state::model::HotStateError;
use crate::redis_script::ScriptCall;
use crate::redis_store::RedisStore;
use crate::together::{Answer, Service, Waiting};

static CHALLENGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("challenge.lua")));

/// A challenge that is looked for, on this root or on the one that it is on.
pub(super) struct WantedChallenge {
    pub(super) id: ChallengeId,
    pub(super) root: Option<RootId>,
}

/// Finds them.
pub(super) struct FindChallenges(pub(super) RedisStore);

impl Service for FindChallenges {
    type Input = WantedChallenge;
    type Output = Option<Challenge>;
    type Error = HotStateError;

    const MOST: usize = 16;
    const UNDER_WAY: usize = 2;

    async fn serve(&self, together: &[Waiting<Self>]) -> Result<Vec<Answer<Self>>, HotStateError> {
        let keys = self.0.keys();
        let mut call = ScriptCall::new(&CHALLENGE, 2 * together.len());
        for Waiting { input, .. } in together {
            call.arg(format!("{}{}", keys.joined_prefix, input.id))
                .arg(format!("{}{}", keys.challenge_prefix, input.id));
        }
        call.arg(&keys.challenge_prefix)
            .arg(record::CHALLENGE_FIELDS.len())
            .arg(&record::CHALLENGE_FIELDS)
            .arg(record::ROOT_FIELDS.len())
            .arg(&record::ROOT_FIELDS);
        for Waiting { input, .. } in together {
            let root = input.root.map(|root| root.to_string());
            call.arg(input.id.to_string()).arg(root.unwrap_or_default());
        }
        let replies: Vec<Value> = call
            .run(&mut self.0.connection())
            .await
            .map_err(unavailable)?;
        let wanted = together.iter().map(|one| one.input.id);
        Ok(wanted
            .zip(replies)
            .map(|(id, reply)| read(id, reply))
            .collect())
    }
}

fn read(id: ChallengeId, reply: Value) -> Result<Option<Challenge>, HotStateError> {
    match reply {
        Value::Nil => Ok(None),
        Value::BulkString(why) => Err(in_the_way(&why)),
        found => {
            let unreadable = || HotStateError::Corrupt("the fields of a challenge");
            let found = record::Fields::from_redis_value(found).map_err(|_| unreadable())?;
            let (own, rest) = found
                .split_at_checked(record::CHALLENGE_FIELDS.len())
                .ok_or_else(unreadable)?;
            let (root, of_root) = rest.split_last().ok_or_else(unreadable)?;
            let root = root.as_deref().and_then(|id| std::str::from_utf8(id).ok());
            record::read_challenge(id, own, root.unwrap_or_default(), of_root).map(Some)
        }
    }
}
