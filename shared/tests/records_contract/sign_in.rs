//! Signing in: a code acts once, all or nothing.

use std::sync::Arc;

use chrono::TimeDelta;
use shared::records::{RecordsError, SignInOutcome};
use tokio::task::JoinSet;

use crate::stage::{Stage, phone};

pub(crate) async fn the_first_sign_in_creates_the_user_and_the_next_finds_it(stage: Stage) {
    let records = &stage.records;
    assert_eq!(
        records
            .find_user_by_phone(&phone(1))
            .await
            .expect("an answer"),
        None
    );

    let first = stage.sign_in(&phone(1));
    let outcome = records.sign_in(&first).await.expect("an answer");
    let SignInOutcome::SignedIn { user, is_new: true } = outcome else {
        panic!("not a new user: {outcome:?}");
    };
    assert_eq!(user.id, first.new_user_id);
    assert_eq!(user.phone, Some(phone(1)));
    assert_eq!(user.username, phone(1).digits());
    assert_eq!(user.email, None);
    assert_eq!(
        (user.first_name.as_str(), user.last_name.as_str()),
        ("", "")
    );
    assert!(!user.has_password && !user.is_staff && !user.is_superuser);
    assert_eq!(user.created_at, stage.now());
    assert_eq!(user.phone_verified_at, Some(stage.now()));
    assert!(!format!("{user:?}").contains("912"), "{user:?}");

    stage.clock.advance(60_000);
    let (again, is_new) = stage.signed_in(&phone(1)).await;
    assert!(!is_new);
    assert_eq!(again.id, user.id);
    assert_eq!(again.created_at, user.created_at);
    assert_eq!(again.phone_verified_at, user.phone_verified_at);
    assert_eq!(again.last_sign_in_at, Some(stage.now()));

    let found = records
        .find_user_by_phone(&phone(1))
        .await
        .expect("an answer");
    assert_eq!(found.as_ref(), Some(&again));
    assert_eq!(records.find_user(user.id).await.expect("an answer"), found);

    let sessions = records
        .live_sessions(user.id, stage.now())
        .await
        .expect("a list");
    assert_eq!(sessions.len(), 2);
    let oldest = &sessions[1];
    assert_eq!(oldest.id, first.session.id);
    assert_eq!(oldest.user_id, user.id);
    assert_eq!(oldest.device_name, first.session.device.name);
    assert_eq!(oldest.user_agent, first.session.device.user_agent);
    assert_eq!(oldest.address, first.session.device.address);
    assert_eq!(oldest.created_at, first.session.opened_at);
    assert_eq!(oldest.last_used_at, first.session.opened_at);
    assert_eq!(oldest.idle_expires_at, first.session.idle_expires_at);
    assert_eq!(oldest.expires_at, first.session.expires_at);
    assert_eq!(stage.count("refresh_tokens WHERE generation = 0").await, 2);
}

pub(crate) async fn i_03_a_code_acts_once(stage: Stage) {
    let records = &stage.records;
    let first = stage.sign_in(&phone(1));
    assert!(!records.root_used(first.root).await.expect("an answer"));
    records.sign_in(&first).await.expect("signed in");
    assert!(records.root_used(first.root).await.expect("an answer"));

    let mut replay = stage.sign_in(&phone(2));
    replay.root = first.root;
    let outcome = records.sign_in(&replay).await.expect("an answer");

    assert_eq!(outcome, SignInOutcome::CodeUsed);
    assert_eq!(stage.count("users").await, 1);
    assert_eq!(stage.count("sessions").await, 1);
}

pub(crate) async fn r_01_of_200_sign_ins_with_one_code_at_once_exactly_one_succeeds(stage: Stage) {
    let stage = Arc::new(stage);
    let root = stage.root();
    let mut tries = JoinSet::new();
    for _ in 0..200 {
        let stage = Arc::clone(&stage);
        tries.spawn(async move {
            let mut sign_in = stage.sign_in(&phone(1));
            sign_in.root = root;
            stage.records.sign_in(&sign_in).await.expect("an answer")
        });
    }
    let outcomes = tries.join_all().await;
    let used = outcomes
        .iter()
        .filter(|one| **one == SignInOutcome::CodeUsed)
        .count();
    assert_eq!(used, 199);
    assert_eq!(stage.count("users").await, 1);
    assert_eq!(stage.count("sessions").await, 1);
    assert_eq!(stage.count("refresh_tokens").await, 1);
}

