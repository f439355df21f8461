//! The step flow: each step once, in its order, in its time.

use std::sync::Arc;
use std::sync::LazyLock;

use chrono::TimeDelta;
use shared::challenge::SessionId;
use shared::otp::Purpose;
use shared::password::PasswordHash;
use shared::phone::PhoneNumber;
use shared::records::{
    NumberStep, NumberStepOutcome, PasswordChange, PasswordLogIn, PasswordStep, RecordsError,
    STEP_LIFE, Step, StepLogInOutcome, User, UserInfo, UserInfoStep,
};
use tokio::task::JoinSet;

use crate::stage::{Stage, phone};

/// Of "tahdig-va-ghormeh"; nothing here looks into it.
static HASH: LazyLock<PasswordHash> = LazyLock::new(|| {
    PasswordHash::from_stored(
        "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$\
         q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s",
    )
    .expect("a hash")
});

impl Stage {
    fn number_step(&self, phone: &PhoneNumber) -> NumberStep {
        NumberStep {
            challenge: self.challenge(),
            purpose: Purpose::Register,
            phone: phone.clone(),
            next: self.step_id(),
            now: self.now(),
        }
    }

    fn password_step(&self, session: SessionId) -> PasswordStep {
        PasswordStep {
            session,
            hash: HASH.clone(),
            new_user_id: self.new_session().id,
            next: self.step_id(),
            now: self.now(),
        }
    }

