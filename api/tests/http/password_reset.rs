//! A new password by a code.

use domain::otp::Purpose;
use http::Method;
use serde_json::json;

use crate::answer::Answer;
use crate::passwords::{GOOD, OTHER, PHONE};
use crate::stage::{ME, SECOND, Shape, Stage};

pub(crate) const RESET: &str = "/api/v1/usr/password/reset";
pub(crate) const RESET_VERIFY: &str = "/api/v1/usr/password/reset/verify";

impl Stage {
    async fn ask_reset(&self, phone: &str) -> String {
        let answer = self.post(RESET, json!({ "phone_number": phone })).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.member("session_id")
    }

    async fn reset(&self, session: &str, code: &str, password: &str) -> Answer {
        let body = json!({ "session_id": session, "code": code, "new_password": password });
        self.post(RESET_VERIFY, body).await
    }
}

pub(crate) async fn a_code_sets_a_new_password_and_ends_every_session(shape: Shape) {
    let stage = Stage::new(shape).await;
    let old = stage.with_password(PHONE, GOOD).await;
    let session = stage.ask_reset(PHONE).await;
    assert_eq!(
        stage.challenge(&session).await.root.purpose,
        Purpose::ResetPassword
    );
    let code = stage.code(&session).await;

    let answer = stage.reset(&session, &code, OTHER).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["is_new_user"], false);
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 3);
    stage.opens_its_account(&answer).await;
    assert_eq!(stage.notice_jobs().await.len(), 1, "the owner is told");
    let old = stage.bearing(&old, Method::GET, ME, None).await;
    old.is(401, "unauthenticated");
    stage.log_in(PHONE, GOOD).await.is(403, "credentials_wrong");
    assert_eq!(stage.log_in(PHONE, OTHER).await.status, 200);

    stage
        .reset(&session, &code, GOOD)
        .await
        .is(409, "code_used");
    assert_eq!(stage.log_in(PHONE, OTHER).await.status, 200);
}

pub(crate) async fn a_19_known_and_unknown_numbers_get_the_same_answers(shape: Shape) {
    let stage = Stage::new(shape).await;
    stage.with_password(PHONE, GOOD).await;
    stage.with_password("09123456780", GOOD).await;
    stage.block("+989123456780").await;
    let mut seen = Vec::new();
    for phone in [PHONE, "09123456780", "09120000000"] {
        let asked = stage.post(RESET, json!({ "phone_number": phone })).await;
        assert_eq!(asked.status, 202, "{asked:?}");
        let session = asked.member("session_id");
        let again = stage.post(RESET, json!({ "session_id": session })).await;
        assert_eq!(again.status, 200, "{again:?}");
        assert_eq!(again.body["sent"], false);
        let wrong = stage.wrong_code(&session).await;
        let refused = stage.reset(&session, &wrong, OTHER).await;
        refused.is(403, "code_wrong");
        let hide = |answer: &Answer| {
            let (status, mut headers, text) = answer.seen();
            headers.retain(|(name, _)| name != "content-length");
            let number = asked.member("phone_number");
            (
                status,
                headers,
                text.replace(&session, "SESSION").replace(&number, "NUMBER"),
            )
        };
        seen.push([hide(&asked), hide(&again), hide(&refused)]);
    }
    assert_eq!(seen[0], seen[1], "blocked");
    assert_eq!(seen[0], seen[2], "unknown");
}

pub(crate) async fn a_poor_choice_costs_no_attempt(shape: Shape) {
    let stage = Stage::new(shape).await;
    stage.with_password(PHONE, GOOD).await;
    let session = stage.ask_reset(PHONE).await;
    let code = stage.code(&session).await;
    for (password, error) in [
        ("Xq7vT2#", "password_too_short"),
        ("password1", "password_too_easy"),
        ("09123456789", "password_too_easy"),
    ] {
        let refused = stage.reset(&session, &code, password).await;
        refused.is(422, error);
        assert_eq!(refused.member("field"), "new_password");
    }
    stage
        .reset(&session, &code, &"a".repeat(129))
        .await
        .is(422, "password_too_long");
    stage
        .reset(&session, "12345", OTHER)
        .await
        .is(422, "code_malformed");
    assert_eq!(stage.challenge(&session).await.session_attempts, 0);

    let wrong = stage.wrong_code(&session).await;
    for left in [2, 1, 0] {
        let refused = stage.reset(&session, &wrong, OTHER).await;
        refused.is(403, "code_wrong");
        assert_eq!(refused.number("attempts_left"), left);
    }
    stage
        .reset(&session, &code, OTHER)
        .await
        .is(403, "attempts_exhausted");
    assert_eq!(
        stage.log_in(PHONE, GOOD).await.status,
        200,
        "the password stays"
    );
}

