//! The step flow: each step once, in its order, in its time.

use std::sync::Arc;
use std::sync::LazyLock;

use domain::challenge::SessionId;
use domain::otp::Purpose;
use domain::password::PasswordHash;
use domain::phone::PhoneNumber;
use shared::records::{
    NumberStep, NumberStepOutcome, PasswordStep, Step, User, UserInfo, UserInfoStep,
};
use tokio::task::JoinSet;

use crate::stage::{Stage, phone};

/// Of "tahdig-va-ghormeh"; nothing here looks into it.
pub(crate) static HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    PasswordHash::from_stored(
        "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$\
         q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s",
    )
    .expect("a hash")
});

impl Stage {
    pub(crate) fn number_step(&self, phone: &PhoneNumber) -> NumberStep {
        NumberStep {
            root: self.root(),
            purpose: Purpose::Register,
            phone: phone.clone(),
            session: self.step_id(),
            now: self.now(),
        }
    }

    pub(crate) fn password_step(&self, session: SessionId) -> PasswordStep {
        PasswordStep {
            session,
            hash: HASH.clone(),
            new_user_id: self.new_session().id,
            now: self.now(),
        }
    }

    pub(crate) fn user_info_step(&self, session: SessionId) -> UserInfoStep {
        UserInfoStep {
            session,
            info: UserInfo {
                email: Some("maryam@example.com".to_owned()),
                first_name: "مریم".to_owned(),
                last_name: "میرزاخانی".to_owned(),
            },
            opening: self.new_session(),
        }
    }

    /// A code was right: the handle of a flow that waits for a new password.
    pub(crate) async fn proven(&self, phone: &PhoneNumber) -> SessionId {
        let step = self.number_step(phone);
        let taken = self.records.take_number_step(&step).await;
        assert_eq!(taken.expect("an answer"), NumberStepOutcome::Taken);
        step.session
    }

    /// A password was set: the handle of a flow that waits for names.
    pub(crate) async fn with_password(&self, phone: &PhoneNumber) -> SessionId {
        let step = self.password_step(self.proven(phone).await);
        assert!(self.take_password(&step).await);
        step.session
    }

    /// The handle of a flow that waits for the password, if somebody has one.
    pub(crate) async fn begun_with_password(&self, phone: &PhoneNumber) -> Option<SessionId> {
        let session = self.step_id();
        let begun = self
            .records
            .begin_password_step(phone, session, self.now())
            .await;
        begun.expect("an answer").then_some(session)
    }

    pub(crate) async fn take_password(&self, step: &PasswordStep) -> bool {
        let taken = self.records.take_password_step(step).await;
        taken.expect("an answer")
    }

    pub(crate) async fn take_user_info(&self, step: &UserInfoStep) -> Option<(User, bool)> {
        let taken = self.records.take_user_info_step(step).await;
        taken.expect("an answer")
    }

    /// The whole flow: the user of the number, with a password and a session.
    pub(crate) async fn take_flow(&self, phone: &PhoneNumber) -> User {
        let step = self.user_info_step(self.with_password(phone).await);
        self.take_user_info(&step).await.expect("taken").0
    }

    pub(crate) async fn waits_for(&self, session: SessionId) -> Vec<Step> {
        let mut steps = Vec::new();
        for step in [Step::Password, Step::SetPassword, Step::UserInfo] {
            let found = self.records.step_phone(session, step, self.now()).await;
            steps.extend(found.expect("an answer").map(|_| step));
        }
        steps
    }
}

