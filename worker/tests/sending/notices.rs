//! Notices of changes: the same promises as for codes, over a day.

use domain::challenge::Locale;
use domain::notice::{MessagePurpose, NoticeKind};
use domain::root::RootId;
use gateway::notice_text;
use serde_json::json;
use shared::records::{LedgerState, NewNotice, SendKey};
use strum::VariantArray as _;

use crate::stage::{PHONE, Route, START, Stage};

const HOUR: i64 = 60 * 60 * 1000;
const DAY: i64 = 24 * HOUR;
/// The longest wait before a look.
const TO_THE_LOOK: i64 = 3_000;
/// Longer than any wait between two tries of a notice.
const TO_THE_NEXT_TRY: i64 = 5 * 60 * 1000;

fn key(notice: &NewNotice) -> RootId {
    SendKey::of_notice(notice.id).root
}

async fn notify(stage: &Stage) -> NewNotice {
    stage
        .notify(PHONE, NoticeKind::PhoneChanged, Locale::Fa)
        .await
}

/// Begins the attempt of a worker that dies over it.
async fn left_open(stage: &Stage, notice: &NewNotice, localid: i64) {
    let (key, phone) = (SendKey::of_notice(notice.id), notice.phone.clone());
    stage
        .begin_for(key, phone, notice.kind.into(), Route::Text, localid)
        .await;
}

pub(crate) async fn i_01_a_notice_is_sent_once_in_the_words_of_its_change(stage: &Stage) {
    let worker = stage.work_by(Route::Text).await;
    let mut expected = Vec::new();
    for &kind in NoticeKind::VARIANTS {
        for locale in [Locale::Fa, Locale::En] {
            let notice = stage.notify(PHONE, kind, locale).await;
            let row = stage.reaches(key(&notice), LedgerState::Accepted).await;
            assert_eq!(row.purpose, MessagePurpose::Notice(kind));
            assert_eq!((row.key.send, row.attempt), (1, 1));
            assert_eq!(row.deadline_at.timestamp_millis(), START + DAY);
            // Anyone who finds the row unmarked puts it into the queue again.
            let again = stage
                .stores
                .hot_state
                .enqueue_notice(notice.id, START + DAY, None, None);
            assert!(!again.await.expect("an answer"));
            expected.push(notice_text(kind, locale, None));
        }
    }
    stage.everything_is_settled().await;
    worker.stop().await;
    let mut messages = stage.messages();
    messages.reverse();
    let texts: Vec<_> = messages.iter().map(|message| &message.text).collect();
    assert_eq!(texts, expected.iter().collect::<Vec<_>>());
    assert!(messages.iter().all(|m| m.receptor == "09123456789"));
}

pub(crate) async fn a_notice_goes_by_a_template_of_its_kind_where_there_is_one(stage: &Stage) {
    let templates = json!({ "templates": {
        "ramz-otp": { "text": "کد ورود شما: %token", "approved": true },
        "ramz-moved": { "text": "شماره %token دیگر در حساب شما نیست", "approved": true },
    }});
    stage.simulator.change_account(templates).expect("a change");
    let worker = stage
        .work_with_settings(&[
            ("KAVENEGAR_TEMPLATE_PHONE_CHANGED", "ramz-moved"),
            ("KAVENEGAR_SENDER", "10004346"),
        ])
        .await;
    let by_template = notify(stage).await;
    let row = stage
        .reaches(key(&by_template), LedgerState::Accepted)
        .await;
    assert_eq!(row.method, Some(Route::Template.ledger_method()));
    assert_eq!(stage.messages()[0].text, "شماره 6789 دیگر در حساب شما نیست");
    let by_line = stage
        .notify(PHONE, NoticeKind::PasswordChanged, Locale::Fa)
        .await;
    let row = stage.reaches(key(&by_line), LedgerState::Accepted).await;
    assert_eq!(row.method, Some(Route::Text.ledger_method()));
    worker.stop().await;
    assert_eq!(stage.messages()[0].sender, "10004346");
}

