//! A sign-in is one statement to PostgreSQL, and ends as the transaction does that it stands for: each line of what
//! can come in between, with the other one committing and giving up.

use std::sync::Arc;
use std::time::Duration;

use harness::eventually;
use shared::records::{RecordsError, SignIn, SignInOutcome, User};
use sqlx::{AssertSqlSafe, Postgres, Transaction};
use tokio::task::JoinSet;

use crate::round_trips::RoundTrips;
use crate::stage::{PATIENT, Stage, phone};

const CLIENTS: usize = 32;

/// Another transaction that has done this and is not at its end.
async fn another(stage: &Stage, statement: String) -> Transaction<'static, Postgres> {
    let mut other = stage.server().begin().await.expect("a transaction");
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut *other)
        .await
        .expect("done");
    other
}

/// Begins a sign-in beside another transaction, and ends that when the sign-in waits for it.
async fn beside(
    stage: &Arc<Stage>,
    other: Transaction<'static, Postgres>,
    commits: bool,
    sign_in: SignIn,
) -> Result<SignInOutcome, RecordsError> {
    let signing_in = {
        let stage = Arc::clone(stage);
        tokio::spawn(async move { stage.records.sign_in(&sign_in).await })
    };
    let waiting =
        "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually(PATIENT, async || {
        (stage.count(waiting).await > 0).then_some(())
    })
    .await;
    if commits {
        other.commit().await.expect("committed");
    } else {
        other.rollback().await.expect("given up");
    }
    signing_in.await.expect("no panic")
}

fn signed_in(outcome: Result<SignInOutcome, RecordsError>) -> (User, bool) {
    match outcome {
        Ok(SignInOutcome::SignedIn { user, is_new }) => (user, is_new),
        other => panic!("not signed in: {other:?}"),
    }
}

