//! Refusals by the limits, with the true time to wait.

use serde_json::json;

use crate::stage::{OTP, SECOND, START, Shape, Stage};

pub(crate) async fn a_14_a_phone_gets_three_codes_in_two_minutes(shape: Shape) {
    let stage = Stage::new(shape).await;
    let body = |spelling: &str| json!({ "phone_number": spelling });
    for spelling in ["09123456789", "+989123456789", "۹۱۲۳۴۵۶۷۸۹"] {
        assert_eq!(stage.post(OTP, body(spelling)).await.status, 202);
        stage.pass(10 * SECOND).await;
    }
    let refused = stage.post(OTP, body("00989123456789")).await;
    refused.is(429, "too_many_requests_phone");
    assert_eq!(refused.number("retry_after"), 90);
    assert_eq!(refused.number("resend_in"), 90);
    stage.pass(90 * SECOND - 1).await;
    assert_eq!(
        stage
            .post(OTP, body("09123456789"))
            .await
            .number("retry_after"),
        1
    );
    stage.pass(1).await;
    assert_eq!(stage.post(OTP, body("09123456789")).await.status, 202);
    let series = r#"ramz_limit_refused_total{rule="phone_short"}"#;
    assert!((stage.metric(series) - 2.0).abs() < f64::EPSILON);
}

pub(crate) async fn a_20_a_21_an_address_gets_its_requests_and_cannot_choose_another(shape: Shape) {
    let limit = ("LIMIT_ADDRESS_PER_MINUTE", "2");
    let direct = Stage::with(shape, &[limit]).await;
    let ask = async |stage: &Stage, number: u32, forwarded: &str| {
        let request = stage.client.post(stage.url(OTP));
        let request = request.header("x-forwarded-for", forwarded);
        let phone = format!("0912345{number:04}");
        stage
            .send(request.json(&json!({ "phone_number": phone })))
            .await
    };
    assert_eq!(ask(&direct, 1, "198.51.100.1").await.status, 202);
    assert_eq!(ask(&direct, 2, "198.51.100.2").await.status, 202);
    let refused = ask(&direct, 3, "198.51.100.3").await;
    refused.is(429, "too_many_requests_address");
    assert_eq!(refused.number("retry_after"), 30);

    let trusted = ("TRUSTED_PROXIES", "127.0.0.1");
    let proxied = direct.beside(&[limit, trusted]).await;
    for (number, forwarded, status) in [
        (4, "2001:db8:1:1::1", 202),
        (5, "10.0.0.1, 2001:db8:1:1::2", 202),
        (6, "2001:db8:1:1:ffff::3", 429),
        (7, "2001:db8:1:2::1", 202),
        (8, "garbage", 429),
        (9, "", 429),
    ] {
        let answer = ask(&proxied, number, forwarded).await;
        assert_eq!(answer.status, status, "{forwarded}: {answer:?}");
    }
}

pub(crate) async fn f_16_an_open_breaker_and_a_full_queue_refuse_with_the_time_to_wait(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    let body = json!({ "phone_number": "09123456789" });
    let until = (START + 41 * SECOND).to_string();
    let sql = "INSERT INTO hot_breaker (id, until) VALUES (1, 1763700041000)";
    stage
        .stores
        .meddle(&["HSET", "breaker", "until", &until], sql)
        .await;
    let refused = stage.post(OTP, body.clone()).await;
    refused.is(503, "gateway_unavailable");
    assert_eq!(refused.number("retry_after"), 41);

    stage.pass(41 * SECOND).await;
    let small = stage.beside(&[("QUEUE_MAX", "1")]).await;
    assert_eq!(small.post(OTP, body).await.status, 202);
    let body = json!({ "phone_number": "09123456780" });
    small.post(OTP, body.clone()).await.is(503, "queue_full");
    // Nobody takes the job that waits.
    stage.clock.advance(41 * SECOND);
    stage.post(OTP, body).await.is(503, "queue_full");
    for (of, rule) in [
        (&stage, "breaker_open"),
        (&small, "queue_full"),
        (&stage, "queue_slow"),
    ] {
        let series = format!("ramz_limit_refused_total{{rule=\"{rule}\"}}");
        assert!((of.metric(&series) - 1.0).abs() < f64::EPSILON, "{rule}");
    }
}
