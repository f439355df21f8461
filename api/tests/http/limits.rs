//! Refusals by the limits, with the true time to wait.

use serde_json::json;

use crate::stage::{OTP, SECOND, START, Shape, Stage, VERIFY};

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

pub(crate) async fn thr_05_a_21_addresses_around_one_share_its_limit(shape: Shape) {
    let stage = Stage::new(shape).await;
    let settings = [
        ("LIMIT_GROUP_PER_MINUTE", "2"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let api = stage.beside(&settings).await;
    for (number, from, status) in [
        (1, "5.160.1.1", 202),
        (2, "5.160.1.2", 202),
        (3, "5.160.1.3", 429),
        (3, "5.160.2.3", 202),
        (4, "2001:db8:7:1::1", 202),
        (5, "2001:db8:7:2::1", 202),
        (6, "2001:db8:7:3::1", 429),
        (6, "2001:db8:8:3::1", 202),
    ] {
        let request = api
            .client
            .post(api.url(OTP))
            .header("x-forwarded-for", from);
        let body = json!({ "phone_number": format!("0912345{number:04}") });
        let answer = api.send(request.json(&body)).await;
        assert_eq!(answer.status, status, "{from}: {answer:?}");
        if status == 429 {
            answer.is(429, "too_many_requests_address");
            assert_eq!(answer.number("retry_after"), 30);
        }
    }
    let series = r#"ramz_limit_refused_total{rule="group"}"#;
    assert!((api.metric(series) - 2.0).abs() < f64::EPSILON);
}

pub(crate) async fn wrong_codes_of_everybody_close_the_way_by_number_only(shape: Shape) {
    let stage = Stage::new(shape).await;
    let api = stage.beside(&[("LIMIT_FAILURES_SERVICE", "1")]).await;
    let session = api.ask("09123456789").await;
    let wrong = json!({ "session_id": session, "code": api.wrong_code(&session).await });
    api.post(VERIFY, wrong).await.is(403, "code_wrong");
    let code = api.code(&session).await;
    let by_number = json!({ "phone_number": "09123456789", "code": code });
    let refused = api.post(VERIFY, by_number).await;
    refused.is(429, "session_required");
    assert!(refused.number("retry_after") <= 3_600);
    let with_session = json!({ "session_id": session, "code": code });
    assert_eq!(api.post(VERIFY, with_session).await.status, 200);
}

pub(crate) async fn a_budget_of_messages_for_a_day_is_told_until_its_end(shape: Shape) {
    let stage = Stage::new(shape).await;
    let api = stage.beside(&[("LIMIT_SERVICE_DAY", "1")]).await;
    api.ask("09123456789").await;
    let refused = api
        .post(OTP, json!({ "phone_number": "09123456780" }))
        .await;
    refused.is(503, "sending_paused");
    let to_midnight = u64::try_from(86_400 - START / SECOND % 86_400).expect("a wait");
    assert!(refused.number("retry_after") <= to_midnight);
    assert!(refused.number("retry_after") > to_midnight - 60);
}
