//! Locks, as somebody sees and lifts them.

use domain::limits::{Quota, Quotas, Rule, Step};
use domain::phone::PhoneNumber;
use shared::hot_state::{Count, HotState, Lock, LockOf, Subjects};
use shared::records::Records;
use shared::sqlite_file::SqliteFile;

use crate::stage::{MINUTE, SECOND, START, Stage, caller};

const PHONE: &str = "+989123456789";
const HOUR: i64 = 60 * MINUTE;

fn quotas() -> Quotas {
    let lock = |failures| Quota::Lock {
        failures,
        millis: HOUR,
    };
    Quotas::NONE
        .with(Rule::FailuresPhone, lock(3))
        .with(Rule::FailuresAddress, lock(5))
}

async fn fail(hot: &HotState, phone: &PhoneNumber, address: &str) -> Count {
    let subjects = Subjects {
        phone: Some(phone),
        caller: Some(caller(address)),
        session: None,
        device: None,
    };
    let counted = hot.count(Step::Password, &subjects, &quotas()).await;
    counted.expect("an answer")
}

pub(crate) async fn a_lock_is_told_with_its_end_and_is_lifted(stage: &Stage) {
    let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
    let of_phone = LockOf::Phone(&phone);
    let lock = async |of| stage.hot.lock(of, &quotas()).await.expect("an answer");
    for _ in 0..3 {
        assert_eq!(lock(of_phone).await, None);
        stage.clock.advance(SECOND);
        assert_eq!(fail(&stage.hot, &phone, "192.0.2.7").await, Count::Counted);
    }
    let since = START + 3 * SECOND;
    let expected = Lock {
        failures: 3,
        since,
        until: since + HOUR,
    };
    assert_eq!(lock(of_phone).await, Some(expected));
    let refused = fail(&stage.hot, &phone, "192.0.2.7").await;
    assert!(matches!(refused, Count::Refused { .. }), "{refused:?}");
    let lifted = async |of| stage.hot.lift_lock(of).await.expect("an answer");
    assert!(lifted(of_phone).await);
    assert_eq!(lock(of_phone).await, None);
    assert!(!lifted(of_phone).await, "once");
    for _ in 0..2 {
        assert_eq!(fail(&stage.hot, &phone, "192.0.2.7").await, Count::Counted);
    }

    // Those of the address go on, until they are lifted.
    let of_address = LockOf::Address(caller("192.0.2.7"));
    let expected = Lock {
        failures: 5,
        since,
        until: since + HOUR,
    };
    assert_eq!(lock(of_address).await, Some(expected));
    assert_eq!(lock(LockOf::Address(caller("192.0.2.8"))).await, None);
    assert!(lifted(of_address).await);
    assert_eq!(lock(of_address).await, None);
    assert_eq!(fail(&stage.hot, &phone, "192.0.2.7").await, Count::Counted);
}

pub(crate) async fn a_number_that_is_not_locked_has_no_lock(stage: &Stage) {
    let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
    let of = LockOf::Phone(&phone);
    assert!(!stage.hot.lift_lock(of).await.expect("an answer"));
    for _ in 0..3 {
        fail(&stage.hot, &phone, "192.0.2.7").await;
    }
    let told = async |quotas: Quotas| stage.hot.lock(of, &quotas).await.expect("an answer");
    assert_eq!(told(Quotas::NONE).await, None, "a limit that is off");
    stage.clock.advance(HOUR);
    assert_eq!(told(quotas()).await, None, "it is over");
}

/// Nobody gets rid of a lock by deleting the account; staff can lift it.
pub(crate) async fn the_lock_of_a_deleted_number_is_lifted_too(stage: &Stage) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = SqliteFile::open_path(&folder.path().join("ledger.db")).await;
    let ledger = Records::from_sqlite(file.expect("a file"));
    let hot = stage.hot.clone().with_memory(&ledger, &stage.keys);
    let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
    let of = LockOf::Phone(&phone);
    for _ in 0..3 {
        fail(&hot, &phone, "192.0.2.7").await;
    }
    hot.erase_number(&phone).await.expect("erased");
    let lock = hot.lock(of, &quotas()).await.expect("an answer");
    assert_eq!(lock.map(|lock| lock.failures), Some(3));
    assert!(hot.lift_lock(of).await.expect("an answer"));
    assert_eq!(hot.lock(of, &quotas()).await.expect("an answer"), None);
    assert_eq!(fail(&hot, &phone, "192.0.2.7").await, Count::Counted);
}
