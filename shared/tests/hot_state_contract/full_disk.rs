//! The disk under the SQLite file is full, or the file is as large as it may be: the same error.

use domain::challenge::NewChallenge;
use futures::future::join_all;
use harness::SmallDisk;
use shared::hot_state::{AcceptRequest, Accepted, HotStateError};
use sqlx::AssertSqlSafe;

use crate::stage::{Stage, sent};

async fn try_to_ask(stage: &Stage, new: &NewChallenge) -> Result<Accepted, HotStateError> {
    let accept = stage.accept(AcceptRequest::New(new));
    stage.hot.accept(&accept, &stage.policy).await
}

/// Asks in bursts, as many do at once, until one is refused; says what was told.
async fn until_refused(stage: &Stage) -> String {
    for burst in 0..500 {
        let new: [_; 20] = std::array::from_fn(|index| {
            stage.new_challenge(&format!("+98912{:07}", burst * 20 + index))
        });
        for accepted in join_all(new.iter().map(|new| try_to_ask(stage, new))).await {
            match accepted {
                Ok(accepted) => drop(sent(accepted)),
                Err(error) => return error.to_string(),
            }
        }
    }
    panic!("10,000 requests fit into a full file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_12_a_full_file_is_an_error_of_the_moment() {
    let stage = Stage::sqlite().await;
    for round in 0..3 {
        let mut writer = stage.hold_writer().await;
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count")
            .fetch_one(&mut *writer)
            .await
            .expect("a count");
        let limit = format!("PRAGMA max_page_count = {}", pages + 4);
        sqlx::query(AssertSqlSafe(limit))
            .execute(&mut *writer)
            .await
            .expect("a limit");
        drop(writer);
        let told = until_refused(&stage).await;
        assert!(told.contains("full"), "{told}");
        // The limit was that of a connection, which is another now.
        let new = stage.new_challenge(&format!("+98913{round:07}"));
        sent(stage.ask(&new).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_12_a_disk_that_is_full_is_refused_before_and_heals_by_itself() {
    let Some(disk) = SmallDisk::mount(16) else {
        return;
    };
    let stage = Stage::sqlite_on(&disk).await;
    let hot = &stage.hot;
    let asks = stage.new_challenge("+989130000000");
    sent(stage.ask(&asks).await);
    let fill = hot
        .measure_room()
        .await
        .expect("an answer")
        .expect("a disk");
    assert!(fill.used < 0.5 && !hot.is_full(), "{fill:?}");

    // Into the reserve: nothing new, and what is there goes on.
    disk.fill_but(3_000);
    hot.measure_room().await.expect("an answer");
    let new = stage.new_challenge("+989130000001");
    let refused = try_to_ask(&stage, &new).await;
    assert!(matches!(refused, Err(HotStateError::Full)), "{refused:?}");
    let challenge = stage.read(asks.id).await;
    assert_eq!(stage.count(&challenge, true).await.as_str(), "right");

    // Somebody else fills the rest, and nobody has looked since there was room.
    disk.empty();
    hot.measure_room().await.expect("an answer");
    disk.fill_but(0);
    let told = until_refused(&stage).await;
    assert!(told.contains("full") || told.contains("I/O"), "{told}");
    for _ in 0..20 {
        let told = until_refused(&stage).await;
        assert!(!told.contains("transaction depth"), "{told}");
    }
    disk.empty();
    hot.measure_room().await.expect("an answer");
    sent(stage.ask(&new).await);
    assert_eq!(
        stage.hot.ping().await.map_err(|error| error.to_string()),
        Ok(())
    );
}
