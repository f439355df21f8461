//! What the plans of PostgreSQL make of a ledger with a long past.

use harness::eventually;

use crate::stage::{PATIENT, Stage};

/// More than after which PostgreSQL settles on a plan for any argument (`plan_cache_mode`: five).
const CALLS: i64 = 20;

/// Rows of the past, the oldest first, as a table that grew has them.
const PAST: &str = "INSERT INTO sends (challenge_id, send_number, phone, purpose, channel, method, state, \
     attempt, fence, localid, accepted_at, deadline_at, started_at, created_at, updated_at) \
     SELECT decode(md5(n::text), 'hex'), 1, '+989120000000', 'sign_in', 'sms', 'lookup', 'accepted', \
     1, 1, n, at, at, at, at, at FROM generate_series(1, 5000) AS n, \
     LATERAL (SELECT TIMESTAMPTZ '2020-01-01' + n * INTERVAL '1 minute' AS at) AS moment";

const END_OF_OTHERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";

/// How often the ledger was read, and how many rows without an index.
async fn reads(stage: &Stage) -> (i64, i64) {
    let reads =
        "SELECT seq_scan + idx_scan, seq_tup_read FROM pg_stat_user_tables WHERE relname = 'sends'";
    let reads = sqlx::query_as(reads).fetch_one(stage.server()).await;
    reads.expect("figures of the ledger")
}

/// An emptied hot state asks it before it grants anything.
#[tokio::test]
async fn f_06_whether_anything_was_sent_of_late_is_told_without_reading_the_past() {
    let stage = Stage::postgres_of(1, PATIENT).await;
    stage.execute(PAST).await.expect("a past");
    stage.execute("ANALYZE sends").await.expect("figures");
    let before = reads(&stage).await;
    for _ in 0..CALLS {
        let since = stage.clock.now_millis();
        let any = stage.records.has_sends_since(since).await;
        assert!(!any.expect("an answer"));
    }
    // A session that ends hands in what it has counted.
    stage.execute(END_OF_OTHERS).await.expect("ended");
    let after = eventually(PATIENT, async || {
        let after = reads(&stage).await;
        (after.0 - before.0 >= CALLS).then_some(after)
    })
    .await;
    assert_eq!(after.1, before.1);
}
