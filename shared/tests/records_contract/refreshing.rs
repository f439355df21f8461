//! Refresh tokens: each works once, its answer may get lost, and a copy ends the family.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::random::Random;
use domain::tokens::RefreshToken;
use shared::records::{RecordsError, Refresh, RefreshOutcome, SessionEnd};
use tokio::task::JoinSet;

use crate::family::{Kind, SECOND, kind, refresh, renewed};
use crate::stage::{START, Stage};

pub(crate) async fn ses_08_a_token_is_replaced_and_its_session_moves_on(stage: Stage) {
    let family = stage.family(1).await;
    stage.advance(TimeDelta::minutes(5));
    let first = refresh(&stage, &family.first);
    let outcome = stage.records.refresh(&first).await.expect("an answer");
    assert_eq!(kind(&outcome), Kind::Rotated);
    let next = renewed(outcome);
    assert_eq!((next.user, next.session), (family.user, family.session));
    assert_eq!(
        next.token.hash(),
        family.first.successor(&first.salt).hash()
    );

    let sessions = stage.records.live_sessions(family.user, stage.now()).await;
    let session = &sessions.expect("a list")[0];
    assert_eq!(session.last_used_at, stage.now());
    assert_eq!(session.idle_expires_at, stage.now() + TimeDelta::days(1));
    assert_eq!(session.address, first.address);
    assert_eq!(session.user_agent, first.user_agent);
    assert_eq!(session.device_name.as_deref(), Some("گوشی من"));

    stage.rotate(&next.token).await;
    for (rows, expected) in [
        ("generation < 2 AND retired_at = issued_at", 1),
        (
            "generation < 2 AND retired_at IS NOT NULL AND successor_salt IS NOT NULL",
            2,
        ),
        (
            "generation = 2 AND retired_at IS NULL AND successor_salt IS NULL",
            1,
        ),
    ] {
        let count = stage.count(&format!("refresh_tokens WHERE {rows}")).await;
        assert_eq!(count, expected, "{rows}");
    }
}

pub(crate) async fn ses_08_r_21_a_token_that_comes_back_ends_the_family(stage: Stage) {
    let family = stage.family(1).await;
    let other = stage.family(1).await;
    let second = stage.rotate(&family.first).await;
    stage.clock.advance(10 * SECOND + 1);

    let outcome = stage.present(&family.first).await;

    let RefreshOutcome::Reused { user, session } = outcome else {
        panic!("not taken for a copy: {outcome:?}");
    };
    assert_eq!((user, session), (family.user, family.session));
    assert_eq!(kind(&stage.present(&second).await), Kind::Refused);
    assert_eq!(kind(&stage.present(&family.first).await), Kind::Refused);
    assert_eq!(stage.ended_by(SessionEnd::Reuse).await, 1);
    stage.rotate(&other.first).await;
    assert_eq!(
        stage.live(family.user).await.len(),
        1,
        "the other device stays"
    );
}

pub(crate) async fn ses_09_a_lost_answer_is_given_again_for_ten_seconds(stage: Stage) {
    let family = stage.family(1).await;
    let second = stage.rotate(&family.first).await;
    for _ in 0..2 {
        stage.clock.advance(5 * SECOND);
        let outcome = stage.present(&family.first).await;
        assert_eq!(kind(&outcome), Kind::Repeated);
        let again = renewed(outcome);
        assert_eq!(again.token.hash(), second.hash());
        assert_eq!((again.user, again.session), (family.user, family.session));
    }
    assert_eq!(stage.live_tokens().await, 1);
    let third = stage.rotate(&second).await;
    stage.clock.advance(10 * SECOND + 1);
    stage.rotate(&third).await;
}

/// The same with minutes of grace.
async fn present_late(stage: &Stage, token: &RefreshToken) -> RefreshOutcome {
    let refresh = Refresh {
        grace: Duration::from_mins(5),
        ..refresh(stage, token)
    };
    stage.records.refresh(&refresh).await.expect("an answer")
}

