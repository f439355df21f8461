//! A sign-in whose answer was lost.

use std::time::Duration;

use chrono::TimeDelta;
use domain::challenge::SessionId;
use domain::tokens::RefreshToken;
use shared::records::{LostAnswer, Refresh, RefreshOutcome, SessionEnd, SignIn, SignInOutcome};

use crate::stage::{Stage, phone};

/// A sign-in whose first token comes from the session id of its challenge.
async fn signed_in(stage: &Stage, number: u32, session: SessionId) -> (SignIn, RefreshToken) {
    let mut sign_in = stage.sign_in(&phone(number));
    let salt = stage.random.bytes();
    let token = RefreshToken::first(session, &salt);
    sign_in.session.refresh_token_hash = token.hash();
    sign_in.session.origin_salt = Some(salt);
    let outcome = stage.records.sign_in(&sign_in).await.expect("an answer");
    assert!(matches!(outcome, SignInOutcome::SignedIn { .. }));
    (sign_in, token)
}

async fn asked_again(
    stage: &Stage,
    sign_in: &SignIn,
    session: SessionId,
    after: TimeDelta,
) -> Option<LostAnswer> {
    let now = sign_in.session.opened_at + after;
    let lost = stage.records.lost_answer(sign_in.root, session, now);
    lost.await.expect("an answer")
}

pub(crate) async fn ses_09_for_a_minute_the_same_session_is_given_again(stage: Stage) {
    let session = SessionId::new(&stage.random);
    let (sign_in, token) = signed_in(&stage, 1, session).await;
    for seconds in [0, 1, 60] {
        let lost = asked_again(&stage, &sign_in, session, TimeDelta::seconds(seconds)).await;
        let lost = lost.expect("the same answer");
        assert_eq!(lost.session, sign_in.session.id);
        assert_eq!(lost.token.hash(), token.hash());
        assert_eq!(lost.user.phone.as_ref(), Some(&sign_in.phone));
        assert!(lost.is_new);
    }
    let late = asked_again(&stage, &sign_in, session, TimeDelta::milliseconds(60_001)).await;
    assert!(late.is_none());

    // Anyone who shares the root has another session id, and gets nothing.
    let other = SessionId::new(&stage.random);
    assert!(
        asked_again(&stage, &sign_in, other, TimeDelta::zero())
            .await
            .is_none()
    );

    // The next time they are known.
    let mut again = stage.sign_in(&sign_in.phone);
    let salt = stage.random.bytes();
    again.session.refresh_token_hash = RefreshToken::first(session, &salt).hash();
    again.session.origin_salt = Some(salt);
    again.session.opened_at = sign_in.session.opened_at + TimeDelta::seconds(5);
    stage.records.sign_in(&again).await.expect("an answer");
    let lost = asked_again(&stage, &again, session, TimeDelta::seconds(1)).await;
    assert!(!lost.expect("an answer").is_new);
}

pub(crate) async fn a_session_that_was_used_or_ended_is_not_given_again(stage: Stage) {
    let soon = TimeDelta::seconds(1);
    let session = SessionId::new(&stage.random);
    let (used, token) = signed_in(&stage, 1, session).await;
    let refresh = Refresh {
        token,
        client: None,
        salt: stage.random.bytes(),
        address: None,
        user_agent: None,
        now: used.session.opened_at + soon,
        idle_lifetime: Duration::from_hours(1),
        grace: Duration::from_mins(5),
    };
    let refreshed = stage.records.refresh(&refresh).await.expect("an answer");
    assert!(matches!(refreshed, RefreshOutcome::Rotated(_)));
    assert!(asked_again(&stage, &used, session, soon).await.is_none());

    let (ended, _) = signed_in(&stage, 2, session).await;
    let user = asked_again(&stage, &ended, session, soon)
        .await
        .expect("an answer")
        .user;
    let now = ended.session.opened_at + soon;
    let end = stage
        .records
        .end_session(user.id, ended.session.id, SessionEnd::LogOut, now);
    assert!(end.await.expect("an answer"));
    assert!(asked_again(&stage, &ended, session, soon).await.is_none());

    // A release without salts opened it.
    let mut old = stage.sign_in(&phone(3));
    old.session.refresh_token_hash = RefreshToken::new(&stage.random).hash();
    stage.records.sign_in(&old).await.expect("an answer");
    assert!(asked_again(&stage, &old, session, soon).await.is_none());
}

pub(crate) async fn ses_05_who_is_kept_out_gets_no_lost_answer(stage: Stage) {
    let soon = TimeDelta::seconds(1);
    let session = SessionId::new(&stage.random);
    let (sign_in, _) = signed_in(&stage, 1, session).await;
    let found = asked_again(&stage, &sign_in, session, soon).await;
    let user = found.expect("an answer").user.id;
    let now = sign_in.session.opened_at + soon;
    let blocked = stage.records.set_blocked(user, true, now).await;
    assert!(blocked.expect("an answer"));
    let lost = asked_again(&stage, &sign_in, session, soon).await;
    assert!(lost.is_none());
}
