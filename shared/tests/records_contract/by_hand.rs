//! Superusers and passwords that an operator sets.

use domain::challenge::Locale;
use domain::notice::NoticeKind;
use domain::password::PasswordHash;
use shared::records::{MadeSuperuser, MakeSuperuser, NewNotice, PasswordChange};
use uuid::Uuid;

use crate::stage::{Stage, phone};

const HASH: &str = "pbkdf2_sha256$1000$c2FsdA$eGFtcGxleGFtcGxleGFtcGxleGFtcGxleGFtcGxlZXg=";

fn hash() -> PasswordHash {
    PasswordHash::from_stored(HASH).expect("a known format")
}

fn wanted(stage: &Stage, number: u32, id: u128) -> MakeSuperuser {
    MakeSuperuser {
        phone: phone(number),
        new_user_id: Uuid::from_u128(id),
        hash: hash(),
        may_promote: false,
        notice: notice(stage, number),
        audit_id: Uuid::from_u128(1_000 + id),
        now: stage.now(),
    }
}

fn notice(stage: &Stage, number: u32) -> NewNotice {
    NewNotice {
        id: Uuid::from_u128(number.into()),
        phone: phone(number),
        kind: NoticeKind::PasswordChanged,
        locale: Locale::Fa,
        created_at: stage.now(),
    }
}

fn audited(action: &str, user: Uuid, stage: &Stage) -> String {
    let subject = stage.blob(user.as_bytes());
    let postgres = subject.starts_with("'\\x");
    let subject = if postgres {
        format!("'{user}'")
    } else {
        subject
    };
    format!(
        "audit_log WHERE action = '{action}' AND source = 'command_line' \
         AND subject_id = {subject} AND actor_id IS NULL"
    )
}

pub(crate) async fn a_superuser_is_created_or_promoted_and_the_audit_log_says_so(stage: Stage) {
    let records = &stage.records;
    let first = wanted(&stage, 1, 1);
    let made = records.make_superuser(&first).await.expect("made");
    assert_eq!(made, MadeSuperuser::Created(first.new_user_id));
    let found = records
        .find_user_by_phone(&phone(1))
        .await
        .expect("an answer");
    let user = found.expect("a user");
    assert!(user.is_staff && user.is_superuser && user.has_password);
    assert_eq!(user.username, phone(1).digits());
    assert_eq!(user.phone_verified_at, None);
    assert_eq!(
        stage
            .count(&audited("superuser_created", user.id, &stage))
            .await,
        1
    );

    let (other, _) = stage.signed_in(&phone(2)).await;
    let mut second = wanted(&stage, 2, 2);
    let made = records.make_superuser(&second).await.expect("an answer");
    assert_eq!(made, MadeSuperuser::Exists);
    assert_eq!(
        records.find_user(other.id).await.expect("an answer"),
        Some(other.clone())
    );
    second.may_promote = true;
    let made = records.make_superuser(&second).await.expect("made");
    assert_eq!(made, MadeSuperuser::Promoted(other.id));
    let user = records
        .find_user(other.id)
        .await
        .expect("an answer")
        .expect("a user");
    assert!(user.is_staff && user.is_superuser && user.has_password);
    let sessions = records.live_sessions(other.id, stage.now()).await;
    assert_eq!(
        sessions.expect("a list"),
        [],
        "opened without the new password"
    );
    assert_eq!(
        stage
            .count(&audited("superuser_promoted", other.id, &stage))
            .await,
        1
    );

    let (blocked, _) = stage.signed_in(&phone(3)).await;
    records
        .set_blocked(blocked.id, true, stage.now())
        .await
        .expect("blocked");
    let third = MakeSuperuser {
        may_promote: true,
        ..wanted(&stage, 3, 3)
    };
    let made = records.make_superuser(&third).await.expect("an answer");
    assert_eq!(made, MadeSuperuser::Blocked);
    assert_eq!(stage.count("audit_log").await, 2);
    let told = "notices WHERE kind = 'password_changed' AND phone = '+989120000002'";
    assert_eq!(stage.count(told).await, 1);
    assert_eq!(stage.count("notices").await, 1);
    assert_eq!(stage.count("users WHERE is_superuser").await, 2);
}

pub(crate) async fn a_password_set_by_hand_ends_the_sessions(stage: Stage) {
    let records = &stage.records;
    let (user, _) = stage.signed_in(&phone(1)).await;
    let (bystander, _) = stage.signed_in(&phone(2)).await;
    let change = PasswordChange {
        user: user.id,
        hash: hash(),
        keep_session: None,
        now: stage.now(),
    };
    let set = records
        .set_password_by_hand(&change, &notice(&stage, 1), Uuid::from_u128(1))
        .await;
    assert!(set.expect("set"));
    let live = async |id| {
        let sessions = records.live_sessions(id, stage.now()).await;
        sessions.expect("a list").len()
    };
    assert_eq!((live(user.id).await, live(bystander.id).await), (0, 1));
    let stored = records.password_of_user(user.id).await.expect("an answer");
    assert_eq!(stored.expect("a password").expose(), HASH);
    assert_eq!(
        stage.count(&audited("password_set", user.id, &stage)).await,
        1
    );

    records
        .set_blocked(bystander.id, true, stage.now())
        .await
        .expect("blocked");
    for user in [bystander.id, Uuid::nil()] {
        let change = PasswordChange {
            user,
            ..change.clone()
        };
        let set = records
            .set_password_by_hand(&change, &notice(&stage, 2), Uuid::from_u128(2))
            .await;
        assert!(!set.expect("an answer"));
    }
    assert_eq!(stage.count("audit_log").await, 1);
    assert_eq!(
        stage.count("notices WHERE phone = '+989120000001'").await,
        1
    );
    assert_eq!(stage.count("notices").await, 1);
}
