//! The lock that passwords and codes without their session id share.

use std::sync::Arc;

use http::Method;
use serde_json::json;

use crate::passwords::{GOOD, LOG_IN, OTHER, PHONE, log_in_at_once};
use crate::stage::{HOUR, SECOND, Shape, Stage};

/// So that the limit of the phone is met, and not that of the one address of these tests.
const ANY_ADDRESS: [(&str, &str); 2] = [
    ("LIMIT_FAILURES_ADDRESS", "1000"),
    ("LIMIT_FAILURES_GROUP", "off"),
];

pub(crate) async fn r_11_all_spellings_of_a_number_share_a_lock_that_ends_in_time(shape: Shape) {
    let stage = Stage::with(shape, &ANY_ADDRESS).await;
    stage.with_password(PHONE, GOOD).await;
    let spellings = [
        "09123456789",
        "+989123456789",
        "۹۱۲۳۴۵۶۷۸۹",
        "0098 912 345 6789",
        "989123456789",
    ];
    for spelling in spellings.into_iter().cycle().take(10) {
        stage
            .log_in(spelling, OTHER)
            .await
            .is(403, "credentials_wrong");
    }
    for spelling in spellings {
        let refused = stage.log_in(spelling, GOOD).await;
        refused.is(429, "too_many_failures_phone");
        assert_eq!(refused.number("retry_after"), 3_600);
    }
    let series = r#"ramz_limit_refused_total{rule="failures_phone"}"#;
    assert!((stage.metric(series) - 5.0).abs() < f64::EPSILON);
    let series = r#"ramz_password_logins_total{result="limited"}"#;
    assert!((stage.metric(series) - 5.0).abs() < f64::EPSILON);

    // A number that nobody has locks in the same way.
    for _ in 0..10 {
        stage
            .log_in("09120000000", GOOD)
            .await
            .is(403, "credentials_wrong");
    }
    let nobody = stage.log_in("09120000000", GOOD).await;
    assert_eq!(nobody.seen(), stage.log_in(PHONE, GOOD).await.seen());

    stage.pass(HOUR - 1).await;
    let refused = stage.log_in(PHONE, GOOD).await;
    assert_eq!(refused.number("retry_after"), 1, "the wait is true");
    stage.pass(1).await;
    assert_eq!(stage.log_in(PHONE, GOOD).await.status, 200);
}

pub(crate) async fn a_05_r_02_of_100_parallel_wrong_passwords_ten_are_compared(shape: Shape) {
    let stage = Arc::new(Stage::with(shape, &ANY_ADDRESS).await);
    stage.with_password(PHONE, GOOD).await;
    let counts = log_in_at_once(&stage, 100, |_| PHONE.to_owned(), OTHER).await;
    let of = |code: &str| counts.get(code).copied().unwrap_or_default();
    // An answer that is lost to a busy store still counts its try.
    assert!(of("credentials_wrong") <= 10, "{counts:?}");
    assert!(
        of("credentials_wrong") + of("store_unavailable") >= 10,
        "{counts:?}"
    );
    let refused = of("too_many_failures_phone") + of("password_busy") + of("store_unavailable");
    assert_eq!(of("credentials_wrong") + refused, 100, "{counts:?}");
    stage
        .log_in(PHONE, GOOD)
        .await
        .is(429, "too_many_failures_phone");
}

pub(crate) async fn i_12_r_30_a_stranger_cannot_keep_the_owner_out(shape: Shape) {
    let stage = Stage::with(shape, &ANY_ADDRESS).await;
    stage.with_password(PHONE, GOOD).await;
    for _ in 0..10 {
        stage
            .log_in(PHONE, OTHER)
            .await
            .is(403, "credentials_wrong");
    }
    stage
        .log_in(PHONE, GOOD)
        .await
        .is(429, "too_many_failures_phone");

    stage.pass(2 * 60 * SECOND).await;
    let session = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    let by_number = stage.verify_by_phone(PHONE, &code).await;
    by_number.is(429, "too_many_failures_phone");
    assert_eq!(stage.challenge(&session).await.root.phone_attempts, 0);
    let wrong = stage.wrong_code(&session).await;
    stage.verify(&session, &wrong).await.is(403, "code_wrong");
    let owner = stage.verify(&session, &code).await;
    assert_eq!(owner.status, 200, "{owner:?}");
    // They can even change the password meanwhile.
    let body = json!({ "new_password": OTHER });
    let set = stage.set(&owner.member("access_token"), body).await;
    assert_eq!(set.status, 204, "{set:?}");
}

