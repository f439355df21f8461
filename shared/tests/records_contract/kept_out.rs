//! A user who is kept out gets no code, no matter who asks for it and how far its message has come.

use domain::notice::NoticeKind;
use domain::otp::Purpose;
use shared::records::{Begin, Begun, LedgerState, LedgerWriter, SendResult};
use strum::VariantArray as _;
use tokio::task::JoinSet;

use crate::stage::{Stage, accepted, failed, finish, phone};

fn writer(stage: &Stage) -> LedgerWriter {
    LedgerWriter::start(stage.records.clone(), stage.clock.clone())
}

async fn keep_out(stage: &Stage, number: u32, blocked: bool) {
    let (user, _) = stage.signed_in(&phone(number)).await;
    let changed = stage.records.set_blocked(user.id, blocked, stage.now());
    assert!(changed.await.expect("an answer"));
}

async fn unblock(stage: &Stage, number: u32) {
    let user = stage.records.find_user_by_phone(&phone(number)).await;
    let user = user.expect("an answer").expect("a user");
    let changed = stage.records.set_blocked(user.id, false, stage.now());
    assert!(changed.await.expect("an answer"));
}

async fn begun(writer: &LedgerWriter, begin: &Begin) -> Begun {
    writer.begin(begin.clone()).await.expect("an answer")
}

pub(crate) async fn a_code_for_somebody_who_is_kept_out_is_given_up(stage: Stage) {
    let writer = writer(&stage);
    keep_out(&stage, 1, true).await;
    for &purpose in Purpose::VARIANTS {
        let begin = Begin {
            purpose: purpose.into(),
            ..stage.begin(1)
        };
        assert_eq!(begun(&writer, &begin).await, Begun::KeptBack, "{purpose:?}");
        let row = stage.records.ledger_row(begin.key).await;
        let row = row.expect("an answer").expect("a row");
        assert!(row.is_kept_back(), "{row:?}");
        assert_eq!((row.attempt, row.finished_at), (0, Some(stage.now())));
        assert_eq!(row.phone, Some(phone(1)), "it stands in its timeline");
        // The job is run again, as after a crash.
        let again = begun(&writer, &begin).await;
        assert_eq!(again, Begun::Ended(LedgerState::Expired));
    }
    for &kind in NoticeKind::VARIANTS {
        let notice = Begin {
            purpose: kind.into(),
            ..stage.begin(2)
        };
        let begun = begun(&writer, &notice).await;
        assert!(
            matches!(begun, Begun::Started { .. }),
            "{kind:?}: {begun:?}"
        );
    }
    unblock(&stage, 1).await;
    let begin = stage.begin(3);
    let begun = begun(&writer, &begin).await;
    assert!(
        matches!(begun, Begun::Started { attempt: 1, .. }),
        "{begun:?}"
    );
}

pub(crate) async fn a_message_that_is_under_way_when_its_user_is_kept_out_is_not_repeated(
    stage: Stage,
) {
    let writer = writer(&stage);
    let [tried, unknown, sent, left] = [0, 1, 2, 3].map(|fence| stage.begin(fence));
    for begin in [&tried, &unknown, &sent, &left] {
        let begun = begun(&writer, begin).await;
        assert!(matches!(begun, Begun::Started { .. }), "{begun:?}");
    }
    for (begin, outcome) in [
        (&tried, failed(SendResult::NotSent, "connect")),
        (&unknown, failed(SendResult::Unknown, "timeout")),
        (&sent, accepted(9)),
    ] {
        let ended = writer.finish(finish(begin, 1, outcome)).await;
        ended.expect("recorded");
    }
    keep_out(&stage, 1, true).await;

    assert_eq!(begun(&writer, &tried).await, Begun::KeptBack);
    let row = stage.records.ledger_row(tried.key).await;
    let row = row.expect("an answer").expect("a row");
    assert!(row.is_kept_back(), "{row:?}");
    assert_eq!(row.attempt, 1, "the attempt of before is still told");

    let again = writer.resend_unknown(unknown.clone()).await;
    assert_eq!(
        again.expect("an answer"),
        Begun::Ended(LedgerState::Unknown)
    );
    let row = stage.records.ledger_row(unknown.key).await;
    let row = row.expect("an answer").expect("a row");
    assert_eq!(row.state, LedgerState::Unknown, "nobody knows better now");
    assert!(!row.resent_ambiguous);

    let again = begun(&writer, &sent).await;
    assert_eq!(again, Begun::Ended(LedgerState::Accepted));
    // What a dead run left is cleared up as ever.
    let found = begun(&writer, &Begin { fence: 9, ..left }).await;
    assert!(
        matches!(found, Begun::FoundSending(it) if it.fence == 3),
        "{found:?}"
    );
}

pub(crate) async fn a_batch_keeps_back_only_those_who_are_kept_out(stage: Stage) {
    let writer = writer(&stage);
    for number in [2, 5] {
        keep_out(&stage, number, true).await;
    }
    let mut calls = JoinSet::new();
    for number in 0..40 {
        let begin = Begin {
            phone: phone(number % 8),
            ..stage.begin(i64::from(number))
        };
        let writer = writer.clone();
        calls.spawn(async move { (number % 8, writer.begin(begin).await) });
    }
    for (number, answer) in calls.join_all().await {
        let begun = answer.expect("an answer");
        let kept_back = begun == Begun::KeptBack;
        assert_eq!(kept_back, [2, 5].contains(&number), "{number}: {begun:?}");
    }
}