pub(crate) async fn two_codes_of_one_new_number_at_once_make_one_user(stage: Stage) {
    let stage = Arc::new(stage);
    for number in 0..20 {
        let mut tries = JoinSet::new();
        for _ in 0..2 {
            let stage = Arc::clone(&stage);
            tries.spawn(async move { stage.signed_in(&phone(number)).await });
        }
        let outcomes = tries.join_all().await;
        assert_eq!(outcomes[0].0.id, outcomes[1].0.id);
        assert_ne!(
            outcomes[0].1, outcomes[1].1,
            "one of the two created the user"
        );
    }
    assert_eq!(stage.count("users").await, 20);
    assert_eq!(stage.count("sessions").await, 40);
}

pub(crate) async fn of_many_at_once_only_the_one_whose_row_is_refused_fails(stage: Stage) {
    let stage = Arc::new(stage);
    stage
        .refuse("sessions", "NEW.device_name = 'refused'")
        .await;
    for round in 1..=3 {
        let mut clients = JoinSet::new();
        for number in 1..=32 {
            let stage = Arc::clone(&stage);
            clients.spawn(async move {
                let mut sign_in = stage.sign_in(&phone(number));
                if number == 20 {
                    sign_in.session.device.name = Some("refused".to_owned());
                }
                let outcome = stage.records.sign_in(&sign_in).await;
                let used = stage.records.root_used(sign_in.root).await;
                (number, outcome, used.expect("an answer"))
            });
        }
        for (number, outcome, used) in clients.join_all().await {
            assert_eq!(used, number != 20, "{number}");
            match outcome {
                Ok(SignInOutcome::SignedIn { is_new, .. }) => assert_eq!(is_new, round == 1),
                Err(RecordsError::Refused(_)) => assert_eq!(number, 20),
                other => panic!("{number}: {other:?}"),
            }
        }
        assert_eq!(stage.count("users").await, 31);
        assert_eq!(stage.count("sessions").await, 31 * round);
    }
}

/// New and known ones, blocked ones, codes that had their effect, and two of one number, 32 each time; in both orders.
pub(crate) async fn many_numbers_at_once_end_each_as_they_would_alone(stage: Stage) {
    let stage = Arc::new(stage);
    for first in [1_000, 2_000] {
        let mut expected = Vec::new();
        for number in first..first + 28 {
            let mut sign_in = stage.sign_in(&phone(number));
            let mut user = None;
            if number % 2 == 0 {
                user = Some(stage.signed_in(&phone(number)).await.0);
            }
            let mut wanted = "signed in";
            match (number % 7, &user) {
                (3, Some(user)) => {
                    let blocked = stage.records.set_blocked(user.id, true, stage.now());
                    assert!(blocked.await.expect("blocked"));
                    wanted = "blocked";
                }
                (5, _) => {
                    let before = stage.sign_in(&phone(number + 500));
                    stage.records.sign_in(&before).await.expect("signed in");
                    sign_in.root = before.root;
                    wanted = "used";
                }
                (6, _) => expected.push((stage.sign_in(&phone(number)), "signed in")),
                _ => {}
            }
            expected.push((sign_in, wanted));
        }
        if first == 2_000 {
            expected.reverse();
        }
        assert_eq!(expected.len(), 32);
        let sessions = stage.count("sessions").await;
        let mut clients = JoinSet::new();
        for (sign_in, wanted) in expected {
            let stage = Arc::clone(&stage);
            clients.spawn(async move {
                let outcome = stage.records.sign_in(&sign_in).await.expect("an answer");
                let told = match &outcome {
                    SignInOutcome::SignedIn { user, .. } => {
                        assert_eq!(user.phone.as_ref(), Some(&sign_in.phone));
                        let live = stage.live(user.id).await;
                        assert!(live.contains(&sign_in.session.id));
                        "signed in"
                    }
                    SignInOutcome::CodeUsed => "used",
                    SignInOutcome::Blocked => "blocked",
                };
                assert_eq!(told, wanted, "{}", sign_in.phone.as_e164());
                let used = stage.records.root_used(sign_in.root).await;
                assert_eq!(used.expect("an answer"), wanted != "blocked");
                wanted == "signed in"
            });
        }
        let let_in = clients.join_all().await.into_iter().filter(|is| *is);
        let let_in = i64::try_from(let_in.count()).expect("few");
        assert_eq!(stage.count("sessions").await, sessions + let_in);
    }
}

