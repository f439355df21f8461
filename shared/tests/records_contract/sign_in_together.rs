//! Several sign in by one statement to PostgreSQL, and each ends as they would alone.

use std::time::Duration;

use harness::eventually;
use shared::records::{RecordsError, SignIn, SignInOutcome, Together};
use sqlx::{AssertSqlSafe, Postgres, Transaction};
use tokio::time::timeout;

use crate::round_trips::RoundTrips;
use crate::stage::{PATIENT, Stage, phone};

/// Waiting for a lock would take longer, by far.
const NOT_WAITING: Duration = Duration::from_secs(30);

/// What came of one, in a word.
fn word(outcome: &Together) -> &'static str {
    match outcome {
        None => "alone",
        Some(Ok(SignInOutcome::SignedIn { is_new: true, .. })) => "new",
        Some(Ok(SignInOutcome::SignedIn { is_new: false, .. })) => "known",
        Some(Ok(SignInOutcome::CodeUsed)) => "used",
        Some(Ok(SignInOutcome::Blocked)) => "blocked",
        Some(Err(_)) => "error",
    }
}

pub(crate) async fn block(stage: &Stage, number: u32) {
    let (user, _) = stage.signed_in(&phone(number)).await;
    let blocked = stage.records.set_blocked(user.id, true, stage.now()).await;
    assert!(blocked.expect("blocked"));
}

/// One whose code had its effect before.
async fn used(stage: &Stage, number: u32) -> SignIn {
    let sign_in = stage.sign_in(&phone(number));
    stage.records.sign_in(&sign_in).await.expect("signed in");
    sign_in
}

/// Keeps the row of the user of a number locked until its end.
pub(crate) async fn locked(stage: &Stage, number: u32) -> Transaction<'static, Postgres> {
    let mut lock = stage.server().begin().await.expect("a transaction");
    let row = format!(
        "SELECT 1 FROM users WHERE phone = '{}' FOR UPDATE",
        phone(number).as_e164()
    );
    let row = sqlx::query(AssertSqlSafe(row)).fetch_one(&mut *lock);
    row.await.expect("locked");
    lock
}

