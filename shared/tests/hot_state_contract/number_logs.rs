//! Logs of numbers are shortened when their codes are over.

use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use shared::hot_state::number_logs::{LOG_LIFE_MILLIS, NAMED_FOR_MILLIS};
use shared::hot_state::{Accepted, Verdict};

use crate::release_before::Before;
use crate::stage::{DAY, MINUTE, SECOND, Stage, sent};

const PHONE: &str = "+989123456789";
const OTHER: &str = "+989123456780";

/// Notes `to` where `from` was noted.
async fn shorten(stage: &Stage, numbers: &[&str], from: Option<&str>, to: &str) -> Option<u64> {
    let number = |text: &&str| PhoneNumber::from_e164(text).expect("canonical");
    let numbers: Vec<_> = numbers.iter().map(number).collect();
    let from = from.map(str::as_bytes);
    let shorter = stage.hot.shorten_logs(&numbers, from, to).await;
    shorter.expect("an answer")
}

/// What the log of a number costs in memory, in bytes.
async fn bytes(stage: &Stage, phone: &str) -> i64 {
    let (mut redis, tag) = stage.raw_redis().await;
    let digits = phone.trim_start_matches('+');
    let bytes: Option<i64> = redis::cmd("MEMORY")
        .arg("USAGE")
        .arg(format!("{{{tag}}}:s:{digits}"))
        .query_async(&mut redis)
        .await
        .expect("an answer");
    bytes.expect("a log")
}

/// Requests of this number that are granted now, a minute after one another.
async fn granted(stage: &Stage, phone: &str) -> u32 {
    let mut granted = 0;
    while let Accepted::Sent(_) = stage.ask(&stage.new_challenge(phone)).await {
        granted += 1;
        stage.clock.advance(61 * SECOND);
    }
    granted
}

pub(crate) async fn thr_05_a_21_a_log_is_half_as_large_when_its_code_is_over(stage: &Stage) {
    if !stage.hot.has_long_logs() {
        assert_eq!(shorten(stage, &[PHONE], None, "1").await, None);
        assert_eq!(
            stage.hot.logs_shortened_to().await.expect("an answer"),
            None
        );
        return;
    }
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    // One more with a message, and one that the message of the other serves too.
    for _ in 0..2 {
        sent(stage.ask(&stage.new_challenge(OTHER)).await);
        stage.clock.advance(5 * SECOND);
    }
    let before = [bytes(stage, PHONE).await, bytes(stage, OTHER).await];
    let to_live = stage.millis_to_live("s:989123456789").await;
    stage.clock.advance(NAMED_FOR_MILLIS + SECOND);
    let numbers = [PHONE, "+989120000000", OTHER];
    assert_eq!(shorten(stage, &numbers, None, "1").await, Some(2));
    let after = [bytes(stage, PHONE).await, bytes(stage, OTHER).await];
    assert!(before[0] >= 130 && after[0] <= 80, "{before:?} {after:?}");
    assert!(after[1] < before[1], "{before:?} {after:?}");
    // It is kept for as long, and there is nothing more to take away.
    let left = stage.millis_to_live("s:989123456789").await;
    assert!(
        left <= to_live && left > Some(DAY - 10 * 60 * SECOND),
        "{left:?} {to_live:?}"
    );
    assert_eq!(shorten(stage, &numbers, Some("1"), "2").await, Some(0));
}

pub(crate) async fn what_a_short_log_has_counts_as_before(stage: &Stage) {
    let ten_a_day = 10;
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    stage.clock.advance(NAMED_FOR_MILLIS + SECOND);
    if stage.hot.has_long_logs() {
        assert_eq!(shorten(stage, &[PHONE], None, "1").await, Some(1));
    }
    let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
    let told = stage.hot.phone_state(&phone).await.expect("an answer");
    assert_eq!(told.sends.len(), 1);
    assert_eq!(granted(stage, PHONE).await, ten_a_day - 1);
}

pub(crate) async fn a_root_that_lives_keeps_its_name(stage: &Stage) {
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    stage.clock.advance(NAMED_FOR_MILLIS - SECOND);
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    let root = stage.roots(PHONE).await.last().expect("a root").id;
    // The first is over, the second lives.
    stage.clock.advance(2 * SECOND);
    if stage.hot.has_long_logs() {
        assert_eq!(shorten(stage, &[PHONE], None, "1").await, Some(1));
    }
    let guessed = stage.guess_by_phone(PHONE, Some(root)).await;
    assert!(matches!(guessed, Verdict::Right { .. }), "{guessed:?}");
}

