//! Passwords: set, replaced, and the sessions that end by it.

use domain::challenge::Locale;
use domain::notice::NoticeKind;
use domain::password::{Password, PasswordHash, Passwords};
use domain::phone::PhoneNumber;
use domain::random::Random;
use shared::records::{NewNotice, PasswordChange, PasswordLogIn, RecordsError};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::stage::{Stage, phone};

/// What Django stores; costs little.
const FROM_DJANGO: &str =
    "pbkdf2_sha256$1000$saltéRamz$1O+K7p0bbVmGOzCiquSmAJ71rXzdy0mkN71NIExJJRY=";

static HASHES: OnceCell<[PasswordHash; 2]> = OnceCell::const_new();

pub(crate) async fn hashes() -> &'static [PasswordHash; 2] {
    let make = async || {
        let passwords = Passwords::new(&Random::seeded(1));
        let hash = async |text: &str| {
            let password = Password::parse(text).expect("a password");
            passwords.hash(&password).await.expect("room")
        };
        [hash("tahdig-va-ghormeh").await, hash("correct horse").await]
    };
    HASHES.get_or_init(make).await
}

impl Stage {
    pub(crate) fn change(
        &self,
        user: Uuid,
        hash: &PasswordHash,
        keep_session: Option<Uuid>,
    ) -> PasswordChange {
        PasswordChange {
            user,
            hash: hash.clone(),
            keep_session,
            now: self.now(),
        }
    }

    fn log_in(&self, user: Uuid, hash: &PasswordHash) -> PasswordLogIn {
        PasswordLogIn {
            user,
            hash: hash.clone(),
            session: self.new_session(),
        }
    }

    pub(crate) fn password_notice(&self, phone: &PhoneNumber) -> NewNotice {
        let kind = NoticeKind::PasswordChanged;
        let random = Random::operating_system();
        NewNotice::new(&random, phone.clone(), kind, Locale::Fa, self.now())
    }

    pub(crate) async fn stored(&self, phone: &PhoneNumber) -> Option<String> {
        let holder = self.records.password_of_phone(phone).await;
        let holder = holder.expect("an answer").expect("a user");
        holder.hash.map(|hash| hash.expose().to_owned())
    }
}

pub(crate) async fn a_password_is_found_by_number_and_by_user(stage: Stage) {
    let [hash, _] = hashes().await;
    let (user, _) = stage.signed_in(&phone(1)).await;
    let records = &stage.records;
    let nobody = records.password_of_phone(&phone(2)).await;
    assert!(nobody.expect("an answer").is_none());
    assert_eq!(stage.stored(&phone(1)).await, None);
    let none = records.password_of_user(user.id).await;
    assert!(none.expect("an answer").is_none());

    let change = stage.change(user.id, hash, None);
    assert!(records.set_password(&change).await.expect("set"));

    let holder = records.password_of_phone(&phone(1)).await;
    let holder = holder.expect("an answer").expect("a user");
    assert_eq!(holder.user, user.id);
    assert!(!holder.blocked);
    assert_eq!(
        stage.stored(&phone(1)).await.as_deref(),
        Some(hash.expose())
    );
    let of_user = records.password_of_user(user.id).await.expect("an answer");
    assert_eq!(of_user.expect("a hash").expose(), hash.expose());
    let found = records.find_user(user.id).await.expect("an answer");
    assert!(found.expect("a user").has_password);

    records
        .set_blocked(user.id, true, stage.now())
        .await
        .expect("blocked");
    let holder = records.password_of_phone(&phone(1)).await;
    assert!(holder.expect("an answer").expect("a user").blocked);
}

pub(crate) async fn ses_05_a_new_password_ends_all_sessions_but_ones_own(stage: Stage) {
    let [hash, _] = hashes().await;
    let mine = stage.sign_in(&phone(1));
    stage.records.sign_in(&mine).await.expect("signed in");
    let (user, _) = stage.signed_in(&phone(1)).await;
    let (bystander, _) = stage.signed_in(&phone(2)).await;
    assert_eq!(stage.live(user.id).await.len(), 2);
    stage.clock.advance(1_000);

    let change = stage.change(user.id, hash, Some(mine.session.id));
    assert!(stage.records.set_password(&change).await.expect("set"));

    assert_eq!(stage.live(user.id).await, [mine.session.id]);
    assert_eq!(stage.live(bystander.id).await.len(), 1);
    let ended = stage
        .execute(
            "UPDATE sessions SET revoked_reason = 'seen' WHERE revoked_reason = 'password_changed'",
        )
        .await;
    assert_eq!(ended.expect("counted"), 1);

    let change = stage.change(user.id, hash, None);
    assert!(stage.records.set_password(&change).await.expect("set"));
    assert!(
        stage.live(user.id).await.is_empty(),
        "without one to keep, all end"
    );
}