pub(crate) async fn ses_09_an_answer_lost_for_minutes_is_given_again_until_it_was_used(
    stage: Stage,
) {
    let family = stage.family(1).await;
    let second = stage.rotate(&family.first).await;
    for wait in [11, 60, 229] {
        stage.clock.advance(wait * SECOND);
        let outcome = present_late(&stage, &family.first).await;
        assert_eq!(kind(&outcome), Kind::RepeatedLate, "{wait}");
        assert_eq!(renewed(outcome).token.hash(), second.hash());
    }
    let third = stage.rotate(&second).await;
    assert_eq!(
        kind(&present_late(&stage, &family.first).await),
        Kind::Reused
    );
    assert_eq!(kind(&stage.present(&third).await), Kind::Refused);

    let late = stage.family(2).await;
    let successor = stage.rotate(&late.first).await;
    stage.clock.advance(300 * SECOND + 1);
    assert_eq!(kind(&present_late(&stage, &late.first).await), Kind::Reused);
    assert_eq!(kind(&stage.present(&successor).await), Kind::Refused);
}

pub(crate) async fn ses_09_a_third_generation_in_a_row_that_comes_back_late_ends_the_family(
    stage: Stage,
) {
    let (lossy, lucky) = (stage.family(1).await, stage.family(2).await);
    let lose = async |token: &RefreshToken| {
        let next = stage.rotate(token).await;
        stage.clock.advance(11 * SECOND);
        (kind(&present_late(&stage, token).await), next)
    };
    let (first, token) = lose(&lossy.first).await;
    let (second, token) = lose(&token).await;
    let (third, token) = lose(&token).await;
    assert_eq!(
        (first, second, third),
        (Kind::RepeatedLate, Kind::RepeatedLate, Kind::Reused)
    );
    assert_eq!(kind(&stage.present(&token).await), Kind::Refused);

    // An answer that arrives in between restarts the count.
    let mut token = lucky.first.clone();
    for round in 0..3 {
        for _ in 0..2 {
            let (lost, next) = lose(&token).await;
            assert_eq!(lost, Kind::RepeatedLate, "{round}");
            token = next;
        }
        token = stage.rotate(&token).await;
    }
    stage.rotate(&token).await;
}

pub(crate) async fn ses_09_a_successor_that_was_used_is_not_given_again(stage: Stage) {
    let family = stage.family(1).await;
    let second = stage.rotate(&family.first).await;
    let third = stage.rotate(&second).await;
    assert_eq!(kind(&stage.present(&second).await), Kind::Repeated);
    stage.clock.advance(SECOND);

    assert_eq!(kind(&stage.present(&family.first).await), Kind::Reused);

    for token in [&second, &third] {
        assert_eq!(kind(&stage.present(token).await), Kind::Refused);
    }
}

pub(crate) async fn ses_08_a_token_of_an_early_generation_ends_the_family(stage: Stage) {
    let family = stage.family(1).await;
    let mut token = family.first.clone();
    for _ in 0..5 {
        stage.advance(TimeDelta::minutes(5));
        token = stage.rotate(&token).await;
    }
    assert_eq!(kind(&stage.present(&family.first).await), Kind::Reused);
    assert_eq!(kind(&stage.present(&token).await), Kind::Refused);
    assert_eq!(stage.live(family.user).await.len(), 0);
}

pub(crate) async fn a_30_of_20_refreshes_at_once_all_get_one_successor(stage: Stage) {
    let stage = Arc::new(stage);
    for number in 0..5 {
        let family = stage.family(number).await;
        let mut tries = JoinSet::new();
        for _ in 0..20 {
            let (stage, token) = (Arc::clone(&stage), family.first.clone());
            tries.spawn(async move { stage.present(&token).await });
        }
        let outcomes = tries.join_all().await;
        let rotated = outcomes
            .iter()
            .filter(|outcome| kind(outcome) == Kind::Rotated)
            .count();
        assert_eq!(rotated, 1, "{outcomes:?}");
        let successors: BTreeSet<_> = outcomes
            .into_iter()
            .map(|outcome| renewed(outcome).token.hash())
            .collect();
        assert_eq!(successors.len(), 1);
        assert_eq!(stage.live_tokens().await, i64::from(number) + 1);
        assert_eq!(stage.live(family.user).await.len(), 1);
    }
}

