//! Which codes were used.

use chrono::{DateTime, TimeDelta, Utc};
use domain::otp::Purpose;
use shared::records::{CodeUse, LedgerWriter, SignInTime, UsedCodes};

use crate::stage::{Stage, phone};

pub(crate) async fn used_codes_are_told_from_others(stage: Stage) {
    let records = &stage.records;
    let (first, second) = (stage.sign_in(&phone(1)), stage.sign_in(&phone(2)));
    records.sign_in(&first).await.expect("signed in");
    stage.clock.advance(1_000);
    let asked = [first.root, stage.root(), second.root];
    let uses = records.code_uses(&asked);
    let expected = CodeUse {
        root: first.root,
        purpose: Purpose::SignIn,
        used_at: first.session.opened_at,
    };
    assert_eq!(uses.await.expect("an answer"), [expected]);
    assert_eq!(records.code_uses(&[]).await.expect("an answer"), []);
}

pub(crate) async fn used_codes_are_counted_and_their_times_are_told(stage: Stage) {
    let (records, beginning) = (&stage.records, stage.now());
    let writer = LedgerWriter::start(records.clone(), stage.clock.clone());
    let mut expected = Vec::new();
    for number in 1..=3 {
        let begin = stage.begin(1);
        writer.begin(begin.clone()).await.expect("begun");
        stage.clock.advance(11_000 * i64::from(number));
        let mut sign_in = stage.sign_in(&phone(number));
        sign_in.root = begin.key.root;
        records.sign_in(&sign_in).await.expect("signed in");
        expected.insert(
            0,
            SignInTime {
                asked_at: begin.accepted_at,
                used_at: sign_in.session.opened_at,
            },
        );
    }
    assert_eq!(times_of(&stage, beginning, 2).await, expected[..2]);
    // One whose message nobody knows any more.
    records
        .sign_in(&stage.sign_in(&phone(4)))
        .await
        .expect("signed in");
    let end = stage.now() + TimeDelta::seconds(1);
    assert_eq!(times_of(&stage, beginning, 10).await, expected);
    let count = async |from, to| records.count_code_uses(from, to).await.expect("an answer");
    let all = UsedCodes {
        purpose: Purpose::SignIn,
        codes: 4,
    };
    assert_eq!(count(beginning, end).await, [all]);
    let before_the_last = expected[0].used_at;
    assert_eq!(count(beginning, before_the_last).await[0].codes, 2);
    assert_eq!(count(end, end + TimeDelta::hours(1)).await, []);
}

async fn times_of(stage: &Stage, from: DateTime<Utc>, limit: u32) -> Vec<SignInTime> {
    let to = stage.now() + TimeDelta::seconds(1);
    let times = stage.records.sign_in_times(from, to, limit).await;
    times.expect("an answer")
}