pub(crate) async fn a_newcomer_goes_from_a_code_to_a_session(stage: Stage) {
    let records = &stage.records;
    let number = stage.number_step(&phone(1));
    let taken = records.take_number_step(&number).await;
    assert_eq!(taken.expect("an answer"), NumberStepOutcome::Taken);
    let used = records.root_used(number.root).await;
    assert!(used.expect("an answer"));
    assert_eq!(stage.count("users").await, 0, "no user before the password");
    let found = records.step_phone(number.session, Step::SetPassword, stage.now());
    assert_eq!(found.await.expect("an answer"), Some(phone(1)));

    stage.clock.advance(1_000);
    let password = stage.password_step(number.session);
    assert!(stage.take_password(&password).await);
    assert_eq!(stage.waits_for(number.session).await, [Step::UserInfo]);
    let user = records.find_user_by_phone(&phone(1)).await;
    let user = user.expect("an answer").expect("a user");
    assert_eq!(user.id, password.new_user_id);
    assert!(user.has_password);
    assert_eq!(user.phone_verified_at, Some(stage.now()));
    assert_eq!(stage.count("sessions").await, 0);

    stage.clock.advance(1_000);
    let info = stage.user_info_step(number.session);
    let (user, is_new) = stage.take_user_info(&info).await.expect("taken");
    assert!(is_new);
    assert_eq!(user.id, password.new_user_id);
    assert_eq!(user.email, info.info.email);
    assert_eq!(user.first_name, info.info.first_name);
    assert_eq!(user.last_name, info.info.last_name);
    assert_eq!(user.last_sign_in_at, Some(stage.now()));
    let sessions = records.live_sessions(user.id, stage.now()).await;
    assert_eq!(sessions.expect("a list")[0].id, info.opening.id);
    assert_eq!(stage.count("step_sessions").await, 0);
}

pub(crate) async fn someone_with_a_password_begins_with_it_and_nobody_else(stage: Stage) {
    let records = &stage.records;
    let begun = async || stage.begun_with_password(&phone(1)).await;
    assert_eq!(begun().await, None, "nobody has the number");
    let (user, _) = stage.signed_in(&phone(1)).await;
    assert_eq!(begun().await, None, "there is no password");
    stage.with_password(&phone(1)).await;
    let session = begun().await.expect("begun");
    let found = records.step_phone(session, Step::Password, stage.now());
    assert_eq!(found.await.expect("an answer"), Some(phone(1)));
    let blocked = records.set_blocked(user.id, true, stage.now()).await;
    assert!(blocked.expect("an answer"));
    assert_eq!(begun().await, None, "who is kept out is like anyone");
}

pub(crate) async fn a_flow_whose_number_has_a_password_by_now_waits_for_it_under_its_handle(
    stage: Stage,
) {
    let records = &stage.records;
    let session = stage.with_password(&phone(1)).await;
    let begin = async |of: u32| {
        let number = phone(of);
        let begun = records.begin_password_step(&number, session, stage.now());
        begun.await.expect("an answer")
    };
    assert!(begin(1).await && begin(1).await);
    assert_eq!(stage.waits_for(session).await, [Step::Password]);
    let info = stage.user_info_step(session);
    assert_eq!(stage.take_user_info(&info).await, None);
    // Of another number it is not.
    stage.with_password(&phone(2)).await;
    assert!(!begin(2).await);
    let found = records.step_phone(session, Step::Password, stage.now());
    assert_eq!(found.await.expect("an answer"), Some(phone(1)));
}

pub(crate) async fn i_05_of_a_handle_its_hash_is_stored(stage: Stage) {
    let session = stage.proven(&phone(1)).await;
    let hash = stage.blob(&session.step_hash());
    let row = format!("step_sessions WHERE id_hash = {hash}");
    assert_eq!(stage.count(&row).await, 1);
}

pub(crate) async fn no_step_is_skipped_or_taken_again(stage: Stage) {
    let number = stage.number_step(&phone(1));
    let session = number.session;
    assert!(!stage.take_password(&stage.password_step(session)).await);
    let taken = stage.records.take_number_step(&number).await;
    assert_eq!(taken.expect("an answer"), NumberStepOutcome::Taken);
    let mut again = stage.number_step(&phone(1));
    again.root = number.root;
    let used = stage.records.take_number_step(&again).await;
    assert_eq!(used.expect("an answer"), NumberStepOutcome::CodeUsed);
    assert_eq!(stage.waits_for(again.session).await, []);
    again.session = session;
    let used = stage.records.take_number_step(&again).await;
    assert_eq!(used.expect("an answer"), NumberStepOutcome::CodeUsed);
    assert_eq!(stage.waits_for(session).await, [Step::SetPassword]);

    let skipping = stage.user_info_step(session);
    assert_eq!(stage.take_user_info(&skipping).await, None);
    let unknown = stage.password_step(stage.step_id());
    assert!(!stage.take_password(&unknown).await);

    let password = stage.password_step(session);
    assert!(stage.take_password(&password).await);
    let again = stage.password_step(session);
    assert!(!stage.take_password(&again).await);
    assert_eq!(stage.waits_for(session).await, [Step::UserInfo]);

    let info = stage.user_info_step(session);
    assert!(stage.take_user_info(&info).await.is_some());
    let replayed = stage.user_info_step(session);
    assert_eq!(stage.take_user_info(&replayed).await, None);
    assert!(!stage.take_password(&stage.password_step(session)).await);
    assert_eq!(stage.waits_for(session).await, []);

    // Nor does the step of somebody with a password lead to anything but their password.
    let begun = stage.begun_with_password(&phone(1)).await;
    let session = begun.expect("begun");
    assert!(!stage.take_password(&stage.password_step(session)).await);
    let info = stage.user_info_step(session);
    assert_eq!(stage.take_user_info(&info).await, None);
    assert_eq!(stage.count("users").await, 1);
    assert_eq!(stage.count("sessions").await, 1);
}