pub(crate) async fn ses_03_a_session_ends_when_it_is_not_used_and_at_its_end(stage: Stage) {
    let idle = stage.family(1).await;
    let used = stage.family(2).await;
    let moment = TimeDelta::milliseconds(1);
    stage.advance(TimeDelta::days(1) - moment);
    let mut token = stage.rotate(&used.first).await;
    stage.advance(moment);
    assert_eq!(kind(&stage.present(&idle.first).await), Kind::Refused);

    let end = START + TimeDelta::days(30).num_milliseconds();
    let step = TimeDelta::hours(23);
    while stage.clock.now_millis() + step.num_milliseconds() < end {
        stage.advance(step);
        token = stage.rotate(&token).await;
    }
    let sessions = stage.records.live_sessions(used.user, stage.now()).await;
    let session = &sessions.expect("a list")[0];
    assert_eq!(session.idle_expires_at, session.expires_at, "never later");
    stage.clock.advance(end - 1 - stage.clock.now_millis());
    let last = stage.rotate(&token).await;
    stage.advance(moment);
    assert_eq!(kind(&stage.present(&last).await), Kind::Refused);
    assert_eq!(kind(&stage.present(&token).await), Kind::Refused);
    assert_eq!(stage.ended_by(SessionEnd::Reuse).await, 0, "it was over");
}

pub(crate) async fn ses_05_who_may_not_sign_in_may_not_refresh(stage: Stage) {
    for (number, change) in [
        (1, "UPDATE users SET blocked_at = created_at WHERE id ="),
        (
            2,
            "UPDATE users SET deleted_at = created_at, phone = NULL, username = 'deleted-2' \
             WHERE id =",
        ),
        (3, "UPDATE sessions SET kind = 'admin' WHERE user_id ="),
        (
            4,
            "UPDATE sessions SET revoked_at = created_at, revoked_reason = 'log_out' \
             WHERE user_id =",
        ),
    ] {
        let family = stage.family(number).await;
        let second = stage.rotate(&family.first).await;
        let tokens = stage.live_tokens().await;
        let user = stage.id(family.user);
        let changed = stage.execute(format!("{change} {user}")).await;
        assert_eq!(changed.expect("changed"), 1, "{change}");
        let refused = stage.present(&second).await;
        assert_eq!(kind(&refused), Kind::Refused, "{change}");
        assert_eq!(stage.live_tokens().await, tokens, "nothing was written");
        let lost_answer = stage.present(&family.first).await;
        assert!(
            matches!(kind(&lost_answer), Kind::Refused | Kind::Reused),
            "{change}: {lost_answer:?}"
        );
    }
    let nobody = RefreshToken::new(&Random::operating_system());
    assert_eq!(kind(&stage.present(&nobody).await), Kind::Refused);
}

pub(crate) async fn ses_04_a_log_out_at_the_moment_of_a_refresh_wins(stage: Stage) {
    let stage = Arc::new(stage);
    for number in 0..20 {
        let family = stage.family(number).await;
        let refreshing = {
            let (stage, token) = (Arc::clone(&stage), family.first.clone());
            tokio::spawn(async move { stage.present(&token).await })
        };
        let now = stage.now();
        let ended = stage
            .records
            .end_session(family.user, family.session, SessionEnd::LogOut, now)
            .await;
        assert!(ended.expect("an answer"));
        let outcome = refreshing.await.expect("no panic");
        if kind(&outcome) == Kind::Rotated {
            let next = renewed(outcome).token;
            assert_eq!(kind(&stage.present(&next).await), Kind::Refused);
        } else {
            assert_eq!(kind(&outcome), Kind::Refused);
        }
        assert_eq!(stage.live(family.user).await.len(), 0);
    }
}

pub(crate) async fn ses_08_a_copy_used_at_the_moment_of_a_refresh_ends_the_family(stage: Stage) {
    let stage = Arc::new(stage);
    for number in 0..20 {
        let family = stage.family(number).await;
        let second = stage.rotate(&family.first).await;
        stage.clock.advance(11 * SECOND);
        let copied = {
            let (stage, token) = (Arc::clone(&stage), family.first.clone());
            tokio::spawn(async move { stage.present(&token).await })
        };
        let refreshed = stage.present(&second).await;
        assert_eq!(kind(&copied.await.expect("no panic")), Kind::Reused);
        if kind(&refreshed) == Kind::Rotated {
            let third = renewed(refreshed).token;
            assert_eq!(kind(&stage.present(&third).await), Kind::Refused);
        }
        assert_eq!(stage.live(family.user).await.len(), 0);
    }
}

