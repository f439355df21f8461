//! Dead letters in their stream.

use std::collections::HashMap;
use std::sync::LazyLock;

use redis::{AsyncCommands as _, Script};

use super::RedisFeed;
use crate::queue::dead::DeadLetter;
use crate::queue::feed::QueueError;
use crate::queue::job::Job;

static REVIVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("revive.lua")));

type StreamEntry = (String, HashMap<String, String>);

impl RedisFeed {
    pub(in crate::queue) async fn dead_letters(
        &self,
        before: Option<&str>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, QueueError> {
        let end = match before {
            Some(id) if !is_id(id) => return Ok(Vec::new()),
            Some(id) => format!("({id}"),
            None => "+".to_owned(),
        };
        self.dead_between(&end, "-", limit).await
    }

    pub(in crate::queue) async fn dead_letter(
        &self,
        id: &str,
    ) -> Result<Option<DeadLetter>, QueueError> {
        if !is_id(id) {
            return Ok(None);
        }
        Ok(self.dead_between(id, id, 1).await?.pop())
    }

    async fn dead_between(
        &self,
        end: &str,
        start: &str,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, QueueError> {
        let found: Vec<StreamEntry> = redis::cmd("XREVRANGE")
            .arg(&self.store.keys().dead)
            .arg(end)
            .arg(start)
            .arg("COUNT")
            .arg(limit)
            .query_async(&mut self.store.connection())
            .await
            .map_err(|error| self.unavailable(&error))?;
        Ok(found.into_iter().map(read).collect())
    }

    pub(in crate::queue) async fn revive(&self, id: &str) -> Result<bool, QueueError> {
        if !is_id(id) {
            return Ok(false);
        }
        let keys = self.store.keys();
        REVIVE
            .key(&keys.dead)
            .key(&keys.delayed)
            .arg(id)
            .arg(self.now())
            .invoke_async(&mut self.store.connection())
            .await
            .map_err(|error| self.unavailable(&error))
    }

    pub(in crate::queue) async fn drop_dead_letter(&self, id: &str) -> Result<bool, QueueError> {
        if !is_id(id) {
            return Ok(false);
        }
        let removed: u64 = self
            .store
            .connection()
            .xdel(&self.store.keys().dead, &[id])
            .await
            .map_err(|error| self.unavailable(&error))?;
        Ok(removed > 0)
    }
}

/// Two numbers, as the stream gives them out; what comes from outside may be anything.
fn is_id(text: &str) -> bool {
    let is_number = |part: &str| {
        part.parse::<u64>()
            .is_ok_and(|number| number.to_string() == part)
    };
    text.split_once('-')
        .is_some_and(|(millis, more)| is_number(millis) && is_number(more))
}

fn read((id, fields): StreamEntry) -> DeadLetter {
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    DeadLetter {
        job: Job::decode(field("j")),
        attempts: field("a").parse().unwrap_or_default(),
        reason: field("why").to_owned(),
        died_at: field("at").parse().unwrap_or_default(),
        id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_stream_is_two_numbers_and_nothing_else() {
        for id in [
            "1763700000000-0",
            "18446744073709551615-18446744073709551615",
        ] {
            assert!(is_id(id), "{id}");
        }
        for id in [
            "",
            "-",
            "+",
            "1",
            "1-",
            "-1",
            "1-2-3",
            "(1-0",
            "01-0",
            "1-0 ",
            "1-18446744073709551616",
        ] {
            assert!(!is_id(id), "{id}");
        }
    }
}
