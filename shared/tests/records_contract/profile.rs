//! What people change of their own account, and its end.

use domain::challenge::Locale;
use domain::notice::NoticeKind;
use domain::phone::PhoneNumber;
use shared::records::{
    DeletedBy, EmailChange, LedgerWriter, PasswordChange, PhoneChange, PhoneChangeOutcome,
    ProfileChange, SignInOutcome, User,
};
use uuid::Uuid;

use crate::passwords::hashes;
use crate::stage::{Stage, phone};

/// A user with the session that they opened.
async fn signed_in(stage: &Stage, number: u32) -> (User, Uuid) {
    let sign_in = stage.sign_in(&phone(number));
    let outcome = stage.records.sign_in(&sign_in).await.expect("an answer");
    let SignInOutcome::SignedIn { user, .. } = outcome else {
        panic!("{outcome:?}")
    };
    (user, sign_in.session.id)
}

fn change(stage: &Stage, user: Uuid, session: Uuid, phone: PhoneNumber) -> PhoneChange {
    PhoneChange {
        root: stage.root(),
        user,
        session,
        phone,
        locale: Locale::En,
        now: stage.now(),
    }
}

async fn run(stage: &Stage, change: &PhoneChange) -> PhoneChangeOutcome {
    let outcome = stage.records.change_phone(change, &stage.random).await;
    outcome.expect("an answer")
}

async fn found(stage: &Stage, user: Uuid) -> Option<User> {
    stage.records.find_user(user).await.expect("an answer")
}

pub(crate) async fn a_profile_changes_as_far_as_it_is_named_and_only_for_who_may(stage: Stage) {
    let (user, _) = signed_in(&stage, 1).await;
    let (bystander, _) = signed_in(&stage, 2).await;
    let update = async |change: ProfileChange| {
        let updated = stage.records.update_profile(user.id, &change, stage.now());
        updated.await.expect("an answer")
    };
    let named = update(ProfileChange {
        first_name: Some("مریم".to_owned()),
        email: EmailChange::Set("maryam@example.com".to_owned()),
        ..ProfileChange::default()
    })
    .await
    .expect("a user");
    assert_eq!(named.first_name, "مریم");
    let unchanged = update(ProfileChange::default()).await;
    assert_eq!(unchanged, Some(named.clone()));
    let removed = update(ProfileChange {
        last_name: Some("رضایی".to_owned()),
        email: EmailChange::Remove,
        ..ProfileChange::default()
    })
    .await
    .expect("a user");
    assert_eq!(
        (
            removed.first_name.as_str(),
            removed.last_name.as_str(),
            removed.email
        ),
        ("مریم", "رضایی", None)
    );
    assert_eq!(found(&stage, bystander.id).await, Some(bystander));
    let blocked = stage.records.set_blocked(user.id, true, stage.now()).await;
    assert!(blocked.expect("an answer"));
    assert_eq!(update(ProfileChange::default()).await, None);
}

