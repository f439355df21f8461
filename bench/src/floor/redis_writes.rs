//! One script with two writes: a record that expires, and a job.

use std::sync::LazyLock;

use redis::Script;
use redis::aio::ConnectionManager;

use crate::Failure;

static WRITE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('SET', KEYS[1], ARGV[1], 'PX', 120000)
        redis.call('LPUSH', KEYS[2], ARGV[2])
        return 1",
    )
});

pub(super) struct RedisWrites(ConnectionManager);

impl RedisWrites {
    pub(super) async fn connect(url: &str) -> Result<Self, Failure> {
        let client = redis::Client::open(url)?;
        Ok(Self(client.get_connection_manager().await?))
    }

    pub(super) async fn write(&self, id: &str, phone: &str) -> Result<(), Failure> {
        let job = format!(r#"{{"id":"{id}","phone":"{phone}"}}"#);
        WRITE
            .key(format!("{{floor}}:c:{id}"))
            .key("{floor}:jobs")
            .arg(phone)
            .arg(job)
            .invoke_async::<()>(&mut self.0.clone())
            .await?;
        Ok(())
    }
}
