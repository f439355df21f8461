//! What ends a step flow, its time included, and what does not.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::challenge::SessionId;
use domain::password::PasswordHash;
use shared::records::{
    NumberStepOutcome, PasswordChange, PasswordLogIn, RecordsError, STEP_LIFE, Step,
    StepLogInOutcome, User,
};
use tokio::task::JoinSet;

use crate::stage::{Stage, phone};
use crate::steps::HASH;

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
    assert_eq!(stage.waits_for(early).await, [Step::UserInfo]);
    stage.clock.advance(1);
    let info = stage.user_info_step(early);
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
    let used = records.root_used(number.root).await;
    assert!(!used.expect("an answer"), "the code stays unused");
    let password = stage.password_step(at_password);
    assert!(!stage.take_password(&password).await);
    let info = stage.user_info_step(at_info);
    assert_eq!(stage.take_user_info(&info).await, None);
    assert_eq!(stage.count("users").await, 1);
    assert_eq!(stage.count("sessions WHERE revoked_at IS NULL").await, 0);
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

/// The release before gave a new handle with each step, under which it kept the row of the next one;
/// while both run, each takes what the other has written.
pub(crate) async fn a_flow_goes_on_between_this_release_and_the_one_before(stage: Stage) {
    let moves_on = async |from: SessionId, to: SessionId, name: &str| {
        let (from, to) = (stage.blob(&from.step_hash()), stage.blob(&to.step_hash()));
        let row = format!("step_sessions WHERE id_hash = {to} AND next_step = '{name}'");
        let moved = format!("UPDATE step_sessions SET id_hash = {to} WHERE id_hash = {from}");
        stage.execute(moved).await.expect("moved");
        assert_eq!(stage.count(&row).await, 1);
    };
    for (number, (code_by_old, password_by_old)) in [(false, true), (true, false), (true, true)]
        .iter()
        .enumerate()
    {
        let number = phone(u32::try_from(number).expect("small"));
        let mut session = stage.proven(&number).await;
        if *code_by_old {
            let fresh = stage.step_id();
            moves_on(session, fresh, "set_password").await;
            session = fresh;
        }
        assert_eq!(stage.waits_for(session).await, [Step::SetPassword]);
        assert!(stage.take_password(&stage.password_step(session)).await);
        if *password_by_old {
            let fresh = stage.step_id();
            moves_on(session, fresh, "user_info").await;
            assert_eq!(stage.waits_for(session).await, []);
            session = fresh;
        }
        let info = stage.user_info_step(session);
        let (user, is_new) = stage.take_user_info(&info).await.expect("taken");
        assert!(is_new && user.has_password);
    }
}

pub(crate) async fn a_step_that_fails_was_not_taken(stage: Stage) {
    let records = &stage.records;
    let taken_id = stage.proven(&phone(9)).await;

    let mut number = stage.number_step(&phone(1));
    number.session = taken_id;
    let error = records.take_number_step(&number).await;
    assert!(matches!(error, Err(RecordsError::Conflict)), "{error:?}");
    let used = records.root_used(number.root).await;
    assert!(!used.expect("an answer"));

    let sign_in = stage.sign_in(&phone(2));
    records.sign_in(&sign_in).await.expect("signed in");
    let session = stage.proven(&phone(1)).await;
    // The last write of the step fails.
    stage.with_password(&phone(3)).await;
    let one_at_most = "CREATE UNIQUE INDEX one_at_most ON step_sessions (next_step) \
         WHERE next_step = 'user_info'";
    stage.execute(one_at_most).await.expect("an index");
    let error = records
        .take_password_step(&stage.password_step(session))
        .await;
    assert!(matches!(error, Err(RecordsError::Conflict)), "{error:?}");
    assert_eq!(stage.count("users").await, 2);
    assert_eq!(stage.waits_for(session).await, [Step::SetPassword]);
    stage.execute("DROP INDEX one_at_most").await.expect("gone");
    assert!(stage.take_password(&stage.password_step(session)).await);

    let mut info = stage.user_info_step(session);
    info.opening.refresh_token_hash = sign_in.session.refresh_token_hash;
    let error = records.take_user_info_step(&info).await;
    assert!(matches!(error, Err(RecordsError::Conflict)), "{error:?}");
    assert_eq!(stage.count("users WHERE first_name <> ''").await, 0);
    let info = stage.user_info_step(session);
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
