//! What is promised of every job.

use domain::challenge::Channel;
use shared::records::{Finish, LedgerOutcome, LedgerState, MessageId, SendKey, SendResult};

use crate::stage::{OTHER_KEY, OTHER_RUN, OTP_KEY, PHONE, REQUEST, Route, START, Stage};

pub(crate) async fn i_01_a_job_becomes_one_message_with_the_code_of_its_challenge(stage: &Stage) {
    let worker = stage.work().await;
    let id = stage.ask(PHONE, Channel::Sms).await;
    let row = stage.reaches(id, LedgerState::Accepted).await;
    stage.everything_is_settled().await;
    let challenge = stage
        .stores
        .hot_state
        .challenge(id)
        .await
        .expect("an answer")
        .expect("a record");
    let code = challenge.code(&Stage::keys()).expect("a key");
    let messages = stage.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].receptor, "09123456789");
    assert_eq!(messages[0].code.as_deref(), Some(code.expose()));
    assert_eq!(
        row.message_id.as_ref().and_then(MessageId::number),
        i64::try_from(messages[0].messageid).ok()
    );
    assert_eq!(
        (row.attempt, row.cost_rials, row.gateway_status),
        (1, Some(2_280), Some(200))
    );
    assert_eq!(row.accepted_at.timestamp_millis(), START);
    assert_eq!(row.deadline_at.timestamp_millis(), START + 90_000);
    assert_eq!(
        row.trace_id.as_deref(),
        Some("0af7651916cd43dd8448eb211c80319c")
    );
    assert_eq!(row.request_id, Some(REQUEST));
    assert!(worker.has_counted("ramz_sms_total", "accepted", 1));
    worker.stop().await;
}

pub(crate) async fn i_02_a_send_that_ended_before_is_not_repeated(stage: &Stage) {
    let id = stage.ask(PHONE, Channel::Sms).await;
    let key = SendKey::first_leg(id.into(), 1);
    let (ledger, attempt) = stage.begin_elsewhere(key, Route::Template, 815).await;
    let outcome = LedgerOutcome {
        result: SendResult::Accepted,
        message_id: Some(2_890_000_001.into()),
        cost_rials: None,
        gateway_status: Some(200),
        entry_status: Some(5),
        error_class: None,
    };
    ledger
        .finish(Finish {
            key,
            attempt,
            fence: OTHER_RUN,
            outcome,
        })
        .await
        .expect("recorded");
    let worker = stage.work().await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert!(stage.messages().is_empty());
    assert_eq!(stage.row(id, 1).await.map(|row| row.attempt), Some(1));
}

pub(crate) async fn a_blocked_user_gets_no_code_and_others_do(stage: &Stage) {
    // One is blocked before the code is asked for, one while it waits.
    stage.keep_out(PHONE).await;
    let blocked = stage.ask(PHONE, Channel::Sms).await;
    let waiting = stage.ask("+989121110001", Channel::Sms).await;
    stage.keep_out("+989121110001").await;
    let other = stage.ask("+989121110002", Channel::Sms).await;
    let worker = stage.work().await;
    stage.reaches(other, LedgerState::Accepted).await;
    for id in [blocked, waiting] {
        let row = stage.reaches(id, LedgerState::Expired).await;
        assert!(row.is_kept_back(), "{row:?}");
    }
    stage.everything_is_settled().await;
    let messages = stage.messages();
    let receptors: Vec<_> = messages.iter().map(|one| one.receptor.as_str()).collect();
    assert_eq!(receptors, ["09121110002"]);
    assert!(worker.has_counted("ramz_sms_total", "blocked", 2));
    assert_eq!(stage.calls(), 1, "the gateway hears nothing of the others");
    worker.stop().await;
}

pub(crate) async fn i_07_nothing_is_sent_after_the_deadline(stage: &Stage) {
    let id = stage.ask(PHONE, Channel::Sms).await;
    stage.advance(90_000);
    let worker = stage.work().await;
    stage.reaches(id, LedgerState::Expired).await;
    stage.everything_is_settled().await;
    assert!(worker.has_counted("ramz_sms_total", "expired", 1));
    worker.stop().await;
    assert!(stage.messages().is_empty());
}

pub(crate) async fn i_07_nothing_is_sent_for_a_code_that_was_used(stage: &Stage) {
    let id = stage.ask(PHONE, Channel::Sms).await;
    assert!(
        stage
            .stores
            .hot_state
            .close_root(id.into())
            .await
            .expect("an answer")
    );
    let worker = stage.work().await;
    stage.reaches(id, LedgerState::Expired).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert!(stage.messages().is_empty());
}

