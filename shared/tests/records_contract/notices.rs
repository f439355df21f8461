//! The outbox of notices.

use chrono::TimeDelta;
use domain::challenge::Locale;
use domain::notice::{MessagePurpose, NoticeKind};
use shared::records::{Begin, Begun, LedgerWriter, RecordsError, SendKey};

use crate::stage::{Stage, phone};

pub(crate) async fn a_notice_waits_until_it_is_in_the_queue(stage: Stage) {
    let records = &stage.records;
    let first = stage
        .write_notice(&phone(1), NoticeKind::PhoneChanged)
        .await;
    stage.clock.advance(1_000);
    let second = stage
        .write_notice(&phone(2), NoticeKind::PasswordChanged)
        .await;
    let waiting =
        |until, limit| async move { records.waiting_notices(until, limit).await.expect("a list") };
    assert_eq!(
        waiting(stage.now(), 10).await,
        [first.waiting(), second.waiting()]
    );
    assert_eq!(waiting(stage.now(), 1).await, [first.waiting()]);
    let before = stage.now() - TimeDelta::milliseconds(1);
    assert_eq!(waiting(before, 10).await, [first.waiting()]);

    let now = stage.now();
    let enqueued = |id| records.notice_enqueued(id, now);
    assert!(enqueued(first.id).await.expect("an answer"));
    assert!(!enqueued(first.id).await.expect("an answer"), "known");
    assert!(!enqueued(uuid::Uuid::nil()).await.expect("an answer"));
    assert_eq!(waiting(stage.now(), 10).await, [second.waiting()]);
}

pub(crate) async fn the_notices_to_a_number_are_told_the_newest_first(stage: Stage) {
    let records = &stage.records;
    let beginning = stage.now();
    let first = stage
        .write_notice(&phone(1), NoticeKind::PhoneChanged)
        .await;
    stage.clock.advance(1_000);
    let second = stage
        .write_notice(&phone(1), NoticeKind::PasswordChanged)
        .await;
    stage
        .write_notice(&phone(2), NoticeKind::PasswordChanged)
        .await;
    let enqueued = records.notice_enqueued(first.id, stage.now()).await;
    assert!(enqueued.expect("an answer"));
    let of_phone = async |since, limit| {
        let notices = records.notices_of_phone(&phone(1), since, limit).await;
        notices.expect("a list")
    };
    let told = of_phone(beginning, 10).await;
    let seen: Vec<_> = told
        .iter()
        .map(|notice| {
            (
                notice.id,
                notice.kind,
                notice.created_at,
                notice.enqueued_at,
            )
        })
        .collect();
    let expected = [
        (second.id, second.kind, second.created_at, None),
        (first.id, first.kind, first.created_at, Some(stage.now())),
    ];
    assert_eq!(seen, expected);
    assert_eq!(of_phone(beginning, 1).await, told[..1]);
    let later = beginning + TimeDelta::milliseconds(1);
    assert_eq!(of_phone(later, 10).await, told[..1]);
}

pub(crate) async fn a_notice_is_read_as_it_was_written(stage: Stage) {
    let written = stage
        .write_notice(&phone(1), NoticeKind::PhoneChanged)
        .await;
    let read = stage.records.notice(written.id).await.expect("an answer");
    let read = read.expect("a notice");
    assert_eq!(
        (
            read.id,
            &read.phone,
            read.kind,
            read.locale,
            read.created_at
        ),
        (
            written.id,
            &phone(1),
            NoticeKind::PhoneChanged,
            Locale::En,
            stage.now()
        )
    );
    assert_eq!(read.deadline_at, stage.now() + TimeDelta::hours(24));
    for shown in [format!("{read:?}"), format!("{written:?}")] {
        assert!(!shown.contains(phone(1).digits()), "{shown}");
    }
    let none = stage.records.notice(uuid::Uuid::nil()).await;
    assert_eq!(none.expect("an answer"), None);
}

pub(crate) async fn an_unreadable_notice_is_told_and_not_guessed_at(stage: Stage) {
    let notice = stage
        .write_notice(&phone(1), NoticeKind::PhoneChanged)
        .await;
    for change in ["kind = 'newsletter'", "locale = 'xx'", "phone = '0912'"] {
        let set = format!("UPDATE notices SET {change}");
        stage.execute(set).await.expect("changed");
        let error = stage
            .records
            .notice(notice.id)
            .await
            .expect_err("unreadable");
        let corrupt = matches!(
            error,
            RecordsError::Corrupt {
                table: "notices",
                ..
            }
        );
        assert!(corrupt, "{error:?}");
    }
}

pub(crate) async fn notices_are_forgotten_when_they_are_in_the_queue_and_over(stage: Stage) {
    let records = &stage.records;
    let sent = stage
        .write_notice(&phone(1), NoticeKind::PhoneChanged)
        .await;
    stage
        .write_notice(&phone(2), NoticeKind::PhoneChanged)
        .await;
    let enqueued = records.notice_enqueued(sent.id, stage.now()).await;
    assert!(enqueued.expect("an answer"));
    let over = sent.waiting().deadline_at;
    assert_eq!(records.forget_notices(over).await.expect("an answer"), 0);
    let later = over + TimeDelta::milliseconds(1);
    assert_eq!(records.forget_notices(later).await.expect("an answer"), 1);
    assert_eq!(records.notice(sent.id).await.expect("an answer"), None);
    assert_eq!(
        stage.count("notices").await,
        1,
        "one that still waits stays"
    );
}

pub(crate) async fn the_ledger_keeps_a_notice_under_its_own_key_and_purpose(stage: Stage) {
    let notice = stage
        .write_notice(&phone(1), NoticeKind::PasswordChanged)
        .await;
    let key = SendKey::of_notice(notice.id);
    let begin = Begin {
        key,
        purpose: NoticeKind::PasswordChanged.into(),
        ..stage.begin(1)
    };
    let writer = LedgerWriter::start(stage.records.clone(), stage.clock.clone());
    let begun = writer.begin(begin).await.expect("an answer");
    assert!(
        matches!(begun, Begun::Started { attempt: 1, .. }),
        "{begun:?}"
    );
    let row = stage.records.ledger_row(key).await.expect("an answer");
    let row = row.expect("a row");
    assert_eq!(row.key.root.as_bytes(), notice.id.as_bytes());
    assert_eq!(
        row.purpose,
        MessagePurpose::Notice(NoticeKind::PasswordChanged)
    );
}
