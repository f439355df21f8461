//! The schema, users, blocks and sessions.

use chrono::TimeDelta;
use migrate::PendingReason;
use shared::records::{RecordsError, SignInOutcome};
use uuid::Uuid;

use crate::stage::{Stage, phone};

pub(crate) async fn an_open_database_answers_and_lacks_nothing(stage: Stage) {
    stage.records.ping().await.expect("an answer");
    let pending = stage.records.pending_migrations().await.expect("an answer");
    assert_eq!(pending, []);
}

pub(crate) async fn a_changed_or_missing_migration_is_told(stage: Stage) {
    stage
        .execute("DELETE FROM _sqlx_migrations WHERE version = 5")
        .await
        .expect("deleted");
    let checksum = stage.blob(&[0; 48]);
    stage
        .execute(format!(
            "UPDATE _sqlx_migrations SET checksum = {checksum} WHERE version = 2"
        ))
        .await
        .expect("changed");
    let pending = stage.records.pending_migrations().await.expect("an answer");
    let told: Vec<_> = pending
        .iter()
        .map(|one| (one.version, one.reason))
        .collect();
    assert_eq!(
        told,
        [(2, PendingReason::Changed), (5, PendingReason::NotApplied)]
    );
    assert_eq!(
        pending[0].to_string(),
        "0002_send_ledger (applied with another text)"
    );
    assert_eq!(pending[1].to_string(), "0005_audit_log");
}

pub(crate) async fn an_unreadable_row_is_told_and_not_guessed_at(stage: Stage) {
    let (user, _) = stage.signed_in(&phone(1)).await;
    stage
        .execute("UPDATE users SET phone = '0912'")
        .await
        .expect("changed");
    let error = stage
        .records
        .find_user(user.id)
        .await
        .expect_err("unreadable");
    assert!(
        matches!(error, RecordsError::Corrupt { table: "users", .. }),
        "{error:?}"
    );
    assert!(!error.to_string().contains("0912"), "{error}");
}

pub(crate) async fn a_deletion_that_leaves_personal_data_is_refused(stage: Stage) {
    let (user, _) = stage.signed_in(&phone(1)).await;
    let time = stage.now().to_rfc3339();
    stage
        .execute("UPDATE users SET email = 'someone@example.com', first_name = 'مریم'")
        .await
        .expect("named");
    for kept in [
        "phone = NULL, email = NULL, username = 'deleted-1'",
        "phone = NULL, first_name = '', username = 'deleted-1'",
        "email = NULL, first_name = '', username = 'deleted-1'",
        "phone = NULL, email = NULL, first_name = ''",
    ] {
        stage
            .execute(format!("UPDATE users SET deleted_at = '{time}', {kept}"))
            .await
            .expect_err(kept);
    }
    stage
        .execute(format!(
            "UPDATE users SET deleted_at = '{time}', phone = NULL, email = NULL, \
             first_name = '', username = 'deleted-1'"
        ))
        .await
        .expect("a whole deletion");
    assert_eq!(
        stage.records.find_user(user.id).await.expect("an answer"),
        None
    );
    let (next_owner, is_new) = stage.signed_in(&phone(1)).await;
    assert!(is_new);
    assert_ne!(next_owner.id, user.id);
}

pub(crate) async fn ses_05_a_block_ends_the_sessions_and_an_unblock_lets_in_again(stage: Stage) {
    let (user, _) = stage.signed_in(&phone(1)).await;
    let (bystander, _) = stage.signed_in(&phone(2)).await;
    let records = &stage.records;
    stage.clock.advance(1_000);

    assert!(
        records
            .set_blocked(user.id, true, stage.now())
            .await
            .expect("blocked")
    );

    let blocked = records
        .find_user(user.id)
        .await
        .expect("an answer")
        .expect("a user");
    assert_eq!(blocked.blocked_at, Some(stage.now()));
    let sessions = records.live_sessions(user.id, stage.now()).await;
    assert_eq!(sessions.expect("a list"), []);
    let others = records.live_sessions(bystander.id, stage.now()).await;
    assert_eq!(others.expect("a list").len(), 1);

    assert!(
        records
            .set_blocked(user.id, false, stage.now())
            .await
            .expect("unblocked")
    );

    let sessions = records.live_sessions(user.id, stage.now()).await;
    assert_eq!(
        sessions.expect("a list"),
        [],
        "an ended session stays ended"
    );
    let outcome = records
        .sign_in(&stage.sign_in(&phone(1)))
        .await
        .expect("an answer");
    assert!(matches!(
        outcome,
        SignInOutcome::SignedIn { is_new: false, .. }
    ));
    let nobody = records.set_blocked(Uuid::nil(), true, stage.now()).await;
    assert!(!nobody.expect("an answer"));
}

pub(crate) async fn i_03_the_database_refuses_a_second_live_refresh_token_of_a_session(
    stage: Stage,
) {
    let sign_in = stage.sign_in(&phone(1));
    stage.records.sign_in(&sign_in).await.expect("signed in");
    let next = format!(
        "INSERT INTO refresh_tokens (token_hash, session_id, generation, issued_at) \
         SELECT {}, id, 1, created_at FROM sessions",
        stage.blob(&[7; 32])
    );
    stage
        .execute(next.as_str())
        .await
        .expect_err("two live tokens");
    let time = (stage.now() + TimeDelta::seconds(5)).to_rfc3339();
    stage
        .execute(format!("UPDATE refresh_tokens SET retired_at = '{time}'"))
        .await
        .expect("retired");
    stage.execute(next).await.expect("the one live token");
}
