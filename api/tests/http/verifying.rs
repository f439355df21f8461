//! Giving codes back.

use domain::phone::PhoneNumber;
use domain::root::Honoured;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::stage::{OTHER_OTP_KEY, OTP, OTP_KEY, SECOND, START, Shape, Stage, VERIFY};

const PHONE: &str = "09123456789";
const E164: &str = "+989123456789";

pub(crate) async fn a_01_r_10_after_the_cap_right_and_wrong_codes_get_the_same_bytes(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let (right, wrong) = (stage.code(&session).await, stage.wrong_code(&session).await);
    for left in [2, 1, 0] {
        let answer = stage.verify(&session, &wrong).await;
        answer.is(403, "code_wrong");
        assert_eq!(answer.number("attempts_left"), left);
    }
    let after_right = stage.verify(&session, &right).await;
    after_right.is(403, "attempts_exhausted");
    let after_wrong = stage.verify(&session, &wrong).await;
    assert_eq!(after_right.seen(), after_wrong.seen());
}

pub(crate) async fn a_04_r_07_a_resend_gives_no_attempts_back(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let wrong = stage.wrong_code(&session).await;
    stage.verify(&session, &wrong).await;
    stage.verify(&session, &wrong).await;
    stage.pass(31 * SECOND).await;
    let again = stage.post(OTP, json!({ "session_id": session })).await;
    assert_eq!(again.status, 202, "{again:?}");
    assert_eq!(
        stage.verify(&session, &wrong).await.number("attempts_left"),
        0
    );
    let right = stage.code(&session).await;
    stage
        .verify(&session, &right)
        .await
        .is(403, "attempts_exhausted");
}

