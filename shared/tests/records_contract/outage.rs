//! A PostgreSQL that dies, hangs or was never there: an answer in time, and recovery by itself.

use std::time::{Duration, Instant};

use harness::{PostgresServer, Relay, eventually};
use shared::records::{Begun, Finished, LedgerWriter, PoolSettings, Records, RecordsError};

use crate::stage::{PATIENT, Stage, accepted, finish, phone};

/// What the API has for a whole answer is a second.
const SECOND: Duration = Duration::from_secs(1);
/// What a busy machine may add to a time limit before a test calls it broken.
const SLACK: Duration = Duration::from_secs(4);

fn limit() -> Duration {
    PoolSettings::default().time_limit
}

async fn assert_unavailable_in_time(stage: &Stage) {
    for _ in 0..8 {
        let begun = Instant::now();
        let outcome = stage.records.sign_in(&stage.sign_in(&phone(9))).await;
        assert!(
            matches!(outcome, Err(RecordsError::Unavailable(_))),
            "{outcome:?}"
        );
        let taken = begun.elapsed();
        assert!(taken < limit() + SLACK, "{taken:?}");
    }
    let writer = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    let outcome = writer.begin(stage.begin(1)).await;
    assert!(
        matches!(outcome, Err(RecordsError::Unavailable(_))),
        "{outcome:?}"
    );
    let pending = stage.records.pending_migrations().await;
    assert!(matches!(pending, Err(RecordsError::Unavailable(_))));
}

async fn assert_recovery(stage: &Stage) {
    eventually(PATIENT, async || stage.records.ping().await.ok()).await;
    eventually(PATIENT, async || {
        stage.records.sign_in(&stage.sign_in(&phone(9))).await.ok()
    })
    .await;
}

#[test]
fn the_default_time_limit_leaves_room_for_an_answer_within_a_second() {
    assert!(limit() + Duration::from_millis(100) < SECOND);
}

#[tokio::test]
async fn f_04_a_killed_postgres_is_unavailable_in_time_and_comes_back_with_its_rows() {
    let mut server = PostgresServer::start().await;
    let stage = Stage::on_server(&server, limit()).await;
    let writer = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    let begin = stage.begin(1);
    writer.begin(begin.clone()).await.expect("begun");

    server.kill();
    assert_unavailable_in_time(&stage).await;
    let end = finish(&begin, 1, accepted(1));
    let lost = writer.finish(end.clone()).await;
    assert!(
        matches!(lost, Err(RecordsError::Unavailable(_))),
        "{lost:?}"
    );

    server.restart().await;
    assert_recovery(&stage).await;
    let finished = eventually(PATIENT, async || writer.finish(end.clone()).await.ok()).await;
    assert_eq!(finished, Finished::Recorded);
    assert!(matches!(writer.begin(begin).await, Ok(Begun::Ended(_))));
}

#[tokio::test]
async fn f_07_a_postgres_that_hangs_is_unavailable_in_time_and_comes_back() {
    let mut server = PostgresServer::start_without_fsync().await;
    let stage = Stage::on_server(&server, limit()).await;
    stage.records.ping().await.expect("an answer");

    server.pause();
    assert_unavailable_in_time(&stage).await;

    server.resume();
    assert_recovery(&stage).await;
}

#[tokio::test]
async fn an_error_never_shows_the_url_of_the_database() {
    let nobody = format!(
        "postgres://ramz:s3cret@127.0.0.1:{}/ramz",
        harness::free_port()
    );
    let records = Records::connect(&nobody, PoolSettings::default())
        .await
        .expect("PostgreSQL need not be up");
    let error = records.ping().await.expect_err("nobody there");
    assert!(matches!(error, RecordsError::Unavailable(_)), "{error:?}");
    assert!(
        !format!("{error:?} {error}").contains("s3cret"),
        "{error:?}"
    );

    for wrong in [
        "mysql://ramz:s3cret@127.0.0.1/ramz",
        "postgres://ramz:s3cret@127.0.0.1:x/ramz",
    ] {
        let error = Records::connect(wrong, PoolSettings::default())
            .await
            .expect_err("not a URL of ours");
        assert!(matches!(error, RecordsError::Url(_)), "{error:?}");
        assert!(
            !format!("{error:?} {error}").contains("s3cret"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_sqlite_file_is_opened_by_its_url() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = format!("sqlite://{}", directory.path().join("ramz.db").display());
    let records = Records::connect(&url, PoolSettings::default())
        .await
        .expect("a file");
    let pending = records.pending_migrations().await.expect("an answer");
    assert_eq!(
        pending.first().map(ToString::to_string).as_deref(),
        Some("0001_accounts")
    );
}

/// From the change of the address to the first write that is taken.
const HEALED_WITHIN: Duration = Duration::from_secs(10);

/// What the old primary lives on as, behind an address that leads to another by now.
#[derive(Clone, Copy, Debug)]
enum Old {
    /// It was restarted as a standby, and connections were made to it since.
    Standby,
    /// It takes no writes any more, and has said so to nobody.
    ReadOnly,
    /// It hangs.
    Stopped,
}

async fn is_left_for_the_new_primary(old: Old) {
    let mut first = PostgresServer::start_without_fsync().await;
    let relay = Relay::start(first.address()).await;
    let stage = Stage::behind(&first, &relay, limit()).await;
    let second = first.start_standby().await;
    for number in 1..=6 {
        let sign_in = stage.sign_in(&phone(number));
        stage.records.sign_in(&sign_in).await.expect("a session");
    }

    match old {
        Old::Standby => {
            first.stop().await;
            second.promote().await;
            first.restart_as_standby_of(&second).await;
            // It answers questions, and refuses writes.
            let outcome = stage.records.sign_in(&stage.sign_in(&phone(7))).await;
            assert!(
                matches!(outcome, Err(RecordsError::Unavailable(_))),
                "{outcome:?}"
            );
            // A connection of before may tell first that it was ended.
            eventually(Duration::from_secs(10), async || {
                let ping = stage.records.ping().await.expect_err("a standby");
                ping.explained().contains("standby").then_some(())
            })
            .await;
        }
        Old::ReadOnly => {
            second.promote().await;
            first.close_for_writes().await;
        }
        Old::Stopped => {
            second.promote().await;
            first.pause();
        }
    }
    relay.lead_to(second.address());
    let changed = Instant::now();
    for number in 8..=20 {
        eventually(PATIENT, async || {
            stage.records.ping().await.ok()?;
            let sign_in = stage.sign_in(&phone(number));
            stage.records.sign_in(&sign_in).await.ok()
        })
        .await;
    }
    let took = changed.elapsed();
    assert!(took < HEALED_WITHIN, "{old:?}: {took:?}");
    if matches!(old, Old::Stopped) {
        first.resume();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_is_left_for_the_new_primary() {
    is_left_for_the_new_primary(Old::Standby).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_was_closed_for_writes_is_left_for_the_new_one() {
    is_left_for_the_new_primary(Old::ReadOnly).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_hangs_is_left_for_the_new_one() {
    is_left_for_the_new_primary(Old::Stopped).await;
}
