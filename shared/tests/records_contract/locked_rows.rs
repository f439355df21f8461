//! A row that somebody keeps locked in PostgreSQL stops those who want that row, and nobody else.

use std::sync::Arc;
use std::time::Duration;

use domain::phone::PhoneNumber;
use domain::tokens::RefreshToken;
use harness::eventually;
use shared::records::{ProfileChange, RecordsError, SessionEnd};
use sqlx::{Postgres, Transaction};
use tokio::task::JoinSet;
use tokio::time::timeout;
use uuid::Uuid;

use crate::family::{Kind, kind, refresh};
use crate::stage::{PATIENT, Stage, phone};

/// More than there are connections.
const CALLS: usize = 40;
/// Waiting for the lock would take longer, by far.
const NOT_WAITING: Duration = Duration::from_secs(30);

/// What a user's calls do to the row of that user.
#[derive(Clone, Copy)]
enum Call {
    SignIn,
    Profile,
    EndSessions,
}

impl Call {
    async fn make(
        self,
        stage: &Stage,
        user: Uuid,
        phone: &PhoneNumber,
    ) -> Result<(), RecordsError> {
        let (records, now) = (&stage.records, stage.now());
        match self {
            Self::SignIn => records.sign_in(&stage.sign_in(phone)).await.map(drop),
            Self::Profile => {
                let change = ProfileChange {
                    first_name: Some("Sara".to_owned()),
                    ..ProfileChange::default()
                };
                records.update_profile(user, &change, now).await.map(drop)
            }
            Self::EndSessions => {
                let keep = Uuid::from_u128(1);
                let ended = records.end_other_sessions(user, keep, SessionEnd::FromList, now);
                ended.await.map(drop)
            }
        }
    }
}

/// Keeps the rows of these users, and of their sessions, locked until it is dropped.
async fn locked<'a>(stage: &'a Stage, users: &[Uuid]) -> Transaction<'a, Postgres> {
    let mut transaction = stage.server().begin().await.expect("a transaction");
    for table in [
        "SELECT id FROM users WHERE id = ANY($1) FOR UPDATE",
        "SELECT id FROM sessions WHERE user_id = ANY($1) FOR UPDATE",
    ] {
        sqlx::query(table)
            .bind(users)
            .execute(&mut *transaction)
            .await
            .expect("locked");
    }
    transaction
}

async fn signed_in(stage: &Stage, number: u32) -> Uuid {
    stage.signed_in(&phone(number)).await.0.id
}

