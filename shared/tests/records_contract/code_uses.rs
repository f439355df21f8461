//! Which codes were used.

use domain::otp::Purpose;
use shared::records::CodeUse;

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