    fn user_info_step(&self, session: SessionId) -> UserInfoStep {
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

    /// A code was right: the handle of the step that sets a password.
    async fn proven(&self, phone: &PhoneNumber) -> SessionId {
        let step = self.number_step(phone);
        let taken = self.records.take_number_step(&step).await;
        assert_eq!(taken.expect("an answer"), NumberStepOutcome::Taken);
        step.next
    }

    /// A password was set: the handle of the step that asks for names.
    async fn with_password(&self, phone: &PhoneNumber) -> SessionId {
        let step = self.password_step(self.proven(phone).await);
        assert!(self.take_password(&step).await);
        step.next
    }

    /// The handle of the step that asks for the password, if somebody has one.
    async fn begun_with_password(&self, phone: &PhoneNumber) -> Option<SessionId> {
        let session = self.step_id();
        let begun = self
            .records
            .begin_password_step(phone, session, self.now())
            .await;
        begun.expect("an answer").then_some(session)
    }

    async fn take_password(&self, step: &PasswordStep) -> bool {
        let taken = self.records.take_password_step(step).await;
        taken.expect("an answer")
    }

    async fn take_user_info(&self, step: &UserInfoStep) -> Option<(User, bool)> {
        let taken = self.records.take_user_info_step(step).await;
        taken.expect("an answer")
    }

    /// The whole flow: the user of the number, with a password and a session.
    async fn take_flow(&self, phone: &PhoneNumber) -> User {
        let step = self.user_info_step(self.with_password(phone).await);
        self.take_user_info(&step).await.expect("taken").0
    }

    async fn waits_for(&self, session: SessionId) -> Vec<Step> {
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
    let used = records.challenge_used(number.challenge).await;
    assert!(used.expect("an answer"));
    assert_eq!(stage.count("users").await, 0, "no user before the password");
    let found = records.step_phone(number.next, Step::SetPassword, stage.now());
    assert_eq!(found.await.expect("an answer"), Some(phone(1)));

    stage.clock.advance(1_000);
    let password = stage.password_step(number.next);
    assert!(stage.take_password(&password).await);
    assert_eq!(stage.waits_for(number.next).await, []);
    assert_eq!(stage.waits_for(password.next).await, [Step::UserInfo]);
    let user = records.find_user_by_phone(&phone(1)).await;
    let user = user.expect("an answer").expect("a user");
    assert_eq!(user.id, password.new_user_id);
    assert!(user.has_password);
    assert_eq!(user.phone_verified_at, Some(stage.now()));
    assert_eq!(stage.count("sessions").await, 0);

    stage.clock.advance(1_000);
    let info = stage.user_info_step(password.next);
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

pub(crate) async fn i_05_of_a_handle_its_hash_is_stored(stage: Stage) {
    let session = stage.proven(&phone(1)).await;
    let hash = stage.blob(&session.step_hash());
    let row = format!("step_sessions WHERE id_hash = {hash}");
    assert_eq!(stage.count(&row).await, 1);
}

pub(crate) async fn no_step_is_skipped_or_taken_again(stage: Stage) {
    let number = stage.number_step(&phone(1));
    let taken = stage.records.take_number_step(&number).await;
    assert_eq!(taken.expect("an answer"), NumberStepOutcome::Taken);
    let mut again = stage.number_step(&phone(1));
    again.challenge = number.challenge;
    let used = stage.records.take_number_step(&again).await;
    assert_eq!(used.expect("an answer"), NumberStepOutcome::CodeUsed);
    assert_eq!(stage.waits_for(again.next).await, []);

    let skipping = stage.user_info_step(number.next);
    assert_eq!(stage.take_user_info(&skipping).await, None);
    let unknown = stage.password_step(stage.step_id());
    assert!(!stage.take_password(&unknown).await);

    let password = stage.password_step(number.next);
    assert!(stage.take_password(&password).await);
    assert!(!stage.take_password(&stage.password_step(number.next)).await);
    let backwards = stage.password_step(password.next);
    assert!(!stage.take_password(&backwards).await);

    let info = stage.user_info_step(password.next);
    assert!(stage.take_user_info(&info).await.is_some());
    let replayed = stage.user_info_step(password.next);
    assert_eq!(stage.take_user_info(&replayed).await, None);

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
    let challenge = stage.challenge();
    let mut tries = JoinSet::new();
    for _ in 0..20 {
        let stage = Arc::clone(&stage);
        tries.spawn(async move {
            let mut step = stage.number_step(&phone(1));
            step.challenge = challenge;
            let taken = stage.records.take_number_step(&step).await;
            (taken.expect("an answer") == NumberStepOutcome::Taken).then_some(step.next)
        });
    }
    let taken: Vec<SessionId> = tries.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);

    let session = taken[0];
    let mut tries = JoinSet::new();
    for _ in 0..20 {
        let stage = Arc::clone(&stage);
        tries.spawn(async move {
            let step = stage.password_step(session);
            stage.take_password(&step).await.then_some(step.next)
        });
    }
    let taken: Vec<SessionId> = tries.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);

    let session = taken[0];
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

pub(crate) async fn a_step_lives_fifteen_minutes(stage: Stage) {
    let life = STEP_LIFE.num_milliseconds();
    assert_eq!(STEP_LIFE, TimeDelta::minutes(15));
    let (early, late) = (stage.proven(&phone(1)).await, stage.proven(&phone(2)).await);
    stage.clock.advance(life - 1);
    let password = stage.password_step(early);
    assert!(stage.take_password(&password).await);
    stage.clock.advance(1);
    assert!(!stage.take_password(&stage.password_step(late)).await);
    assert_eq!(stage.waits_for(late).await, []);

    // The next step has its own fifteen minutes.
    stage.clock.advance(life - 2);
    let begun = stage.begun_with_password(&phone(1)).await;
    let session = begun.expect("begun");
    assert_eq!(stage.waits_for(password.next).await, [Step::UserInfo]);
    stage.clock.advance(1);
    let info = stage.user_info_step(password.next);
    assert_eq!(stage.take_user_info(&info).await, None);
    stage.clock.advance(life - 2);
    assert_eq!(stage.waits_for(session).await, [Step::Password]);
    stage.clock.advance(1);
    assert_eq!(stage.waits_for(session).await, []);
}

pub(crate) async fn r_09_a_block_holds_on_every_step(stage: Stage) {
    let records = &stage.records;
    let (user, _) = stage.signed_in(&phone(1)).await;
    let at_password = stage.proven(&phone(1)).await;
    let at_info = stage.with_password(&phone(1)).await;
    let blocked = records.set_blocked(user.id, true, stage.now()).await;
    assert!(blocked.expect("an answer"));

    let number = stage.number_step(&phone(1));
    let outcome = records.take_number_step(&number).await;
    assert_eq!(outcome.expect("an answer"), NumberStepOutcome::Blocked);
    let used = records.challenge_used(number.challenge).await;
    assert!(!used.expect("an answer"), "the code stays unused");
    let password = stage.password_step(at_password);
    assert!(!stage.take_password(&password).await);
    let info = stage.user_info_step(at_info);
    assert_eq!(stage.take_user_info(&info).await, None);
    assert_eq!(stage.count("users").await, 1);
    assert_eq!(stage.count("sessions WHERE revoked_at IS NULL").await, 0);
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

pub(crate) async fn a_password_that_was_set_since_ends_the_flow(stage: Stage) {
    let stale = stage.proven(&phone(1)).await;
    let at_info = stage.with_password(&phone(1)).await;
    assert!(!stage.take_password(&stage.password_step(stale)).await);
    assert_eq!(stage.waits_for(stale).await, [Step::SetPassword]);

    let holder = stage.records.password_of_phone(&phone(1)).await;
    stage.clock.advance(1);
    let change = PasswordChange {
        user: holder.expect("an answer").expect("a user").user,
        hash: HASH.clone(),
        keep_session: None,
        now: stage.now(),
    };
    let changed = stage.records.set_password(&change).await;
    assert!(changed.expect("an answer"));
    let info = stage.user_info_step(at_info);
    assert_eq!(stage.take_user_info(&info).await, None);
}

pub(crate) async fn a_number_that_changed_hands_ends_the_flow(stage: Stage) {
    let session = stage.with_password(&phone(1)).await;
    let moved = format!("UPDATE users SET phone = '{}'", phone(2).as_e164());
    stage.execute(moved).await.expect("moved");
    let info = stage.user_info_step(session);
    assert_eq!(stage.take_user_info(&info).await, None);
    assert_eq!(stage.count("sessions").await, 0);
}

pub(crate) async fn a_right_password_uses_up_its_step_and_a_refused_one_does_not(stage: Stage) {
    let stage = Arc::new(stage);
    let set_password = stage.proven(&phone(1)).await;
    let user = stage.take_flow(&phone(1)).await;
    let other = stage.take_flow(&phone(2)).await;
    let session = stage.begun_with_password(&phone(1)).await.expect("begun");
    let log_in = async |session, user: &User, hash: &PasswordHash| {
        let log_in = PasswordLogIn {
            user: user.id,
            hash: hash.clone(),
            session: stage.new_session(),
        };
        let outcome = stage.records.log_in_by_step(session, &log_in).await;
        outcome.expect("an answer")
    };
    let unknown = log_in(stage.step_id(), &user, &HASH).await;
    assert_eq!(unknown, StepLogInOutcome::NoStep);
    let of_another = log_in(session, &other, &HASH).await;
    assert_eq!(of_another, StepLogInOutcome::NoStep);
    let wrong_step = log_in(set_password, &user, &HASH).await;
    assert_eq!(wrong_step, StepLogInOutcome::NoStep);
    let stale = PasswordHash::from_stored(&HASH.expose().replace("AAEC", "AAED"));
    let refused = log_in(session, &user, &stale.expect("a hash")).await;
    assert_eq!(refused, StepLogInOutcome::Refused);
    assert_eq!(stage.waits_for(session).await, [Step::Password]);

    let mut tries = JoinSet::new();
    for _ in 0..20 {
        let (stage, user) = (Arc::clone(&stage), user.id);
        tries.spawn(async move {
            let log_in = PasswordLogIn {
                user,
                hash: HASH.clone(),
                session: stage.new_session(),
            };
            let outcome = stage.records.log_in_by_step(session, &log_in).await;
            outcome.expect("an answer") != StepLogInOutcome::NoStep
        });
    }
    let logged_in = tries.join_all().await.into_iter().filter(|one| *one);
    assert_eq!(logged_in.count(), 1);
    let live = stage.records.live_sessions(user.id, stage.now()).await;
    assert_eq!(live.expect("a list").len(), 2);

    let session = stage.begun_with_password(&phone(1)).await.expect("begun");
    let blocked = stage.records.set_blocked(user.id, true, stage.now()).await;
    assert!(blocked.expect("an answer"));
    let refused = log_in(session, &user, &HASH).await;
    assert_eq!(refused, StepLogInOutcome::Refused);
}

pub(crate) async fn a_step_that_fails_was_not_taken(stage: Stage) {
    let records = &stage.records;
    let taken_id = stage.proven(&phone(9)).await;

    let mut number = stage.number_step(&phone(1));
    number.next = taken_id;
    let error = records.take_number_step(&number).await;
    assert!(matches!(error, Err(RecordsError::Conflict)), "{error:?}");
    let used = records.challenge_used(number.challenge).await;
    assert!(!used.expect("an answer"));

    let session = stage.proven(&phone(1)).await;
    let mut password = stage.password_step(session);
    password.next = taken_id;
    let error = records.take_password_step(&password).await;
    assert!(matches!(error, Err(RecordsError::Conflict)), "{error:?}");
    assert_eq!(stage.count("users").await, 0);
    password.next = stage.step_id();
    assert!(stage.take_password(&password).await);

    let sign_in = stage.sign_in(&phone(2));
    records.sign_in(&sign_in).await.expect("signed in");
    let mut info = stage.user_info_step(password.next);
    info.opening.refresh_token_hash = sign_in.session.refresh_token_hash;
    let error = records.take_user_info_step(&info).await;
    assert!(matches!(error, Err(RecordsError::Conflict)), "{error:?}");
    assert_eq!(stage.count("users WHERE first_name <> ''").await, 0);
    let info = stage.user_info_step(password.next);
    assert!(stage.take_user_info(&info).await.is_some());
}

pub(crate) async fn steps_that_are_over_are_swept_a_few_at_a_time(stage: Stage) {
    let life = STEP_LIFE.num_milliseconds();
    for number in 0..5 {
        stage.proven(&phone(number)).await;
    }
    stage.clock.advance(life - 1);
    let live = stage.proven(&phone(9)).await;
    let sweep = async |most| {
        let swept = stage.records.sweep_steps(stage.now(), most).await;
        swept.expect("an answer")
    };
    assert_eq!(sweep(100).await, 0);
    stage.clock.advance(1);
    assert_eq!(sweep(3).await, 3);
    assert_eq!(sweep(3).await, 2);
    assert_eq!(sweep(3).await, 0);
    assert_eq!(stage.waits_for(live).await, [Step::SetPassword]);
}