pub(crate) async fn r_17_codes_of_a_sign_in_and_of_a_reset_are_not_each_others(shape: Shape) {
    let stage = Stage::new(shape).await;
    let reset = stage.ask_reset(PHONE).await;
    let sign_in = stage.ask(PHONE).await;
    let (reset_code, sign_in_code) = (stage.code(&reset).await, stage.code(&sign_in).await);
    stage
        .reset(&sign_in, &sign_in_code, GOOD)
        .await
        .is(404, "session_unknown");
    stage
        .verify(&reset, &reset_code)
        .await
        .is(404, "session_unknown");
    stage
        .post(RESET, json!({ "session_id": sign_in }))
        .await
        .is(404, "session_unknown");
    let by_number = stage.verify_by_phone(PHONE, &reset_code).await;
    if reset_code != sign_in_code {
        by_number.is(403, "code_wrong");
    }
    stage.pass(120 * SECOND).await;
    stage
        .reset(&reset, &reset_code, GOOD)
        .await
        .is(410, "code_expired");
}

pub(crate) async fn a_proven_number_without_an_account_gets_one(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.ask_reset(PHONE).await;
    let code = stage.code(&session).await;
    let answer = stage.reset(&session, &code, GOOD).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["is_new_user"], true);
    assert_eq!(stage.log_in(PHONE, GOOD).await.status, 200);
}

pub(crate) async fn a_blocked_user_resets_nothing_and_hears_of_a_wrong_code(shape: Shape) {
    let stage = Stage::new(shape).await;
    stage.with_password(PHONE, GOOD).await;
    let stored = stage.stored_hash("+989123456789").await;
    stage.block("+989123456789").await;
    let session = stage.ask_reset(PHONE).await;
    let code = stage.code(&session).await;
    let theirs = stage.reset(&session, &code, OTHER).await;
    let of_another = stage.ask_reset("09123456780").await;
    let wrong = stage.wrong_code(&of_another).await;
    let wrong = stage.reset(&of_another, &wrong, OTHER).await;
    wrong.is(403, "code_wrong");
    assert_eq!(theirs.seen(), wrong.seen());
    assert_eq!(stage.stored_hash("+989123456789").await, stored);
}

pub(crate) async fn r_30_a_locked_number_gets_a_new_password(shape: Shape) {
    let stage = Stage::with(
        shape,
        &[
            ("LIMIT_FAILURES_ADDRESS", "1000"),
            ("LIMIT_FAILURES_GROUP", "off"),
        ],
    )
    .await;
    stage.with_password(PHONE, GOOD).await;
    for _ in 0..10 {
        stage
            .log_in(PHONE, OTHER)
            .await
            .is(403, "credentials_wrong");
    }
    let session = stage.ask_reset(PHONE).await;
    let code = stage.code(&session).await;
    let answer = stage.reset(&session, &code, OTHER).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

pub(crate) async fn a_20_who_asked_for_no_code_makes_nobody_judge_a_password(shape: Shape) {
    let stage = Stage::new(shape).await;
    let signing_in = stage.ask(PHONE).await;
    for session in ["6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11", signing_in.as_str()] {
        for password in ["password1", "Xq7vT2#", GOOD] {
            let refused = stage.reset(session, "123456", password).await;
            refused.is(404, "session_unknown");
        }
    }
    assert_eq!(stage.challenge(&signing_in).await.session_attempts, 0);
}