/// Each line of what can be, all in one statement, in this order and in the other one.
async fn each_ends_as_alone(stage: Stage, is_reversed: bool) {
    for number in 2..=4 {
        stage.signed_in(&phone(number)).await;
    }
    block(&stage, 5).await;
    let staff = stage.signed_in(&phone(6)).await.0.id;
    let rename = format!(
        "UPDATE users SET username = '{}' WHERE id = '{}'",
        phone(7).digits(),
        stage.signed_in(&phone(8)).await.0.id
    );
    stage.execute(rename).await.expect("renamed");
    let old = format!(
        "UPDATE users SET is_staff = TRUE, last_sign_in_at = last_sign_in_at - INTERVAL '181 days' \
         WHERE id = '{staff}'"
    );
    stage.execute(old).await.expect("made old");
    let twice = used(&stage, 3).await;
    let mut of_a_new_number = stage.sign_in(&phone(9));
    of_a_new_number.root = used(&stage, 10).await.root;
    let lock = locked(&stage, 4).await;
    stage.clock.advance(60_000);

    let mut expected: Vec<(SignIn, &str)> = vec![
        (stage.sign_in(&phone(1)), "new"),
        (stage.sign_in(&phone(2)), "known"),
        (twice, "used"),
        (stage.sign_in(&phone(4)), "alone"),
        (stage.sign_in(&phone(5)), "alone"),
        (stage.sign_in(&phone(6)), "known"),
        (stage.sign_in(&phone(7)), "new"),
        (of_a_new_number, "used"),
        (stage.sign_in(&phone(11)), "new"),
    ];
    if is_reversed {
        expected.reverse();
    }
    let sign_ins: Vec<SignIn> = expected.iter().map(|(one, _)| one.clone()).collect();
    let sessions = stage.count("sessions").await;
    let users = stage.count("users").await;
    let together = timeout(NOT_WAITING, stage.records.sign_in_together(&sign_ins));
    let outcomes = together.await.expect("waits for no row").expect("written");
    for ((sign_in, wanted), outcome) in expected.iter().zip(&outcomes) {
        let number = sign_in.phone.as_e164();
        assert_eq!(word(outcome), *wanted, "{number}");
        let is_used = stage.records.root_used(sign_in.root).await;
        assert_eq!(is_used.expect("an answer"), *wanted != "alone", "{number}");
        let Some(Ok(SignInOutcome::SignedIn { user, is_new })) = outcome else {
            continue;
        };
        assert_eq!(user.phone.as_ref(), Some(&sign_in.phone));
        assert_eq!(user.last_sign_in_at, Some(stage.now()));
        assert_eq!(user.id == sign_in.new_user_id, *is_new);
        assert!(!user.is_staff, "nobody was here for half a year");
        let is_taken = sign_in.phone == phone(7);
        assert!(!is_new || (user.username == user.id.to_string()) == is_taken);
        let stored = stage.records.find_user(user.id).await.expect("an answer");
        assert_eq!(stored.as_ref(), Some(user));
        let live = stage.records.live_sessions(user.id, stage.now()).await;
        let session = &live.expect("a list")[0];
        let wanted = &sign_in.session;
        assert_eq!(session.id, wanted.id);
        assert_eq!(session.device_name, wanted.device.name);
        assert_eq!(session.user_agent, wanted.device.user_agent);
        assert_eq!(session.address, wanted.device.address);
        assert_eq!(session.created_at, wanted.opened_at);
        assert_eq!(session.idle_expires_at, wanted.idle_expires_at);
        assert_eq!(session.expires_at, wanted.expires_at);
        let token = stage.blob(&wanted.refresh_token_hash);
        let salt = stage.blob(&wanted.origin_salt.unwrap_or_default());
        let token = format!(
            "refresh_tokens WHERE token_hash = {token} AND session_id = '{}' AND generation = 0 \
             AND retired_at IS NULL AND COALESCE(origin_salt, '\\x00000000000000000000000000000000') = {salt}",
            session.id
        );
        assert_eq!(stage.count(&token).await, 1);
    }
    assert_eq!(stage.count("sessions").await, sessions + 5);
    assert_eq!(stage.count("users").await, users + 3);
    lock.rollback().await.expect("free");
    for (sign_in, wanted) in expected {
        if wanted == "alone" {
            let outcome = stage.records.sign_in(&sign_in).await.expect("an answer");
            let is_blocked = sign_in.phone == phone(5);
            assert_eq!(outcome == SignInOutcome::Blocked, is_blocked);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_at_once_each_ends_as_they_would_alone() {
    each_ends_as_alone(Stage::postgres().await, false).await;
    each_ends_as_alone(Stage::postgres().await, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_at_once_each_ends_as_they_would_alone_behind_a_pooler() {
    each_ends_as_alone(Stage::pooled().await, false).await;
}

/// A code or a number that another commit is just writing is waited for shortly, and then nothing is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_is_just_writing_is_not_waited_for_and_leaves_all_codes_unused() {
    let stage = Stage::postgres().await;
    let sign_ins: Vec<SignIn> = (1..=3)
        .map(|number| stage.sign_in(&phone(number)))
        .collect();
    let id = stage.random.uuid_v7(stage.now().timestamp_millis());
    let user = |phone: &str, name: &str| {
        format!(
            "INSERT INTO users (id, phone, username, created_at, updated_at) \
             VALUES ('{id}', {phone}, '{name}', now(), now())"
        )
    };
    let (second, root) = (phone(2), stage.blob(sign_ins[1].root.as_bytes()));
    for writes in [
        user(&format!("'{}'", second.as_e164()), "somebody"),
        user("NULL", second.digits()),
        format!("INSERT INTO challenge_uses VALUES ({root}, 'sign_in', now())"),
    ] {
        let mut other = stage.server().begin().await.expect("a transaction");
        let written = sqlx::query(AssertSqlSafe(writes)).execute(&mut *other);
        written.await.expect("written");
        let together = timeout(NOT_WAITING, stage.records.sign_in_together(&sign_ins));
        let refused = together.await.expect("not waited for");
        let Err(error @ RecordsError::Unavailable(_)) = &refused else {
            panic!("{refused:?}");
        };
        assert!(error.is_locked(), "{error}");
        assert_eq!(stage.count("challenge_uses").await, 0);
        assert_eq!(stage.count("users").await, 0);
        other.rollback().await.expect("given up");
    }
    // The limit was that of the statement alone.
    let outcomes = stage.records.sign_in_together(&sign_ins).await;
    let outcomes = outcomes.expect("written");
    assert!(outcomes.iter().all(|outcome| word(outcome) == "new"));
}

/// One text for any number of people: it is prepared once for each connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_sign_ins_are_one_round_trip_however_many_they_are() {
    let (stage, trips) = RoundTrips::stage().await;
    eventually(PATIENT, async || {
        let before = trips.count();
        for count in [2, 3, 5, 8, 13, 21, 32] {
            let sign_ins: Vec<SignIn> = (1..=count)
                .map(|number| stage.sign_in(&phone(number)))
                .collect();
            let outcomes = stage.records.sign_in_together(&sign_ins).await;
            assert_eq!(outcomes.expect("written").len(), sign_ins.len());
        }
        (trips.count() - before == 7).then_some(())
    })
    .await;
}

/// A connection keeps its plans: one that was made while a table was young must not read all of it later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_made_on_young_tables_looks_into_indexes() {
    let stage = Stage::postgres_of(1, PATIENT).await;
    let scans = async || {
        let scans = sqlx::query_as::<_, (i64, i64)>(
            "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'users'",
        );
        scans.fetch_one(stage.server()).await.expect("counts")
    };
    let mut number = 0;
    let (in_order, by_index) = eventually(PATIENT, async || {
        // As often as it takes until the plan is kept.
        for count in [1, 5, 1, 5, 1, 5, 1, 5, 1, 5, 1, 5] {
            let sign_ins: Vec<SignIn> = (0..count)
                .map(|_| {
                    number += 1;
                    stage.sign_in(&phone(number))
                })
                .collect();
            match &sign_ins[..] {
                [alone] => drop(stage.records.sign_in(alone).await.expect("signed in")),
                several => drop(stage.records.sign_in_together(several).await),
            }
        }
        // The server counts with a delay.
        let (in_order, by_index) = scans().await;
        (by_index > 1_000).then_some((in_order, by_index))
    })
    .await;
    // Those who make indexes read it in order, and so do the first few, who find it empty.
    assert!(in_order < 50, "{in_order} beside {by_index}");
}

/// Whose user turns out to be there, or not to be creatable, would lose their code and get nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_one_is_let_in_by_nobody_the_statement_leaves_all_codes_unused() {
    let stage = Stage::postgres().await;
    let name = phone(2);
    for statement in [
        "CREATE FUNCTION nobody() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
            .to_owned(),
        format!(
            "CREATE TRIGGER nobody BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.phone = '{}') \
             EXECUTE FUNCTION nobody()",
            name.as_e164()
        ),
    ] {
        stage.execute(statement).await.expect("a rule");
    }
    let sign_ins: Vec<SignIn> = (1..=3)
        .map(|number| stage.sign_in(&phone(number)))
        .collect();
    let refused = stage.records.sign_in_together(&sign_ins).await;
    assert!(
        matches!(&refused, Err(RecordsError::Refused(code)) if **code == *"22012"),
        "{refused:?}"
    );
    for table in ["challenge_uses", "users", "sessions", "refresh_tokens"] {
        assert_eq!(stage.count(table).await, 0, "{table}");
    }
}

/// What the server does for one sign-in, alone and with others: its processor time, from the kernel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run it alone, with --nocapture"]
async fn processor_time_of_postgres_for_a_sign_in() {
    let stage = Stage::postgres_of(1, PATIENT).await;
    let its_own = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(stage.server());
    let its_own: i32 = its_own.await.expect("an answer");
    let mut number = 0;
    let mut next = |count: usize| -> Vec<SignIn> {
        let numbers = (0..count).map(|_| {
            number += 1;
            stage.sign_in(&phone(number))
        });
        numbers.collect()
    };
    for count in [1, 2, 4, 8, 16, 32, 1, 2, 4, 8, 16, 32] {
        let before = ticks(its_own);
        let begun = std::time::Instant::now();
        for _ in 0..8_192 / count {
            let sign_ins = next(count);
            if count == 1 {
                stage
                    .records
                    .sign_in(&sign_ins[0])
                    .await
                    .expect("signed in");
            } else {
                let outcomes = stage.records.sign_in_together(&sign_ins).await;
                let outcomes = outcomes.expect("written");
                assert!(outcomes.iter().all(|outcome| word(outcome) == "new"));
            }
        }
        // A tick is a hundredth of a second.
        let each = (ticks(its_own) - before) * 10_000 / 8_192;
        let elapsed = begun.elapsed().as_micros() / 8_192;
        println!("{count:2} together: {each} µs of PostgreSQL each, {elapsed} µs elapsed");
    }
}

/// Of all processes of the server of this one, in user and system.
fn ticks(of_its: i32) -> u64 {
    let server = fields(format!("/proc/{of_its}/stat")).expect("it lives")[1].clone();
    let mut sum = 0;
    for entry in std::fs::read_dir("/proc").expect("a folder").flatten() {
        let Some(fields) = fields(entry.path().join("stat")) else {
            continue;
        };
        if fields[1] == server {
            sum += fields[11].parse::<u64>().expect("a number");
            sum += fields[12].parse::<u64>().expect("a number");
        }
    }
    sum
}

/// What the kernel says of a process behind its name.
fn fields(path: impl AsRef<std::path::Path>) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(path).ok()?;
    let (_, rest) = stat.split_once(") ")?;
    Some(rest.split(' ').map(str::to_owned).collect())
}
