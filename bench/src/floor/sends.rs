//! A bare loop that sends: for each message one row written, one call of the gateway, the row
//! written again. No queue, no challenge, no batches, no retries, no rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::try_join_all;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::Failure;
use crate::load::phone_of;

/// As many calls at once as a worker makes (`WORKER_CONCURRENCY`).
const AT_ONCE: usize = 256;
/// Enough that rows of many messages share one sync of the disk.
const DATABASE_CONNECTIONS: u32 = 64;

/// Whether the rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WithRecords {
    /// Two single-row statements for each message.
    Yes,
    /// The calls alone.
    No,
}

impl std::fmt::Display for WithRecords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Yes => "two statements and the call",
            Self::No => "the call alone",
        })
    }
}

/// The loop, ready to run.
pub(crate) struct SendLoop {
    http: reqwest::Client,
    pool: PgPool,
    url: String,
    next: AtomicU64,
}

impl SendLoop {
    /// Makes its table in this database.
    pub(crate) async fn prepare(database_url: &str, gateway_url: &str) -> Result<Self, Failure> {
        let pool = PgPoolOptions::new()
            .min_connections(DATABASE_CONNECTIONS)
            .max_connections(DATABASE_CONNECTIONS)
            .acquire_timeout(Duration::from_mins(1))
            .connect(database_url)
            .await?;
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS floor_sends (
                id BIGINT PRIMARY KEY,
                phone TEXT NOT NULL,
                state TEXT NOT NULL,
                messageid BIGINT,
                started_at TIMESTAMPTZ NOT NULL,
                finished_at TIMESTAMPTZ
            )",
        )
        .execute(&pool)
        .await?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self {
            http,
            pool,
            url: format!("{gateway_url}/v1/AB12/verify/lookup.json"),
            next: AtomicU64::new(0),
        })
    }

    /// Sends so many messages.
    pub(crate) async fn run(
        self: &Arc<Self>,
        messages: u64,
        records: WithRecords,
    ) -> Result<(), Failure> {
        let first = self.next.load(Ordering::Relaxed);
        let end = first + messages;
        let tasks = (0..AT_ONCE).map(|_| {
            let this = Arc::clone(self);
            async move {
                let task = tokio::spawn(async move {
                    loop {
                        let index = this.next.fetch_add(1, Ordering::Relaxed);
                        if index >= end {
                            return Ok::<_, Failure>(());
                        }
                        this.send(index, records).await?;
                    }
                });
                task.await?
            }
        });
        try_join_all(tasks).await?;
        Ok(())
    }

    async fn send(&self, index: u64, records: WithRecords) -> Result<(), Failure> {
        let id = i64::try_from(index)?;
        let phone = phone_of(index);
        if records == WithRecords::Yes {
            sqlx::query(
                "INSERT INTO floor_sends (id, phone, state, started_at)
                VALUES ($1, $2, 'sending', now())",
            )
            .bind(id)
            .bind(&phone)
            .execute(&self.pool)
            .await?;
        }
        let receptor = phone.replacen("+98", "0", 1);
        let token = format!("{:06}", index % 1_000_000);
        let form = [
            ("receptor", receptor.as_str()),
            ("token", &token),
            ("template", "ramz-otp"),
        ];
        let answer = self.http.post(&self.url).form(&form).send().await?;
        let answer: Value = answer.error_for_status()?.json().await?;
        let messageid = answer["entries"][0]["messageid"].as_i64();
        let messageid = messageid.ok_or("the gateway gave no messageid")?;
        if records == WithRecords::Yes {
            sqlx::query(
                "UPDATE floor_sends SET state = 'accepted', messageid = $2, finished_at = now()
                WHERE id = $1",
            )
            .bind(id)
            .bind(messageid)
            .execute(&self.pool)
            .await?;
        }
        Ok(())
    }
}