pub(crate) async fn a_resend_is_another_message_with_the_same_code(stage: &Stage) {
    let worker = stage.work().await;
    let id = stage.ask(PHONE, Channel::Sms).await;
    stage.reaches(id, LedgerState::Accepted).await;
    stage.advance(30_000);
    stage.resend(id).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    let messages = stage.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].code, messages[1].code);
    let second = stage.row(id, 2).await.expect("a row");
    assert_eq!(second.state, LedgerState::Accepted);
}

pub(crate) async fn a_call_is_a_voice_message(stage: &Stage) {
    let worker = stage.work().await;
    let id = stage.ask(PHONE, Channel::Call).await;
    stage.reaches(id, LedgerState::Accepted).await;
    worker.stop().await;
    let messages = stage.messages();
    assert_eq!(
        messages
            .iter()
            .map(|message| message.voice)
            .collect::<Vec<_>>(),
        [true]
    );
}

pub(crate) async fn a_job_whose_key_is_not_known_here_waits_for_it(stage: &Stage) {
    let id = stage.ask(PHONE, Channel::Sms).await;
    let without = stage.work_with_key(OTHER_KEY).await;
    stage.let_the_delay_pass(1_000).await;
    without.stop().await;
    assert!(stage.messages().is_empty());
    assert_eq!(
        stage.row(id, 1).await,
        None,
        "an attempt was begun without the code"
    );
    stage.advance(1_000);
    let with_both = stage.work_with_key(&format!("{OTHER_KEY},{OTP_KEY}")).await;
    stage.reaches(id, LedgerState::Accepted).await;
    with_both.stop().await;
}

pub(crate) async fn f_06_a_challenge_that_hot_state_lost_is_a_dead_letter(stage: &Stage) {
    stage.ask(PHONE, Channel::Sms).await;
    stage.lose_challenges().await;
    let worker = stage.work().await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert_eq!(stage.queue().await.dead, 1);
    assert!(stage.messages().is_empty());
}

pub(crate) async fn f_14_a_stop_finishes_what_runs(stage: &Stage) {
    stage.faults(serde_json::json!([{ "fault": { "kind": "delay", "ms": 300 } }]));
    let challenges = stage.ask_many(40).await;
    let worker = stage.work().await;
    harness::eventually(crate::stage::PATIENCE, async || {
        (stage.queue().await.in_flight > 0).then_some(())
    })
    .await;
    worker.tell_to_stop();
    worker.stop().await;
    let queue = stage.queue().await;
    assert_eq!(queue.in_flight, 0, "left behind without an owner");
    let mut accepted = 0_u32;
    for id in challenges {
        match stage.row(id, 1).await.map(|row| row.state) {
            Some(LedgerState::Accepted) => accepted += 1,
            None => {}
            other => panic!("a send was left {other:?}"),
        }
    }
    assert_eq!(u64::from(accepted) + queue.waiting, 40);
    assert_eq!(
        stage.messages().len(),
        usize::try_from(accepted).expect("a count")
    );
}

/// Anyone who asks within the cooldown gets no message of their own; after it each message has the one
/// code, under the root that all share. One more job is closed with the root before it is run.
pub(crate) async fn i_01_all_messages_of_a_number_have_one_code(stage: &Stage) {
    let first = stage.ask(PHONE, Channel::Sms).await;
    stage.clock.advance(40_000);
    let second = stage.ask(PHONE, Channel::Sms).await;
    let third = stage.ask(PHONE, Channel::Sms).await;
    let worker = stage.work().await;
    stage.everything_is_settled().await;
    let code = stage.code(first).await;
    for id in [second, third] {
        assert_eq!(stage.code(id).await, code);
        assert_eq!(stage.row(id, 1).await, None, "its root has the row");
    }
    for send in [1, 2] {
        let row = stage.row(first, send).await.expect("a row");
        assert_eq!(row.state, LedgerState::Accepted);
    }
    let codes: Vec<_> = stage.messages().into_iter().map(|one| one.code).collect();
    assert_eq!(codes, [Some(code.clone()), Some(code)]);
    worker.stop().await;

    stage.clock.advance(31_000);
    stage.resend(second).await;
    let hot = &stage.stores.hot_state;
    assert!(hot.close_root(first.into()).await.expect("an answer"));
    let worker = stage.work().await;
    stage.everything_is_settled().await;
    let row = stage.row(first, 3).await.expect("a row");
    assert_eq!(row.state, LedgerState::Expired);
    assert_eq!(stage.messages().len(), 2);
    worker.stop().await;
}