pub(crate) async fn a_notice_without_a_way_is_refused_in_the_ledger_and_nothing_is_called(
    stage: &Stage,
) {
    let worker = stage.work().await;
    let notice = notify(stage).await;
    let row = stage.reaches(key(&notice), LedgerState::Refused).await;
    assert_eq!(row.error_class.as_deref(), Some("needs_sender"));
    stage.everything_is_settled().await;
    assert!(worker.has_counted("ramz_gateway_errors_total", "needs_sender", 1));
    worker.stop().await;
    assert_eq!(stage.calls() + stage.simulator.calls("sms/send"), 0);
}

pub(crate) async fn i_02_a_notice_that_a_dead_worker_had_sent_is_found_and_not_repeated(
    stage: &Stage,
) {
    let notice = notify(stage).await;
    left_open(stage, &notice, 815).await;
    stage.gateway_takes(PHONE, 815).await;
    let worker = stage.work_by(Route::Text).await;
    stage.reaches(key(&notice), LedgerState::Unknown).await;
    stage.let_the_delay_pass(TO_THE_LOOK).await;
    let row = stage.reaches(key(&notice), LedgerState::Accepted).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert_eq!((row.attempt, row.resent_ambiguous), (1, false));
    assert_eq!(stage.messages().len(), 1);
}

pub(crate) async fn i_02_a_notice_that_a_dead_worker_had_not_sent_is_sent_once(stage: &Stage) {
    let notice = notify(stage).await;
    left_open(stage, &notice, 815).await;
    let worker = stage.work_by(Route::Text).await;
    for looks in 1..=2 {
        stage.let_the_delay_pass(TO_THE_LOOK).await;
        stage.has_looked(key(&notice), looks).await;
    }
    assert!(stage.messages().is_empty());
    stage.let_the_delay_pass(TO_THE_LOOK).await;
    let row = stage.reaches(key(&notice), LedgerState::Accepted).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert_eq!((row.attempt, row.localid), (2, Some(815)));
    assert!(row.resent_ambiguous);
    assert_eq!(stage.messages().len(), 1);
}

pub(crate) async fn i_07_a_notice_of_the_day_before_is_not_sent(stage: &Stage) {
    let notice = notify(stage).await;
    stage.advance(DAY);
    let worker = stage.work_by(Route::Text).await;
    stage.reaches(key(&notice), LedgerState::Expired).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert!(stage.messages().is_empty());
}

pub(crate) async fn f_10_a_notice_waits_for_hours_behind_an_open_breaker(stage: &Stage) {
    stage.credit(0);
    let opened = stage.stores.hot_state.open_breaker(418).await;
    assert!(opened.expect("an answer"));
    let notice = notify(stage).await;
    let worker = stage.work_by(Route::Text).await;
    for _ in 0..10 {
        stage.all_are_delayed(1).await;
        stage.clock.advance(2 * HOUR);
    }
    stage.all_are_delayed(1).await;
    assert_eq!(stage.row(key(&notice), 1).await, None);
    stage.credit(1_000_000);
    stage.clock.advance(2 * 60 * 1000);
    stage.everything_goes_out().await;
    let row = stage.reaches(key(&notice), LedgerState::Accepted).await;
    worker.stop().await;
    assert_eq!(row.attempt, 1, "waiting is no attempt");
    assert_eq!(stage.messages().len(), 1);
}

pub(crate) async fn a_notice_whose_account_was_deleted_is_not_sent(stage: &Stage) {
    let notice = notify(stage).await;
    stage.remove_notices().await;
    let worker = stage.work_by(Route::Text).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert!(stage.messages().is_empty());
    assert_eq!(stage.row(key(&notice), 1).await, None);
    assert_eq!(stage.queue().await.dead, 0, "that is no trouble");
}

pub(crate) async fn a_gateway_that_was_away_for_a_while_gets_the_notice_in_the_end(stage: &Stage) {
    let notice = notify(stage).await;
    let without = stage.work_without_gateway_by_text().await;
    for attempt in 1..=20 {
        stage.has_failed(key(&notice), attempt).await;
        stage.let_the_delay_pass(TO_THE_NEXT_TRY).await;
    }
    without.stop().await;
    let worker = stage.work_by(Route::Text).await;
    stage.advance(TO_THE_NEXT_TRY);
    let row = stage.reaches(key(&notice), LedgerState::Accepted).await;
    stage.everything_is_settled().await;
    worker.stop().await;
    assert!(row.attempt > 20);
    assert_eq!(stage.messages().len(), 1);
}