pub(crate) async fn a_07_a_used_code_is_told_to_its_session(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    assert_eq!(stage.verify(&session, &code).await.status, 200);
    stage.pass(61 * SECOND).await;
    stage.verify(&session, &code).await.is(409, "code_used");
    stage
        .verify_by_phone(PHONE, &code)
        .await
        .is(403, "code_wrong");
    assert!(stage.metric(r#"ramz_otp_verifications_total{result="used"}"#) >= 1.0);
}

pub(crate) async fn r_16_an_expired_code_is_refused(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    stage.pass(120 * SECOND).await;
    stage.verify(&session, &code).await.is(410, "code_expired");
}

pub(crate) async fn an_unknown_session_is_refused(shape: Shape) {
    let stage = Stage::new(shape).await;
    let unknown = "0b8a0b5e-58cf-4a0c-9e62-0f3a8f1f6a11";
    stage
        .verify(unknown, "123456")
        .await
        .is(404, "session_unknown");
}

pub(crate) async fn a_number_that_is_not_of_the_session_is_a_conflict(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    let with = |phone: &str| json!({ "session_id": session, "phone_number": phone, "code": code });
    stage
        .post(VERIFY, with("09123456780"))
        .await
        .is(409, "phone_mismatch");
    assert_eq!(stage.challenge(&session).await.session_attempts, 0);
    assert_eq!(stage.post(VERIFY, with("9123456789")).await.status, 200);
}

pub(crate) async fn persian_and_arabic_digits_are_understood(shape: Shape) {
    let stage = Stage::new(shape).await;
    for (phone, zero) in [("09123456781", '۰'), ("09123456782", '٠')] {
        let session = stage.ask(phone).await;
        let code = stage.code(&session).await;
        let typed: String = code
            .chars()
            .map(|digit| {
                let value = digit.to_digit(10).expect("a digit");
                char::from_u32(zero as u32 + value).expect("a digit")
            })
            .collect();
        let answer = stage.verify(&session, &format!(" {typed} ")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

pub(crate) async fn a_code_comes_back_with_the_number_only(shape: Shape) {
    let stage = Stage::new(shape).await;
    let earlier = stage.ask(PHONE).await;
    stage.pass(SECOND).await;
    stage.ask(PHONE).await;
    let code = stage.code(&earlier).await;
    let answer = stage.verify_by_phone("۰۹۱۲۳۴۵۶۷۸۹", &code).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["user"]["phone_number"], E164);
    assert_eq!(
        stage.challenge(&earlier).await.root.closed,
        Some(Honoured::Nobody)
    );
}

pub(crate) async fn a_19_the_phone_way_answers_every_failure_with_the_same_bytes(shape: Shape) {
    let stage = Stage::new(shape).await;
    let none = stage.verify_by_phone("09120000000", "123456").await;
    none.is(403, "code_wrong");
    assert_eq!(none.body["attempts_left"], Value::Null);

    let session = stage.ask(PHONE).await;
    let (right, wrong) = (stage.code(&session).await, stage.wrong_code(&session).await);
    for _ in 0..3 {
        let answer = stage.verify_by_phone(PHONE, &wrong).await;
        assert_eq!(answer.seen(), none.seen(), "wrong");
    }
    let exhausted = stage.verify_by_phone(PHONE, &right).await;
    assert_eq!(exhausted.seen(), none.seen(), "exhausted");

    let other = stage.ask("09123456780").await;
    let code = stage.code(&other).await;
    stage.pass(121 * SECOND).await;
    let expired = stage.verify_by_phone("09123456780", &code).await;
    assert_eq!(expired.seen(), none.seen(), "expired");
}

pub(crate) async fn a_15_guesses_by_number_leave_the_owner_their_attempts(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let wrong = stage.wrong_code(&session).await;
    for _ in 0..5 {
        stage
            .verify_by_phone(PHONE, &wrong)
            .await
            .is(403, "code_wrong");
    }
    assert_eq!(stage.challenge(&session).await.root.phone_attempts, 3);
    let code = stage.code(&session).await;
    assert_eq!(stage.verify(&session, &code).await.status, 200);
}

pub(crate) async fn a_blocked_user_gets_the_bytes_of_a_wrong_code(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    stage.verify(&session, &stage.code(&session).await).await;
    let phone = PhoneNumber::from_e164(E164).expect("canonical");
    let records = &stage.stores.records;
    let user = records.find_user_by_phone(&phone).await.expect("an answer");
    let id = user.expect("a user").id;
    let blocked = records.set_blocked(id, true, stage.clock.now()).await;
    assert!(blocked.expect("an answer"));

    let session = stage.ask(PHONE).await;
    let tab = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    let theirs = stage.verify(&session, &code).await;
    let in_another_tab = stage.verify(&tab, &code).await;
    assert_eq!(theirs.seen(), in_another_tab.seen());
    let of_another = stage.ask("09123456780").await;
    let wrong = stage.wrong_code(&of_another).await;
    let wrong = stage.verify(&of_another, &wrong).await;
    wrong.is(403, "code_wrong");
    assert_eq!(theirs.seen(), wrong.seen());
    let by_phone = stage.verify_by_phone(PHONE, &code).await;
    let nobody = stage.verify_by_phone("09120000000", "123456").await;
    assert_eq!(by_phone.seen(), nobody.seen());
    assert!(stage.metric(r#"ramz_otp_verifications_total{result="blocked"}"#) >= 2.0);
    let sessions = records.live_sessions(id, stage.clock.now()).await;
    assert!(sessions.expect("an answer").is_empty());
}

pub(crate) async fn a_key_that_this_process_lacks_is_unavailable_and_counts_no_attempt(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    let behind = stage.beside(&[("OTP_KEY", OTHER_OTP_KEY)]).await;
    behind
        .verify(&session, &code)
        .await
        .is(503, "key_unavailable");
    assert_eq!(stage.challenge(&session).await.session_attempts, 0);
    behind
        .verify_by_phone(PHONE, &code)
        .await
        .is(403, "code_wrong");
    let rotated = format!("{OTHER_OTP_KEY},{OTP_KEY}");
    let rotated = stage.beside(&[("OTP_KEY", &rotated)]).await;
    assert_eq!(rotated.verify(&session, &code).await.status, 200);
}

pub(crate) async fn a_36_an_unreadable_record_is_our_fault_and_says_nothing(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let key = format!("c:{}", stage.challenge(&session).await.id);
    let command = ["HSET", &key, "p", "garbage"];
    let sql = "UPDATE hot_roots SET phone = 'garbage'";
    stage.stores.meddle(&command, sql).await;
    let answer = stage.verify(&session, "123456").await;
    answer.is(500, "internal");
    assert!(!answer.text.contains("garbage"));
}

pub(crate) async fn ses_01_the_access_token_is_signed_by_a_published_key(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask(PHONE).await;
    let answer = stage.verify(&session, &stage.code(&session).await).await;
    let token = answer.member("access_token");

    let published = stage.get("/.well-known/jwks.json").await;
    assert_eq!(published.header("cache-control"), "public, max-age=300");
    let keys: JwkSet = serde_json::from_value(published.body).expect("a JWK set");
    let header = decode_header(&token).expect("a header");
    let key = keys.find(&header.kid.expect("a kid")).expect("published");
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&["http://127.0.0.1:8000"]);
    validation.set_issuer(&["http://127.0.0.1:8000"]);
    // The clock of the stage stands still in another time.
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).expect("a key");
    let claims = decode::<Value>(&token, &key, &validation)
        .expect("a valid token")
        .claims;
    assert_eq!(claims["sub"], answer.body["user"]["id"]);
    assert_eq!(claims["exp"], START / 1000 + 300);
}

pub(crate) async fn a_31_cok_01_tokens_come_as_cookies_that_scripts_cannot_read(shape: Shape) {
    let http = Stage::new(shape).await;
    let https = http
        .beside(&[("PUBLIC_URL", "https://login.example.ir")])
        .await;
    for (stage, prefix, secure) in [(&http, "", ""), (&https, "__Host-", "; Secure")] {
        let session = stage.ask(PHONE).await;
        let answer = stage.verify(&session, &stage.code(&session).await).await;
        let cookies: Vec<&str> = answer
            .headers
            .get_all("set-cookie")
            .iter()
            .map(|value| value.to_str().expect("text"))
            .collect();
        let flags = format!("HttpOnly{secure}; SameSite=Lax");
        let [access, refresh, device] =
            ["access_token", "refresh_token", "device_token"].map(|name| answer.member(name));
        assert_eq!(
            cookies,
            [
                format!("{prefix}ramz_access={access}; Path=/; Max-Age=300; {flags}"),
                format!("{prefix}ramz_refresh={refresh}; Path=/; Max-Age=86400; {flags}"),
                format!("{prefix}ramz_device={device}; Path=/; Max-Age=7776000; {flags}"),
            ]
        );
        let has_hsts = !answer.header("strict-transport-security").is_empty();
        assert_eq!(has_hsts, !prefix.is_empty());
    }
}