pub(crate) async fn a_change_of_number_is_one_transaction_with_its_notice_and_its_code(
    stage: Stage,
) {
    let (user, _) = signed_in(&stage, 1).await;
    let (_, session) = signed_in(&stage, 1).await;
    let change = change(&stage, user.id, session, phone(2));
    let outcome = run(&stage, &change).await;
    let PhoneChangeOutcome::Changed {
        user: changed,
        notice: Some(notice),
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!((&changed.id, &changed.phone), (&user.id, &Some(phone(2))));
    assert_eq!(changed.username, phone(2).digits());
    assert_eq!(changed.phone_verified_at, Some(stage.now()));
    let written = stage.records.notice(notice.id).await.expect("an answer");
    let written = written.expect("a notice");
    assert_eq!(
        (written.phone, written.kind),
        (phone(1), NoticeKind::PhoneChanged)
    );
    assert_eq!(
        (written.locale, written.deadline_at),
        (Locale::En, notice.deadline_at)
    );
    let waiting = stage.records.waiting_notices(stage.now(), 10).await;
    assert_eq!(waiting.expect("a list"), [notice]);
    let sessions = stage.records.live_sessions(user.id, stage.now()).await;
    let left: Vec<_> = sessions.expect("a list").iter().map(|one| one.id).collect();
    assert_eq!(left, [session]);
    assert_eq!(run(&stage, &change).await, PhoneChangeOutcome::CodeUsed);
    let renewed = "users WHERE devices_valid_from IS NOT NULL";
    assert_eq!(stage.count(renewed).await, 1);
    assert_eq!(stage.count("notices").await, 1);
}

pub(crate) async fn a_change_that_is_not_allowed_uses_no_code(stage: Stage) {
    let (user, session) = signed_in(&stage, 1).await;
    let (_, session_of_other) = signed_in(&stage, 2).await;
    let refused = [
        change(&stage, user.id, session_of_other, phone(3)),
        change(&stage, Uuid::nil(), session, phone(3)),
    ];
    for change in &refused {
        assert_eq!(run(&stage, change).await, PhoneChangeOutcome::NotAllowed);
    }
    let ended = change(&stage, user.id, session, phone(3));
    let blocked = stage.records.set_blocked(user.id, true, stage.now()).await;
    assert!(blocked.expect("an answer"));
    assert_eq!(run(&stage, &ended).await, PhoneChangeOutcome::NotAllowed);
    let unblocked = stage.records.set_blocked(user.id, false, stage.now()).await;
    assert!(unblocked.expect("an answer"));
    assert_eq!(
        run(&stage, &ended).await,
        PhoneChangeOutcome::NotAllowed,
        "its session was ended"
    );
    for change in refused.iter().chain([&ended]) {
        let used = stage.records.root_used(change.root).await;
        assert!(!used.expect("an answer"));
    }
    assert_eq!(stage.count("notices").await, 0);
}

pub(crate) async fn a_taken_number_uses_the_code_up_and_changes_nothing(stage: Stage) {
    let (user, session) = signed_in(&stage, 1).await;
    let (owner, _) = signed_in(&stage, 2).await;
    let (_, elsewhere) = signed_in(&stage, 1).await;
    let change = change(&stage, user.id, session, phone(2));
    assert_eq!(run(&stage, &change).await, PhoneChangeOutcome::Taken);
    assert_eq!(run(&stage, &change).await, PhoneChangeOutcome::CodeUsed);
    let unchanged = found(&stage, user.id).await.expect("a user");
    assert_eq!(
        (unchanged.phone, unchanged.username),
        (user.phone, user.username)
    );
    assert_eq!(found(&stage, owner.id).await, Some(owner));
    let sessions = stage.records.live_sessions(user.id, stage.now()).await;
    let sessions = sessions.expect("a list");
    assert!(sessions.iter().any(|one| one.id == elsewhere));
    assert_eq!(stage.count("notices").await, 0);
}

pub(crate) async fn i_05_a_deletion_erases_the_person_and_keeps_that_codes_were_used(stage: Stage) {
    let sign_in = stage.sign_in(&phone(1));
    let outcome = stage.records.sign_in(&sign_in).await.expect("an answer");
    let SignInOutcome::SignedIn { user, .. } = outcome else {
        panic!("{outcome:?}")
    };
    let session = sign_in.session.id;
    let (bystander, session_of_other) = signed_in(&stage, 2).await;
    let ledger = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    let begin = stage.begin(1);
    ledger.begin(begin.clone()).await.expect("begun");
    stage
        .write_notice(&phone(1), NoticeKind::PasswordChanged)
        .await;
    stage
        .write_notice(&phone(2), NoticeKind::PasswordChanged)
        .await;

    let delete = |session| {
        stage
            .records
            .delete_account(user.id, DeletedBy::Owner(session), stage.now())
    };
    assert!(!delete(session_of_other).await.expect("an answer"));
    assert!(delete(session).await.expect("an answer"));

    assert_eq!(found(&stage, user.id).await, None);
    let of_phone = stage.records.find_user_by_phone(&phone(1)).await;
    assert_eq!(of_phone.expect("an answer"), None);
    let row = stage
        .records
        .ledger_row(begin.key)
        .await
        .expect("an answer");
    assert_eq!(row.expect("a row").phone, None);
    assert_eq!(stage.count("notices").await, 1, "another's stays");
    assert_eq!(stage.count("sessions").await, 1);
    assert_eq!(stage.count("refresh_tokens").await, 1);
    assert_eq!(found(&stage, bystander.id).await, Some(bystander));
    assert!(!delete(session).await.expect("an answer"));
    // The code that once opened the account opens nothing for the next owner either.
    let outcome = stage.records.sign_in(&sign_in).await.expect("an answer");
    assert_eq!(outcome, SignInOutcome::CodeUsed);
}

pub(crate) async fn a_deletion_does_not_silence_the_notice_to_the_number_before(stage: Stage) {
    let (user, session) = signed_in(&stage, 1).await;
    let change = change(&stage, user.id, session, phone(2));
    let outcome = run(&stage, &change).await;
    let PhoneChangeOutcome::Changed {
        notice: Some(notice),
        ..
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    let deleted = stage
        .records
        .delete_account(user.id, DeletedBy::Owner(session), stage.now());
    assert!(deleted.await.expect("an answer"));
    let left = stage.records.notice(notice.id).await.expect("an answer");
    assert_eq!(left.map(|notice| notice.phone), Some(phone(1)));
}

pub(crate) async fn who_is_kept_out_deletes_nothing(stage: Stage) {
    let (user, session) = signed_in(&stage, 1).await;
    let blocked = stage.records.set_blocked(user.id, true, stage.now()).await;
    assert!(blocked.expect("an answer"));
    let deleted = stage
        .records
        .delete_account(user.id, DeletedBy::Owner(session), stage.now());
    assert!(!deleted.await.expect("an answer"));
    let kept = found(&stage, user.id).await.expect("a user");
    assert_eq!(kept.phone, Some(phone(1)));
}

/// The first sign-in ends all other sessions at the moment at which the second, which may be a
/// thief's, wants something. Both can't have it: the one that came later finds its session ended.
async fn ends_the_thief(stage: &Stage, number: u32) -> (Uuid, Uuid, PasswordChange) {
    let (user, owner) = signed_in(stage, number).await;
    let (_, thief) = signed_in(stage, number).await;
    let change = PasswordChange {
        user: user.id,
        hash: hashes().await[0].clone(),
        keep_session: Some(owner),
        now: stage.now(),
    };
    (user.id, thief, change)
}

pub(crate) async fn r_19_a_session_that_is_ended_at_this_moment_changes_no_number(stage: Stage) {
    for number in 0..30 {
        let (user, thief, password) = ends_the_thief(&stage, number).await;
        let change = change(&stage, user, thief, phone(1_000 + number));
        let (outcome, secured) =
            tokio::join!(run(&stage, &change), stage.records.set_password(&password));
        let changed = matches!(outcome, PhoneChangeOutcome::Changed { .. });
        assert_ne!(changed, secured.expect("an answer"), "{outcome:?}");
    }
}

pub(crate) async fn ses_05_a_session_that_is_ended_at_this_moment_deletes_nothing(stage: Stage) {
    for number in 0..30 {
        let (user, thief, password) = ends_the_thief(&stage, number).await;
        let (deleted, secured) = tokio::join!(
            stage
                .records
                .delete_account(user, DeletedBy::Owner(thief), stage.now()),
            stage.records.set_password(&password)
        );
        assert_ne!(deleted.expect("an answer"), secured.expect("an answer"));
    }
}
