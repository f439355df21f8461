//! A new password by a code, and the messages that tell of a change.

use chrono::TimeDelta;
use domain::notice::NoticeKind;
use domain::password::PasswordHash;
use domain::phone::PhoneNumber;
use shared::records::{PasswordChangeOutcome, PasswordReset, SignInOutcome};

use crate::passwords::hashes;
use crate::stage::{Stage, phone};

impl Stage {
    fn reset(&self, phone: &PhoneNumber, hash: &PasswordHash) -> PasswordReset {
        PasswordReset {
            root: self.root(),
            phone: phone.clone(),
            new_user_id: self.new_session().id,
            hash: hash.clone(),
            session: self.new_session(),
            notice: self.password_notice(phone),
        }
    }
}

pub(crate) async fn i_03_a_reset_acts_once_and_ends_every_session(stage: Stage) {
    let [hash, other] = hashes().await;
    let (user, _) = stage.signed_in(&phone(1)).await;
    stage.clock.advance(1_000);
    let reset = stage.reset(&phone(1), hash);

    let outcome = stage
        .records
        .reset_password(&reset)
        .await
        .expect("an answer");
    let SignInOutcome::SignedIn { user: same, is_new } = outcome else {
        panic!("not reset: {outcome:?}");
    };
    assert_eq!(
        (same.id, is_new, same.has_password),
        (user.id, false, false)
    );
    assert_eq!(stage.live(user.id).await, [reset.session.id]);
    assert_eq!(
        stage.stored(&phone(1)).await.as_deref(),
        Some(hash.expose())
    );

    let again = PasswordReset {
        hash: other.clone(),
        session: stage.new_session(),
        ..reset.clone()
    };
    let outcome = stage
        .records
        .reset_password(&again)
        .await
        .expect("an answer");
    assert_eq!(outcome, SignInOutcome::CodeUsed);
    assert_eq!(stage.live(user.id).await, [reset.session.id]);
    assert_eq!(
        stage.stored(&phone(1)).await.as_deref(),
        Some(hash.expose())
    );
    assert!(
        stage
            .records
            .root_used(reset.root)
            .await
            .expect("an answer")
    );
}

pub(crate) async fn r_01_of_50_resets_with_one_code_at_once_exactly_one_succeeds(stage: Stage) {
    let [hash, _] = hashes().await;
    stage.signed_in(&phone(1)).await;
    let first = stage.reset(&phone(1), hash);
    let resets: Vec<_> = (0..50)
        .map(|_| PasswordReset {
            session: stage.new_session(),
            ..first.clone()
        })
        .collect();
    let outcomes = futures::future::join_all(
        resets
            .iter()
            .map(|reset| stage.records.reset_password(reset)),
    );
    let succeeded = outcomes
        .await
        .into_iter()
        .filter(|outcome| matches!(outcome, Ok(SignInOutcome::SignedIn { .. })))
        .count();
    assert_eq!(succeeded, 1);
    assert_eq!(stage.count("challenge_uses").await, 2);
}

pub(crate) async fn a_reset_of_a_number_without_a_user_creates_one(stage: Stage) {
    let [hash, _] = hashes().await;
    let reset = stage.reset(&phone(3), hash);
    let outcome = stage
        .records
        .reset_password(&reset)
        .await
        .expect("an answer");
    let SignInOutcome::SignedIn { user, is_new: true } = outcome else {
        panic!("not created: {outcome:?}");
    };
    assert_eq!(user.id, reset.new_user_id);
    assert_eq!(
        stage.stored(&phone(3)).await.as_deref(),
        Some(hash.expose())
    );
}

pub(crate) async fn a_blocked_user_resets_nothing_and_the_code_stays_unused(stage: Stage) {
    let [hash, _] = hashes().await;
    let (user, _) = stage.signed_in(&phone(1)).await;
    stage
        .records
        .set_blocked(user.id, true, stage.now())
        .await
        .expect("blocked");
    let reset = stage.reset(&phone(1), hash);
    let outcome = stage
        .records
        .reset_password(&reset)
        .await
        .expect("an answer");
    assert_eq!(outcome, SignInOutcome::Blocked);
    assert_eq!(stage.stored(&phone(1)).await, None);
    assert!(
        !stage
            .records
            .root_used(reset.root)
            .await
            .expect("an answer")
    );
}

pub(crate) async fn a_notice_of_a_change_is_written_with_it_or_not_at_all(stage: Stage) {
    let [hash, other] = hashes().await;
    let (user, _) = stage.signed_in(&phone(1)).await;
    // A first password is no change.
    let first = stage.reset(&phone(1), hash);
    stage.records.reset_password(&first).await.expect("reset");
    assert_eq!(stage.count("notices").await, 0);

    let reset = stage.reset(&phone(1), other);
    stage.records.reset_password(&reset).await.expect("reset");
    let waiting = stage.records.waiting_notices(stage.now(), 10).await;
    assert_eq!(waiting.expect("a list"), [reset.notice.waiting()]);

    let notice = stage.password_notice(&phone(1));
    let ended = stage.change(user.id, hash, Some(first.session.id));
    let refused = stage.records.change_password(&ended, Some(&notice)).await;
    assert_eq!(
        refused.expect("an answer"),
        PasswordChangeOutcome::NotAllowed
    );
    assert_eq!(stage.count("notices").await, 1);
    let change = stage.change(user.id, hash, Some(reset.session.id));
    let changed = stage.records.change_password(&change, Some(&notice)).await;
    assert_eq!(changed.expect("an answer"), PasswordChangeOutcome::Set);
    let told = stage.records.notice(notice.id).await.expect("an answer");
    let told = told.expect("a notice");
    assert_eq!(
        (told.kind, told.phone),
        (NoticeKind::PasswordChanged, phone(1))
    );
}

pub(crate) async fn r_08_nobody_has_messages_sent_by_changing_a_password_over_and_over(
    stage: Stage,
) {
    let [hash, other] = hashes().await;
    let sign_in = stage.sign_in(&phone(1));
    let outcome = stage.records.sign_in(&sign_in).await.expect("signed in");
    let SignInOutcome::SignedIn { user, .. } = outcome else {
        panic!("{outcome:?}");
    };
    let change = async |hash| {
        let change = stage.change(user.id, hash, Some(sign_in.session.id));
        let notice = stage.password_notice(&phone(1));
        let changed = stage.records.change_password(&change, Some(&notice)).await;
        changed.expect("an answer")
    };
    let first = stage.now();
    for _ in 0..5 {
        assert_eq!(change(hash).await, PasswordChangeOutcome::Set);
        stage.clock.advance(60_000);
    }
    let until = first + TimeDelta::days(1);
    let refused = PasswordChangeOutcome::TooOften { until };
    assert_eq!(change(other).await, refused);
    assert_eq!(
        stage.stored(&phone(1)).await.as_deref(),
        Some(hash.expose())
    );
    assert_eq!(stage.count("notices").await, 5);
    let left = until - stage.now();
    stage.clock.advance(left.num_milliseconds() - 1);
    assert_eq!(change(other).await, refused);
    stage.clock.advance(1);
    assert_eq!(change(other).await, PasswordChangeOutcome::Set);
}