pub(crate) async fn r_21_a_refresh_that_fails_leaves_the_token_as_it_was(stage: Stage) {
    let (family, other) = (stage.family(1).await, stage.family(2).await);
    let failing = refresh(&stage, &family.first);
    // Somebody else's token is in the way of the successor.
    let taken = stage.blob(&family.first.successor(&failing.salt).hash());
    let session = stage.id(other.session);
    stage
        .execute(format!(
            "UPDATE refresh_tokens SET token_hash = {taken} WHERE session_id = {session}"
        ))
        .await
        .expect("changed");
    stage.advance(TimeDelta::minutes(5));

    let error = stage.records.refresh(&failing).await.expect_err("taken");

    assert!(matches!(error, RecordsError::Conflict), "{error:?}");
    let sessions = stage.records.live_sessions(family.user, stage.now()).await;
    let session = &sessions.expect("a list")[0];
    assert_eq!(session.last_used_at, session.created_at);
    stage.advance(TimeDelta::minutes(5));
    stage.rotate(&family.first).await;
}

pub(crate) async fn a_20_a_session_is_renewed_so_often_in_a_minute_and_no_more(stage: Stage) {
    let family = stage.family(1).await;
    let other = stage.family(2).await;
    let mut token = family.first.clone();
    for _ in 0..30 {
        token = stage.rotate(&token).await;
    }
    let until = stage.now() + TimeDelta::minutes(1);
    for _ in 0..3 {
        let refused = stage.present(&token).await;
        assert!(
            matches!(refused, RefreshOutcome::TooOften { until: told } if told == until),
            "{refused:?}"
        );
    }
    assert_eq!(stage.live_tokens().await, 2, "nothing was written");
    stage.rotate(&other.first).await;

    stage.advance(TimeDelta::milliseconds(59_999));
    assert_eq!(kind(&stage.present(&token).await), Kind::TooOften);
    stage.advance(TimeDelta::milliseconds(1));
    for _ in 0..30 {
        token = stage.rotate(&token).await;
    }
    assert_eq!(kind(&stage.present(&token).await), Kind::TooOften);
    // It tells a stranger nothing of a session that is over.
    let records = &stage.records;
    let ended = records.end_all_sessions(family.user, SessionEnd::LogOut, stage.now());
    ended.await.expect("ended");
    assert_eq!(kind(&stage.present(&token).await), Kind::Refused);
}

pub(crate) async fn a_20_a_session_is_renewed_so_often_in_a_day_and_no_more(stage: Stage) {
    let first = stage.family(1).await.first;
    let token = stage.rotate(&first).await;
    let issued = stage.now();
    stage.advance(TimeDelta::minutes(2));
    let token = stage.rotate(&token).await;
    let many = "UPDATE refresh_tokens SET generation = 1999 WHERE generation = 2";
    stage.execute(many).await.expect("many between them");
    let token = stage.rotate(&token).await;
    let refused = stage.present(&token).await;
    let day = issued + TimeDelta::days(1);
    assert!(
        matches!(refused, RefreshOutcome::TooOften { until } if until == day),
        "{refused:?}"
    );
    stage.advance(TimeDelta::minutes(24 * 60 - 2));
    stage.rotate(&token).await;
}

pub(crate) async fn a_20_a_session_keeps_a_bounded_number_of_old_tokens(stage: Stage) {
    let first = stage.family(1).await.first;
    let other = stage.family(2).await.first;
    let second = stage.rotate(&first).await;
    let third = stage.rotate(&second).await;
    let fourth = stage.rotate(&third).await;
    stage.advance(TimeDelta::minutes(1));
    stage.rotate(&other).await;
    // As if thousands had come between: of generations 0 to 3, the last becomes 2102.
    let many = "UPDATE refresh_tokens SET generation = 2102 WHERE generation = 3";
    stage.execute(many).await.expect("many between them");
    stage.rotate(&fourth).await;
    let left = stage.count("refresh_tokens WHERE generation < 2102").await;
    assert_eq!(left, 2, "both of the other session");
    let left = stage.count("refresh_tokens").await;
    assert_eq!(left, 4);
    // A token that is not known any more ends nothing.
    assert_eq!(kind(&stage.present(&first).await), Kind::Refused);
    assert_eq!(stage.ended_by(SessionEnd::Reuse).await, 0);
}