pub(crate) async fn r_01_of_20_at_once_one_takes_a_step(stage: Stage) {
    let stage = Arc::new(stage);
    let number = stage.number_step(&phone(1));
    let session = number.session;
    let mut tries = JoinSet::new();
    for _ in 0..20 {
        let (stage, step) = (Arc::clone(&stage), number.clone());
        tries.spawn(async move {
            let taken = stage.records.take_number_step(&step).await;
            taken.expect("an answer") == NumberStepOutcome::Taken
        });
    }
    let taken = tries.join_all().await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);

    let mut tries = JoinSet::new();
    for _ in 0..20 {
        let stage = Arc::clone(&stage);
        tries.spawn(async move {
            let step = stage.password_step(session);
            stage.take_password(&step).await
        });
    }
    let taken = tries.join_all().await;
    assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 1);

    let mut tries = JoinSet::new();
    for _ in 0..20 {
        let stage = Arc::clone(&stage);
        tries.spawn(async move { stage.take_user_info(&stage.user_info_step(session)).await });
    }
    assert_eq!(tries.join_all().await.into_iter().flatten().count(), 1);
    assert_eq!(stage.count("users").await, 1);
    assert_eq!(stage.count("sessions").await, 1);
    assert_eq!(stage.count("step_sessions").await, 0);
}

pub(crate) async fn two_flows_of_one_new_number_at_once_make_one_user(stage: Stage) {
    let stage = Arc::new(stage);
    for number in 0..10 {
        let mut tries = JoinSet::new();
        for _ in 0..2 {
            let step = stage.password_step(stage.proven(&phone(number)).await);
            let stage = Arc::clone(&stage);
            tries.spawn(async move { stage.take_password(&step).await });
        }
        let mut taken = tries.join_all().await;
        taken.sort_unstable();
        assert_eq!(taken, [false, true], "there is one first password");
    }
    assert_eq!(stage.count("users").await, 10);
}

pub(crate) async fn an_account_that_exists_keeps_itself_and_loses_its_sessions(stage: Stage) {
    let (user, _) = stage.signed_in(&phone(1)).await;
    let (bystander, _) = stage.signed_in(&phone(2)).await;
    stage
        .execute("UPDATE users SET email = 'old@example.com', first_name = 'Old'")
        .await
        .expect("named");
    let session = stage.with_password(&phone(1)).await;
    let live = stage.records.live_sessions(user.id, stage.now()).await;
    assert_eq!(live.expect("a list"), []);
    let ended = "sessions WHERE revoked_reason = 'password_changed'";
    assert_eq!(stage.count(ended).await, 1);
    let others = stage.records.live_sessions(bystander.id, stage.now()).await;
    assert_eq!(others.expect("a list").len(), 1);

    let mut info = stage.user_info_step(session);
    info.info.email = None;
    let (named, is_new) = stage.take_user_info(&info).await.expect("taken");
    assert!(!is_new);
    assert_eq!((named.id, named.created_at), (user.id, user.created_at));
    assert_eq!(named.email.as_deref(), Some("old@example.com"));
    assert_eq!(named.first_name, info.info.first_name);
}