pub(crate) async fn thr_08_codes_by_number_and_passwords_count_on_one_lock(shape: Shape) {
    let stage = Stage::with(shape, &ANY_ADDRESS).await;
    let token = stage.with_password(PHONE, GOOD).await;
    let session = stage.ask(PHONE).await;
    let wrong = stage.wrong_code(&session).await;
    for _ in 0..4 {
        stage
            .verify_by_phone(PHONE, &wrong)
            .await
            .is(403, "code_wrong");
    }
    for _ in 0..3 {
        stage
            .log_in(PHONE, OTHER)
            .await
            .is(403, "credentials_wrong");
    }
    let current = json!({ "new_password": OTHER, "current_password": OTHER });
    for _ in 0..3 {
        stage
            .set(&token, current.clone())
            .await
            .is(403, "password_wrong");
    }
    stage
        .log_in(PHONE, GOOD)
        .await
        .is(429, "too_many_failures_phone");
    let body = json!({ "new_password": OTHER, "current_password": GOOD });
    stage
        .set(&token, body)
        .await
        .is(429, "too_many_failures_phone");
    let right = stage.code(&session).await;
    let refused = stage.verify_by_phone(PHONE, &right).await;
    refused.is(429, "too_many_failures_phone");
    assert!(stage.metric(r#"ramz_otp_verifications_total{result="limited"}"#) >= 1.0);
    // The same for a number that nobody has, by either way.
    for _ in 0..10 {
        stage
            .verify_by_phone("09120000000", &wrong)
            .await
            .is(403, "code_wrong");
    }
    let nobody = stage.verify_by_phone("09120000000", &wrong).await;
    assert_eq!(nobody.seen(), refused.seen());
}

pub(crate) async fn thr_04_a_success_clears_the_failures_of_the_number(shape: Shape) {
    let stage = Stage::with(shape, &ANY_ADDRESS).await;
    stage.with_password(PHONE, GOOD).await;
    for _ in 0..2 {
        for _ in 0..9 {
            stage
                .log_in(PHONE, OTHER)
                .await
                .is(403, "credentials_wrong");
        }
        assert_eq!(stage.log_in(PHONE, GOOD).await.status, 200);
    }
    for _ in 0..9 {
        stage
            .log_in(PHONE, OTHER)
            .await
            .is(403, "credentials_wrong");
    }
    stage.pass(2 * 60 * SECOND).await;
    let session = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    assert_eq!(stage.verify_by_phone(PHONE, &code).await.status, 200);
    for _ in 0..9 {
        stage
            .log_in(PHONE, OTHER)
            .await
            .is(403, "credentials_wrong");
    }
    assert_eq!(stage.log_in(PHONE, GOOD).await.status, 200);
}

pub(crate) async fn failures_of_an_address_are_throttled_or_lock_it(shape: Shape) {
    let number = |index: usize| format!("0912{index:07}");
    for (limits, allowed, wait) in [("balanced", 10, 1), ("strict", 3, 3_600)] {
        let stage = Stage::with(shape, &[("LIMITS", limits)]).await;
        stage.with_password(PHONE, GOOD).await;
        for index in 0..allowed {
            stage
                .log_in(&number(index), GOOD)
                .await
                .is(403, "credentials_wrong");
        }
        let refused = stage.log_in(PHONE, GOOD).await;
        refused.is(429, "too_many_failures_address");
        assert_eq!(refused.number("retry_after"), wait);
        let session = stage.ask("09123456780").await;
        let code = stage.code(&session).await;
        let by_number = stage.verify_by_phone("09123456780", &code).await;
        by_number.is(429, "too_many_failures_address");
        assert_eq!(stage.verify(&session, &code).await.status, 200);

        stage
            .pass(i64::try_from(wait).expect("seconds") * SECOND)
            .await;
        assert_eq!(stage.log_in(PHONE, GOOD).await.status, 200);
    }
}

pub(crate) async fn r_12_an_address_is_that_of_the_client_and_one_network_is_one(shape: Shape) {
    let trusted = ("TRUSTED_PROXIES", "127.0.0.1");
    let stage = Stage::with(shape, &[("LIMITS", "strict"), trusted]).await;
    let log_in = async |index: usize, forwarded: &str| {
        let body = json!({ "phone_number": format!("0912{index:07}"), "password": GOOD });
        let request = stage.client.request(Method::POST, stage.url(LOG_IN));
        let request = request.header("x-forwarded-for", forwarded).json(&body);
        stage.send(request).await
    };
    for (index, address) in ["2001:db8:1:1::1", "2001:db8:1:1::2", "2001:db8:1:1:f::3"]
        .into_iter()
        .enumerate()
    {
        log_in(index, address).await.is(403, "credentials_wrong");
    }
    log_in(4, "2001:db8:1:1::4")
        .await
        .is(429, "too_many_failures_address");
    log_in(5, "2001:db8:1:2::1")
        .await
        .is(403, "credentials_wrong");
}