/// How many statements wait in the server for a lock.
async fn waiting(stage: &Stage) -> i64 {
    sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    .fetch_one(stage.server())
    .await
    .expect("a count")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_takes_one_connection_of_those_who_want_it() {
    let stage = Arc::new(Stage::postgres_of(10, PATIENT).await);
    let owner = signed_in(&stage, 1).await;
    let mut tokens: Vec<RefreshToken> = Vec::new();
    for number in 2..6 {
        tokens.push(stage.family(number).await.first);
    }
    let lock = locked(&stage, &[owner]).await;

    for calls in [
        [Call::SignIn; 1].as_slice(),
        &[Call::Profile],
        &[Call::Profile, Call::SignIn, Call::EndSessions],
    ] {
        let mut wanting = JoinSet::new();
        for call in calls.iter().copied().cycle().take(CALLS) {
            let stage = Arc::clone(&stage);
            wanting.spawn(async move { call.make(&stage, owner, &phone(1)).await });
        }
        eventually(PATIENT, async || (waiting(&stage).await > 0).then_some(())).await;

        let others = async {
            for number in 10..22 {
                let other = signed_in(&stage, number).await;
                let change = Call::Profile.make(&stage, other, &phone(number)).await;
                change.expect("changed");
            }
            for token in &mut tokens {
                *token = stage.rotate(token).await;
            }
        };
        timeout(NOT_WAITING, others).await.expect("others go on");
        // One by the id and one by the number.
        let most = i64::try_from(calls.len().min(2)).expect("few");
        assert!(waiting(&stage).await <= most);
        assert!(!wanting.is_empty());
        assert!(wanting.try_join_next().is_none(), "the lock is kept");
        wanting.abort_all();
        while wanting.join_next().await.is_some() {}
        stage.end_waiting().await;
    }
    drop(lock);
    Call::Profile
        .make(&stage, owner, &phone(1))
        .await
        .expect("the row is free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_locked_rows_of_one_kind_of_work_leave_connections_to_the_others() {
    let stage = Arc::new(Stage::postgres_of(10, PATIENT).await);
    let mut users = Vec::new();
    for number in 1..=20 {
        users.push(signed_in(&stage, number).await);
    }
    let mut token = stage.family(30).await.first;
    let lock = locked(&stage, &users).await;
    let mut wanting = JoinSet::new();
    for (user, number) in users.iter().copied().zip(1..) {
        let stage = Arc::clone(&stage);
        wanting.spawn(async move { Call::Profile.make(&stage, user, &phone(number)).await });
    }
    eventually(PATIENT, async || (waiting(&stage).await == 7).then_some(())).await;

    let others = async {
        signed_in(&stage, 31).await;
        let found = stage.records.find_user_by_phone(&phone(1)).await;
        assert!(found.expect("an answer").is_some());
        for _ in 0..3 {
            token = stage.rotate(&token).await;
        }
    };
    timeout(NOT_WAITING, others).await.expect("others go on");
    drop(lock);
    for changed in wanting.join_all().await {
        changed.expect("changed when the rows were free");
    }
}

/// A lock outlasts the call: the answer is "unavailable" in time, and neither the connection nor the server
/// goes on waiting.
async fn is_given_up(stage: Stage) {
    let stage = stage.patient().await;
    let owner = signed_in(&stage, 1).await;
    let token = stage.family(2).await;
    let lock = locked(&stage, &[owner, token.user]).await;
    for call in [Call::SignIn, Call::Profile, Call::EndSessions] {
        // A busy machine may need the whole time for the way to the lock.
        eventually(PATIENT, async || {
            let refused = call.make(&stage, owner, &phone(1)).await;
            let Err(error @ RecordsError::Unavailable(_)) = refused else {
                panic!("{refused:?}");
            };
            error.to_string().contains("lock timeout").then_some(())
        })
        .await;
    }
    let refused = stage.records.refresh(&refresh(&stage, &token.first)).await;
    assert!(
        matches!(refused, Err(RecordsError::Unavailable(_))),
        "{refused:?}"
    );
    eventually(PATIENT, async || (waiting(&stage).await == 0).then_some(())).await;

    lock.rollback().await.expect("free");
    eventually(PATIENT, async || {
        let renewed = stage.records.refresh(&refresh(&stage, &token.first)).await;
        renewed
            .ok()
            .map(|renewed| assert_eq!(kind(&renewed), Kind::Rotated))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_outlasts_the_call_is_given_up_by_the_server_too() {
    is_given_up(Stage::postgres_of(10, Duration::from_millis(800)).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_that_outlasts_the_call_is_given_up_behind_a_pooler() {
    is_given_up(Stage::pooled_with(Duration::from_millis(800)).await).await;
}

/// Anyone who hangs up leaves a statement behind that goes on waiting; it must not cost one more connection each
/// time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_given_up_take_no_more_connections_than_others() {
    let stage = Stage::postgres_of(10, Duration::from_millis(800)).await;
    let stage = stage.patient().await;
    let owner = signed_in(&stage, 1).await;
    let lock = locked(&stage, &[owner]).await;
    let mut most = 0;
    for _ in 0..40 {
        let number = phone(1);
        let call = Call::Profile.make(&stage, owner, &number);
        let given_up = timeout(Duration::from_millis(25), call).await;
        assert!(!matches!(given_up, Ok(Ok(()))), "the row is locked");
        most = most.max(waiting(&stage).await);
    }
    // The one before may still be on its way out.
    assert!((1..=2).contains(&most), "{most}");
    drop(lock);
}

/// Those who try again and again are not in their own way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_goes_away_in_the_line_for_a_row_is_not_signed_in_later() {
    let stage = Arc::new(Stage::postgres_of(10, PATIENT).await);
    let owner = signed_in(&stage, 1).await;
    let uses = async || {
        let count = sqlx::query_scalar("SELECT COUNT(*) FROM challenge_uses");
        let count: i64 = count.fetch_one(stage.server()).await.expect("a count");
        count
    };
    let before = uses().await;
    let lock = locked(&stage, &[owner]).await;
    let mut trying = JoinSet::new();
    for _ in 0..6 {
        let stage = Arc::clone(&stage);
        trying.spawn(async move { Call::SignIn.make(&stage, owner, &phone(1)).await });
    }
    // Longer than others wait for those who are stuck, so that all stand in the line.
    let stuck = timeout(Duration::from_millis(500), trying.join_next()).await;
    assert!(stuck.is_err(), "the row is locked");
    trying.shutdown().await;
    drop(lock);
    let last = Call::SignIn.make(&stage, owner, &phone(1)).await;
    last.expect("signed in");
    // The one that was in the server already may have come through.
    let uses = uses().await - before;
    assert!((1..=2).contains(&uses), "{uses}");
}

impl Stage {
    /// The same for calls that may take as long as they need, whose connections wait for a lock as shortly as
    /// before; one of them is open.
    async fn patient(mut self) -> Self {
        self.records = self.records.with_time_limit(PATIENT);
        eventually(PATIENT, async || self.records.ping().await.ok()).await;
        self
    }

    /// Ends what waits in the server for a lock on behalf of nobody.
    async fn end_waiting(&self) {
        eventually(PATIENT, async || {
            sqlx::query(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .execute(self.server())
            .await
            .expect("cancelled");
            (waiting(self).await == 0).then_some(())
        })
        .await;
    }
}