pub(crate) async fn a_blocked_user_is_refused_and_the_code_stays_unused(stage: Stage) {
    let records = &stage.records;
    let (user, _) = stage.signed_in(&phone(1)).await;
    records
        .set_blocked(user.id, true, stage.now())
        .await
        .expect("blocked");

    let sign_in = stage.sign_in(&phone(1));
    let outcome = records.sign_in(&sign_in).await.expect("an answer");

    assert_eq!(outcome, SignInOutcome::Blocked);
    assert!(!records.root_used(sign_in.root).await.expect("an answer"));
    assert_eq!(stage.count("sessions").await, 1);
}

pub(crate) async fn a_block_at_the_moment_of_a_sign_in_leaves_no_session(stage: Stage) {
    let stage = Arc::new(stage);
    for number in 0..20 {
        let (user, _) = stage.signed_in(&phone(number)).await;
        let now = stage.now();
        let sign_in = {
            let stage = Arc::clone(&stage);
            tokio::spawn(async move {
                let sign_in = stage.sign_in(&phone(number));
                stage.records.sign_in(&sign_in).await
            })
        };
        let blocked = stage.records.set_blocked(user.id, true, now).await;
        assert!(blocked.expect("blocked"));
        sign_in.await.expect("no panic").expect("an answer");
        let sessions = stage.records.live_sessions(user.id, now).await;
        assert_eq!(sessions.expect("a list"), []);
    }
}

pub(crate) async fn a_sign_in_that_fails_leaves_nothing_behind(stage: Stage) {
    let first = stage.sign_in(&phone(1));
    stage.records.sign_in(&first).await.expect("signed in");

    let mut second = stage.sign_in(&phone(2));
    second.session.refresh_token_hash = first.session.refresh_token_hash;
    let error = stage
        .records
        .sign_in(&second)
        .await
        .expect_err("a taken token");

    assert!(matches!(error, RecordsError::Conflict), "{error:?}");
    assert!(
        !stage
            .records
            .root_used(second.root)
            .await
            .expect("an answer")
    );
    assert_eq!(stage.count("users").await, 1);
    assert_eq!(stage.count("sessions").await, 1);
}

pub(crate) async fn a_taken_user_name_does_not_keep_the_owner_of_the_number_out(stage: Stage) {
    let (imported, _) = stage.signed_in(&phone(1)).await;
    stage
        .execute(format!(
            "UPDATE users SET username = '{}'",
            phone(2).digits()
        ))
        .await
        .expect("renamed");

    let (owner, is_new) = stage.signed_in(&phone(2)).await;

    assert!(is_new);
    assert_ne!(owner.id, imported.id);
    assert_eq!(owner.username, owner.id.to_string());
}

pub(crate) async fn sessions_that_have_ended_are_not_listed(stage: Stage) {
    let (user, _) = stage.signed_in(&phone(1)).await;
    let live = async |after| {
        let sessions = stage
            .records
            .live_sessions(user.id, stage.now() + after)
            .await;
        sessions.expect("a list").len()
    };
    assert_eq!(
        live(TimeDelta::days(1) - TimeDelta::milliseconds(1)).await,
        1
    );
    assert_eq!(live(TimeDelta::days(1)).await, 0);
    stage
        .execute("UPDATE sessions SET idle_expires_at = expires_at")
        .await
        .expect("changed");
    assert_eq!(live(TimeDelta::days(1)).await, 1);
    assert_eq!(live(TimeDelta::days(30)).await, 0);
}

pub(crate) async fn r_27_a_25_what_a_client_says_about_itself_is_cut_and_cleaned(stage: Stage) {
    let mut sign_in = stage.sign_in(&phone(1));
    sign_in.session.device.name = Some("a\0b\u{1b}[31m\r\nc".to_owned());
    sign_in.session.device.user_agent = Some("آ".repeat(10_000));
    stage.records.sign_in(&sign_in).await.expect("signed in");
    let sessions = stage
        .records
        .live_sessions(sign_in.new_user_id, stage.now())
        .await;
    let session = &sessions.expect("a list")[0];
    assert_eq!(session.device_name.as_deref(), Some("ab[31mc"));
    assert_eq!(session.user_agent, Some("آ".repeat(256)));
}

pub(crate) async fn a_list_of_sessions_has_an_end(stage: Stage) {
    let (user, _) = stage.signed_in(&phone(1)).await;
    for _ in 0..100 {
        stage.clock.advance(1_000);
        stage.signed_in(&phone(1)).await;
    }
    let listed = stage.records.live_sessions(user.id, stage.now()).await;
    let listed = listed.expect("a list");
    assert_eq!(listed.len(), 100);
    assert_eq!(listed[0].last_used_at, stage.now(), "the newest are there");
}