pub(crate) async fn of_two_changes_at_once_the_one_whose_session_ended_is_refused(stage: Stage) {
    let hashes = hashes().await;
    let sign_ins = [stage.sign_in(&phone(1)), stage.sign_in(&phone(1))];
    for sign_in in &sign_ins {
        stage.records.sign_in(sign_in).await.expect("signed in");
    }
    let user = stage.records.find_user_by_phone(&phone(1)).await;
    let user = user.expect("an answer").expect("a user");

    let changes: Vec<_> = hashes
        .iter()
        .zip(&sign_ins)
        .map(|(hash, sign_in)| stage.change(user.id, hash, Some(sign_in.session.id)))
        .collect();
    let done = futures::future::join_all(
        changes
            .iter()
            .map(|change| stage.records.set_password(change)),
    );
    let done: Vec<bool> = done
        .await
        .into_iter()
        .map(|one| one.expect("an answer"))
        .collect();

    assert_eq!(done.iter().filter(|done| **done).count(), 1);
    let winner = usize::from(done[1]);
    assert_eq!(stage.live(user.id).await, [sign_ins[winner].session.id]);
    assert_eq!(
        stage.stored(&phone(1)).await.as_deref(),
        Some(hashes[winner].expose())
    );
}

pub(crate) async fn nobody_sets_the_password_of_a_blocked_or_unknown_user(stage: Stage) {
    let [hash, _] = hashes().await;
    let (user, _) = stage.signed_in(&phone(1)).await;
    stage
        .records
        .set_blocked(user.id, true, stage.now())
        .await
        .expect("blocked");
    for user in [user.id, Uuid::nil()] {
        let change = stage.change(user, hash, None);
        assert!(
            !stage
                .records
                .set_password(&change)
                .await
                .expect("an answer")
        );
    }
    assert_eq!(stage.stored(&phone(1)).await, None);
}

pub(crate) async fn a_hash_is_upgraded_only_while_it_is_the_old_one(stage: Stage) {
    let [new, other] = hashes().await;
    let (user, _) = stage.signed_in(&phone(1)).await;
    let old = PasswordHash::from_stored(FROM_DJANGO).expect("known");
    let records = &stage.records;
    records
        .set_password(&stage.change(user.id, &old, None))
        .await
        .expect("set");
    let session = stage.new_session();
    let log_in = PasswordLogIn {
        session: session.clone(),
        ..stage.log_in(user.id, &old)
    };
    records
        .log_in(&log_in)
        .await
        .expect("an answer")
        .expect("logged in");

    assert!(
        !records
            .upgrade_password(user.id, other, new)
            .await
            .expect("an answer")
    );
    assert_eq!(stage.stored(&phone(1)).await.as_deref(), Some(FROM_DJANGO));
    assert!(
        records
            .upgrade_password(user.id, &old, new)
            .await
            .expect("an answer")
    );
    assert_eq!(stage.stored(&phone(1)).await.as_deref(), Some(new.expose()));
    assert!(
        !records
            .upgrade_password(user.id, &old, other)
            .await
            .expect("an answer")
    );
    assert_eq!(
        stage.live(user.id).await,
        [session.id],
        "no session ends by it"
    );
}

pub(crate) async fn a_right_password_opens_a_session_without_a_code(stage: Stage) {
    let [hash, other] = hashes().await;
    let (user, _) = stage.signed_in(&phone(1)).await;
    let records = &stage.records;
    records
        .set_password(&stage.change(user.id, hash, None))
        .await
        .expect("set");
    stage.clock.advance(60_000);

    let log_in = stage.log_in(user.id, hash);
    let logged_in = records
        .log_in(&log_in)
        .await
        .expect("an answer")
        .expect("logged in");
    assert_eq!(logged_in.last_sign_in_at, Some(stage.now()));
    let in_use = records
        .session_in_use(user.id, log_in.session.id, stage.now())
        .await;
    let (_, session) = in_use.expect("an answer").expect("it holds");
    assert!(!session.by_code);
    assert_eq!(session.opened_at, stage.now());

    let changed = records.log_in(&stage.log_in(user.id, other)).await;
    assert!(
        changed.expect("an answer").is_none(),
        "the password is no longer that"
    );
    records
        .set_blocked(user.id, true, stage.now())
        .await
        .expect("blocked");
    let blocked = records.log_in(&stage.log_in(user.id, hash)).await;
    assert!(blocked.expect("an answer").is_none());
    assert!(stage.live(user.id).await.is_empty());
}

pub(crate) async fn an_unreadable_hash_is_told_and_not_guessed_at(stage: Stage) {
    stage.signed_in(&phone(1)).await;
    for hash in [
        "md5$salt$0123",
        "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    ] {
        let sql = format!("UPDATE users SET password_hash = '{hash}'");
        stage.execute(sql).await.expect("changed");
        let error = stage
            .records
            .password_of_phone(&phone(1))
            .await
            .expect_err("unreadable");
        assert!(
            matches!(error, RecordsError::Corrupt { table: "users", .. }),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains(hash));
    }
}