pub(crate) async fn f_13_what_is_ahead_of_a_clock_that_was_set_back_keeps_its_name(stage: &Stage) {
    if !stage.hot.has_long_logs() {
        return;
    }
    stage.clock.advance(3 * NAMED_FOR_MILLIS);
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    stage.clock.advance(-NAMED_FOR_MILLIS);
    assert_eq!(shorten(stage, &[PHONE], None, "1").await, Some(0));
    stage.clock.advance(2 * NAMED_FOR_MILLIS + SECOND);
    assert_eq!(shorten(stage, &[PHONE], Some("1"), "2").await, Some(1));
}

/// Who joins a root at its end makes its record last longest, and an erasure finds it by its name.
pub(crate) async fn prv_01_an_erasure_finds_each_root_that_is_left(stage: &Stage) {
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    stage.clock.advance(8 * MINUTE - SECOND);
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    let roots = stage.roots(PHONE).await;
    assert_eq!(roots.len(), 1, "the second joined");
    stage.clock.advance(20 * MINUTE);
    if stage.hot.has_long_logs() {
        assert_eq!(shorten(stage, &[PHONE], None, "1").await, Some(0));
    }
    // This one takes a name away only where the record is gone, too.
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    let phone = PhoneNumber::from_e164(PHONE).expect("canonical");
    stage.hot.erase_number(&phone).await.expect("erased");
    let left = stage.hot.root(roots[0].id).await.expect("an answer");
    assert!(left.is_none(), "{left:?}");
}

pub(crate) async fn the_release_before_goes_on_with_a_short_log(stage: &Stage) {
    if !stage.hot.has_long_logs() {
        return;
    }
    let mut before = Before::beside(stage).await;
    before.ask(PHONE, Purpose::SignIn).await;
    sent(stage.ask(&stage.new_challenge(OTHER)).await);
    stage.clock.advance(NAMED_FOR_MILLIS + SECOND);
    shorten(stage, &[PHONE, OTHER], None, "1")
        .await
        .expect("first");
    for phone in [PHONE, OTHER] {
        before.ask(phone, Purpose::SignIn).await;
        let number = PhoneNumber::from_e164(phone).expect("canonical");
        let told = stage.hot.phone_state(&number).await.expect("an answer");
        assert_eq!(told.sends.len(), 2, "{told:?}");
    }
}

pub(crate) async fn of_several_who_shorten_logs_one_goes_on(stage: &Stage) {
    if !stage.hot.has_long_logs() {
        return;
    }
    let noted = async || {
        let noted = stage.hot.logs_shortened_to().await.expect("an answer");
        noted.map(|noted| String::from_utf8(noted).expect("as it was told"))
    };
    assert_eq!(noted().await, None);
    let all =
        (1..=20).map(async |place: u32| shorten(stage, &[PHONE], None, &place.to_string()).await);
    let all = futures::future::join_all(all).await;
    assert_eq!(all.iter().flatten().count(), 1, "{all:?}");
    let first = noted().await;
    assert_eq!(shorten(stage, &[PHONE], None, "21").await, None);
    assert_eq!(noted().await, first);
    assert_eq!(shorten(stage, &[], first.as_deref(), "22").await, Some(0));
    assert_eq!(noted().await.as_deref(), Some("22"));
    let left = stage.millis_to_live("logs_shortened_to").await;
    assert!(left <= Some(LOG_LIFE_MILLIS) && left > Some(0), "{left:?}");
}

pub(crate) async fn what_is_no_log_is_in_no_logs_way(stage: &Stage) {
    if !stage.hot.has_long_logs() {
        return;
    }
    let (mut redis, tag) = stage.raw_redis().await;
    redis::cmd("RPUSH")
        .arg(format!("{{{tag}}}:s:989123456780"))
        .arg("foreign")
        .query_async::<()>(&mut redis)
        .await
        .expect("written");
    sent(stage.ask(&stage.new_challenge(PHONE)).await);
    stage.clock.advance(NAMED_FOR_MILLIS + SECOND);
    assert_eq!(shorten(stage, &[OTHER, PHONE], None, "1").await, Some(1));

    // Nor is a foreign note: it is written over.
    let note = format!("{{{tag}}}:logs_shortened_to");
    for (foreign, value) in [("SET", &b"\xff\x00"[..]), ("RPUSH", b"foreign")] {
        redis::pipe()
            .del(&note)
            .ignore()
            .cmd(foreign)
            .arg(&note)
            .arg(value)
            .exec_async(&mut redis)
            .await
            .expect("written");
        let noted = stage.hot.logs_shortened_to().await.expect("an answer");
        let going_on = stage.hot.shorten_logs(&[], noted.as_deref(), "2").await;
        assert_eq!(going_on.expect("an answer"), Some(0), "{foreign}");
        let noted = stage.hot.logs_shortened_to().await.expect("an answer");
        assert_eq!(noted.as_deref(), Some(&b"2"[..]));
    }
}
