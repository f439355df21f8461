//! Which devices are known, and what makes them be forgotten.

use chrono::TimeDelta;
use domain::challenge::Locale;
use domain::random::Random;
use domain::root::RootId;
use domain::tokens::KnownDevice;
use shared::records::{PasswordChangeOutcome, PhoneChange, PhoneChangeOutcome, SessionEnd};
use uuid::Uuid;

use crate::family::Family;
use crate::passwords::hashes;
use crate::stage::{Stage, phone};

impl Stage {
    async fn knows(&self, device: &KnownDevice, number: u32) -> bool {
        let phone = phone(number);
        let known = self.records.is_known_device(device, &phone);
        known.await.expect("an answer")
    }

    /// Somebody signs in on a device, whose token is issued at once.
    async fn device(&self, number: u32) -> (Family, KnownDevice) {
        let family = self.family(number).await;
        let device = KnownDevice {
            session: family.session,
            user: family.user,
            issued_at: self.clock.now_millis(),
        };
        (family, device)
    }
}

pub(crate) async fn a_device_is_known_for_its_user_and_their_present_number(stage: Stage) {
    let (_, device) = stage.device(1).await;
    let (_, other) = stage.device(2).await;
    assert!(stage.knows(&device, 1).await);
    assert!(!stage.knows(&device, 2).await, "another number");
    assert!(!stage.knows(&device, 3).await, "nobody's number");
    let user = other.user;
    assert!(!stage.knows(&KnownDevice { user, ..device }, 1).await);
    assert!(!stage.knows(&KnownDevice { user, ..device }, 2).await);
    let session = Uuid::nil();
    assert!(!stage.knows(&KnownDevice { session, ..device }, 1).await);
    for issued_at in [i64::MIN, i64::MAX] {
        assert!(
            !stage
                .knows(
                    &KnownDevice {
                        issued_at,
                        ..device
                    },
                    1
                )
                .await
        );
    }
    // Its session is over by its time; people come back.
    stage.advance(TimeDelta::days(40));
    assert!(stage.knows(&device, 1).await);
}

pub(crate) async fn only_a_log_out_on_the_device_itself_leaves_it_known(stage: Stage) {
    for (reason, known) in [
        (SessionEnd::LogOut, true),
        (SessionEnd::LogOutEverywhere, false),
        (SessionEnd::FromList, false),
        (SessionEnd::Reuse, false),
        (SessionEnd::Revoked, false),
    ] {
        let (family, device) = stage.device(1).await;
        let ended = stage
            .records
            .end_session(family.user, family.session, reason, stage.now());
        assert!(ended.await.expect("an answer"));
        assert_eq!(stage.knows(&device, 1).await, known, "{reason:?}");
    }
}

pub(crate) async fn a_log_out_everywhere_forgets_every_device(stage: Stage) {
    for by_token in [false, true] {
        let (left, logged_out) = stage.device(1).await;
        let (here, device) = stage.device(1).await;
        let (_, of_other) = stage.device(2).await;
        let (records, user) = (&stage.records, here.user);
        let out = records.end_session(user, left.session, SessionEnd::LogOut, stage.now());
        assert!(out.await.expect("an answer"));
        stage.advance(TimeDelta::milliseconds(5));
        assert!(stage.knows(&logged_out, 1).await && stage.knows(&device, 1).await);
        let (reason, now) = (SessionEnd::LogOutEverywhere, stage.now());
        if by_token {
            let ended = records.end_session_of_token(here.first.hash(), true, reason, now);
            assert!(ended.await.expect("an answer"));
            let again = records.end_session_of_token(here.first.hash(), true, reason, now);
            assert!(!again.await.expect("an answer"), "once");
        } else {
            let ended = records.end_all_sessions(user, reason, now).await;
            assert_eq!(ended.expect("an answer"), 1);
        }
        assert!(!stage.knows(&device, 1).await);
        assert!(!stage.knows(&logged_out, 1).await, "that too");
        assert!(stage.knows(&of_other, 2).await);
        let (_, new) = stage.device(1).await;
        assert!(stage.knows(&new, 1).await, "who signs in again is known");
    }
}

pub(crate) async fn a_token_that_ends_nothing_forgets_no_device(stage: Stage) {
    let (family, device) = stage.device(1).await;
    let (_, other) = stage.device(1).await;
    let (records, reason) = (&stage.records, SessionEnd::LogOutEverywhere);
    let ended = records.end_session(family.user, family.session, SessionEnd::LogOut, stage.now());
    assert!(ended.await.expect("an answer"));
    stage.advance(TimeDelta::milliseconds(5));
    let ended = records.end_session_of_token(family.first.hash(), true, reason, stage.now());
    assert!(!ended.await.expect("an answer"));
    assert!(stage.knows(&device, 1).await && stage.knows(&other, 1).await);
}

pub(crate) async fn a_block_forgets_every_device_also_when_it_is_over(stage: Stage) {
    let (family, device) = stage.device(1).await;
    for blocked in [true, false] {
        let set = stage.records.set_blocked(family.user, blocked, stage.now());
        assert!(set.await.expect("an answer"));
        assert!(!stage.knows(&device, 1).await);
    }
}

pub(crate) async fn a_change_of_the_number_forgets_every_device(stage: Stage) {
    let (family, device) = stage.device(1).await;
    stage.advance(TimeDelta::milliseconds(5));
    let change = PhoneChange {
        root: RootId::from_bytes([9; 16]),
        user: family.user,
        session: family.session,
        phone: phone(7),
        locale: Locale::Fa,
        now: stage.now(),
    };
    let random = Random::operating_system();
    let changed = stage.records.change_phone(&change, &random);
    assert!(matches!(
        changed.await.expect("an answer"),
        PhoneChangeOutcome::Changed { .. }
    ));
    assert!(!stage.knows(&device, 1).await, "the old number");
    assert!(!stage.knows(&device, 7).await, "issued before");
}

pub(crate) async fn a_new_password_forgets_all_but_the_device_that_set_it(stage: Stage) {
    let (left, logged_out) = stage.device(1).await;
    let (_, elsewhere) = stage.device(1).await;
    let (here, device) = stage.device(1).await;
    let (records, user) = (&stage.records, here.user);
    let out = records.end_session(user, left.session, SessionEnd::LogOut, stage.now());
    assert!(out.await.expect("an answer"));
    stage.advance(TimeDelta::milliseconds(5));
    let [hash, _] = hashes().await;
    let change = stage.change(user, hash, Some(here.session));
    let changed = records.change_password(&change, None).await;
    assert_eq!(changed.expect("an answer"), PasswordChangeOutcome::Set);
    assert!(stage.knows(&device, 1).await);
    assert!(!stage.knows(&elsewhere, 1).await);
    assert!(!stage.knows(&logged_out, 1).await);
}