fn insert_user(stage: &Stage, phone: Option<&str>, username: &str) -> String {
    let id = stage.random.uuid_v7(stage.now().timestamp_millis());
    let phone = phone.map_or("NULL".to_owned(), |phone| format!("'{phone}'"));
    format!(
        "INSERT INTO users (id, phone, username, created_at, updated_at) \
         VALUES ('{id}', {phone}, '{username}', now(), now())"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_used_at_this_moment_acts_once() {
    let stage = Arc::new(Stage::postgres().await);
    for (number, commits) in [(1, true), (2, false), (3, true), (4, false)] {
        // Of users that are new, and of such that are not.
        if number > 2 {
            stage.signed_in(&phone(number)).await;
        }
        let sign_in = stage.sign_in(&phone(number));
        let root = stage.blob(sign_in.root.as_bytes());
        let used = format!("INSERT INTO challenge_uses VALUES ({root}, 'sign_in', now())");
        let other = another(&stage, used).await;
        let sessions = stage.count("sessions").await;
        let outcome = beside(&stage, other, commits, sign_in).await;
        if commits {
            assert_eq!(outcome.expect("an answer"), SignInOutcome::CodeUsed);
            assert_eq!(stage.count("sessions").await, sessions, "{number}");
        } else {
            let (_, is_new) = signed_in(outcome);
            assert_eq!(is_new, number == 2);
            assert_eq!(stage.count("sessions").await, sessions + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_number_whose_user_is_created_at_this_moment_has_one_user() {
    let stage = Arc::new(Stage::postgres().await);
    for (number, commits) in [(1, true), (2, false)] {
        let phone = phone(number);
        let user = insert_user(&stage, Some(phone.as_e164()), phone.digits());
        let other = another(&stage, user).await;
        let sign_in = stage.sign_in(&phone);
        let new_user = sign_in.new_user_id;
        let (user, is_new) = signed_in(beside(&stage, other, commits, sign_in).await);
        assert_eq!((is_new, user.id == new_user), (!commits, !commits));
        assert_eq!(user.username, phone.digits());
        assert_eq!(user.phone_verified_at, Some(stage.now()));
        let rows = format!("users WHERE phone = '{}'", phone.as_e164());
        assert_eq!(stage.count(&rows).await, 1);
        assert_eq!(stage.live(user.id).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_name_that_is_taken_at_this_moment_keeps_nobody_out() {
    let stage = Arc::new(Stage::postgres().await);
    for (number, commits) in [(1, true), (2, false)] {
        let phone = phone(number);
        let other = another(&stage, insert_user(&stage, None, phone.digits())).await;
        let sign_in = stage.sign_in(&phone);
        let (user, is_new) = signed_in(beside(&stage, other, commits, sign_in).await);
        assert!(is_new);
        let own_name = user.username == phone.digits();
        assert_eq!(own_name, !commits, "{}", user.username);
        assert_eq!(stage.live(user.id).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_blocked_at_this_moment_is_kept_out_and_the_code_stays_unused() {
    let stage = Arc::new(Stage::postgres().await);
    for (number, commits) in [(1, true), (2, false)] {
        let (user, _) = stage.signed_in(&phone(number)).await;
        let block = format!(
            "UPDATE users SET blocked_at = now() WHERE id = '{}'",
            user.id
        );
        let other = another(&stage, block).await;
        let sign_in = stage.sign_in(&phone(number));
        let root = sign_in.root;
        let outcome = beside(&stage, other, commits, sign_in).await;
        let used = stage.records.root_used(root).await.expect("an answer");
        assert_eq!(used, !commits);
        if commits {
            assert_eq!(outcome.expect("an answer"), SignInOutcome::Blocked);
            assert_eq!(stage.live(user.id).await.len(), 1);
        } else {
            assert!(!signed_in(outcome).1);
            assert_eq!(stage.live(user.id).await.len(), 2);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_let_in_again_at_this_moment_is_let_in() {
    let stage = Arc::new(Stage::postgres().await);
    for (number, commits) in [(1, true), (2, false)] {
        let (user, _) = stage.signed_in(&phone(number)).await;
        let blocked = stage.records.set_blocked(user.id, true, stage.now());
        blocked.await.expect("blocked");
        let open = format!(
            "UPDATE users SET blocked_at = NULL WHERE id = '{}'",
            user.id
        );
        let other = another(&stage, open).await;
        let sign_in = stage.sign_in(&phone(number));
        let root = sign_in.root;
        let stage_of_call = Arc::clone(&stage);
        // The old row is seen, by which they are kept out: who is first is not to be said here.
        let outcome = tokio::spawn(async move { stage_of_call.records.sign_in(&sign_in).await });
        if commits {
            other.commit().await.expect("committed");
        } else {
            other.rollback().await.expect("given up");
        }
        let outcome = outcome.await.expect("no panic").expect("an answer");
        let used = stage.records.root_used(root).await.expect("an answer");
        match outcome {
            SignInOutcome::SignedIn { is_new, .. } => assert!(commits && used && !is_new),
            SignInOutcome::Blocked => assert!(!used),
            SignInOutcome::CodeUsed => panic!("nobody has used it"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_stays_locked_leaves_the_code_unused() {
    let stage = Arc::new(Stage::postgres_of(6, Duration::from_secs(2)).await);
    stage.signed_in(&phone(1)).await;
    let lock = another(&stage, "SELECT 1 FROM users FOR UPDATE".to_owned()).await;
    let sign_in = stage.sign_in(&phone(1));
    let refused = stage.records.sign_in(&sign_in).await;
    assert!(
        matches!(refused, Err(RecordsError::Unavailable(_))),
        "{refused:?}"
    );
    lock.rollback().await.expect("free");
    let used = stage.records.root_used(sign_in.root).await;
    assert!(!used.expect("an answer"));
    eventually(PATIENT, async || stage.records.sign_in(&sign_in).await.ok()).await;
    assert_eq!(stage.count("sessions").await, 2);
}

/// Each with a code of its own, and all with one code; of numbers that are new and of one that is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_01_of_32_clients_at_once_nobody_gets_in_twice_or_stays_out() {
    let stage = Arc::new(Stage::postgres().await);
    for (number, one_code) in [(1, false), (1, true), (2, true), (2, false), (3, false)] {
        let root = stage.root();
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let stage = Arc::clone(&stage);
            clients.spawn(async move {
                let mut sign_in = stage.sign_in(&phone(number));
                if one_code {
                    sign_in.root = root;
                }
                stage.records.sign_in(&sign_in).await.expect("an answer")
            });
        }
        let outcomes = clients.join_all().await;
        let let_in = outcomes
            .iter()
            .filter(|one| matches!(one, SignInOutcome::SignedIn { .. }))
            .count();
        assert_eq!(let_in, if one_code { 1 } else { CLIENTS });
        let used = outcomes
            .iter()
            .filter(|one| **one == SignInOutcome::CodeUsed)
            .count();
        assert_eq!(used, CLIENTS - let_in);
    }
    assert_eq!(stage.count("users").await, 3);
    assert_eq!(stage.count("sessions").await, 32 + 1 + 1 + 32 + 32);
    assert_eq!(stage.count("refresh_tokens").await, 98);
    assert_eq!(stage.count("challenge_uses").await, 98);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_is_one_round_trip() {
    let (stage, trips) = RoundTrips::stage().await;
    for number in [1, 1, 2, 2] {
        // The statement is prepared once for each connection, and a connection that was idle is asked first.
        eventually(PATIENT, async || {
            let before = trips.count();
            stage.signed_in(&phone(number)).await;
            (trips.count() - before == 1).then_some(())
        })
        .await;
    }
    let used = stage.sign_in(&phone(1));
    stage.records.sign_in(&used).await.expect("signed in");
    eventually(PATIENT, async || {
        let before = trips.count();
        let outcome = stage.records.sign_in(&used).await.expect("an answer");
        assert_eq!(outcome, SignInOutcome::CodeUsed);
        (trips.count() - before == 1).then_some(())
    })
    .await;
}

/// The pool asks what it gets back, so that it gets back only what is not needed again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_one_after_the_other_take_a_round_trip_each() {
    let (stage, trips) = RoundTrips::stage().await;
    eventually(PATIENT, async || {
        let before = trips.count();
        for number in 1..=5 {
            stage.signed_in(&phone(number)).await;
        }
        let connections = stage.records.connections();
        assert_eq!(connections.used, 0, "{connections:?}");
        (trips.count() - before == 5).then_some(())
    })
    .await;
    // It goes back to the pool, which asks it.
    let asked = trips.count();
    eventually(PATIENT, async || (trips.count() > asked).then_some(())).await;
}
