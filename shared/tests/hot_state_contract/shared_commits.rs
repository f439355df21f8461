//! In the SQLite file, steps that come together share one commit (`hot_state/sqlite/group_commit.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::challenge::NewChallenge;
use domain::limits::Rule;
use futures::FutureExt as _;
use futures::future::join_all;
use shared::hot_state::{AcceptRequest, Accepted, Admission, HotStateError};
use sqlx::SqliteConnection;

use crate::stage::{Stage, sent};

const PHONE: &str = "+989123456789";

fn challenges<const N: usize>(stage: &Stage) -> [NewChallenge; N] {
    std::array::from_fn(|index| stage.new_challenge(&format!("+98912000{index:04}")))
}

async fn try_to_ask(stage: &Stage, new: &NewChallenge) -> Result<Accepted, HotStateError> {
    let accept = stage.accept(AcceptRequest::New(new));
    stage.hot.accept(&accept, &stage.policy).await
}

async fn is_known(stage: &Stage, new: &NewChallenge) -> bool {
    let found = stage.hot.challenge(new.id).await;
    found.expect("an answer").is_some()
}

/// How many commits there will have been from now on.
async fn count_commits(stage: &Stage) -> Arc<AtomicU32> {
    let commits = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&commits);
    let mut writer = stage.hold_writer().await;
    let handle = writer.lock_handle().await;
    handle.expect("the handle").set_commit_hook(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        true
    });
    commits
}

async fn execute(connection: &mut SqliteConnection, statement: &'static str) {
    let executed = sqlx::query(statement).execute(connection).await;
    executed.expect("executed");
}

#[tokio::test]
async fn requests_that_come_together_share_a_commit() {
    let stage = Stage::sqlite().await;
    let commits = count_commits(&stage).await;

    let challenges: [_; 40] = challenges(&stage);
    for accepted in join_all(challenges.iter().map(|new| stage.ask(new))).await {
        sent(accepted);
    }

    assert_eq!(commits.load(Ordering::Relaxed), 1);
    for challenge in &challenges {
        assert!(is_known(&stage, challenge).await);
    }
}

#[tokio::test]
async fn a_14_the_limit_of_a_number_holds_within_one_commit() {
    let stage = Stage::sqlite().await;
    let challenges: [_; 20] = std::array::from_fn(|_| stage.new_challenge(PHONE));
    let accepted = join_all(challenges.iter().map(|new| stage.ask(new))).await;
    let (granted, refused): (Vec<_>, Vec<_>) = accepted
        .into_iter()
        .partition(|accepted| matches!(accepted, Accepted::Sent(_)));
    assert_eq!(granted.len(), 3, "{granted:?}");
    for accepted in refused {
        let by_its_limit = matches!(
            accepted,
            Accepted::Refused { rule, .. } if rule == Rule::PhoneShort
        );
        assert!(by_its_limit, "{accepted:?}");
    }
}

#[tokio::test]
async fn a_caller_that_stopped_waiting_is_granted_nothing() {
    let stage = Stage::sqlite().await;
    let [gone, stays] = challenges(&stage);
    let writer = stage.hold_writer().await;
    assert!(stage.ask(&gone).now_or_never().is_none(), "it has to wait");
    drop(writer);
    sent(stage.ask(&stays).await);
    assert!(!is_known(&stage, &gone).await);
}

#[tokio::test]
async fn an_error_is_everybodys_leaves_nothing_and_is_over() {
    let stage = Stage::sqlite().await;
    let challenges: [_; 3] = challenges(&stage);
    let full = "CREATE TRIGGER full BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'full'); END";
    execute(&mut *stage.hold_writer().await, full).await;
    let accepted = join_all(challenges.iter().map(|new| try_to_ask(&stage, new))).await;
    for accepted in accepted {
        let away = matches!(accepted, Err(HotStateError::Unavailable(_)));
        assert!(away, "{accepted:?}");
    }
    for challenge in &challenges {
        assert!(!is_known(&stage, challenge).await);
    }
    execute(&mut *stage.hold_writer().await, "DROP TRIGGER full").await;
    sent(stage.ask(&challenges[0]).await);
}

#[tokio::test]
async fn calls_that_are_admitted_together_share_a_commit_and_keep_the_rate() {
    let stage = Stage::sqlite().await;
    let commits = count_commits(&stage).await;
    let admit = || stage.hot.admit_call(100, Duration::from_millis(200));
    let admitted = join_all((0..60).map(|_| admit())).await;
    let mut waits = Vec::new();
    for admission in admitted {
        if let Admission::Go { after } = admission.expect("an answer") {
            waits.push(after);
        }
    }
    assert!(waits.is_sorted(), "each has a place of its own: {waits:?}");
    let last = waits.last().copied().unwrap_or_default();
    assert!(last > Duration::from_millis(190), "{waits:?}");
    assert!(last <= Duration::from_millis(200), "{waits:?}");
    assert!(waits.len() < 60, "some have to ask again");
    assert_eq!(commits.load(Ordering::Relaxed), 1);
}
