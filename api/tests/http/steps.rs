//! The step flow: what it leads to, and what it refuses.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::answer::Answer;
use crate::stage::{ME, OTP, SECOND, Shape, Stage, VERIFY};

pub(crate) const PHONE: &str = "09123456789";
pub(crate) const PASSWORD: &str = "tahdig-va-ghormeh";
const MINUTE: i64 = 60 * SECOND;

pub(crate) const REGISTER: &str = "/api/register/";
pub(crate) const VERIFY_OTP: &str = "/api/verify-otp/";
pub(crate) const SET_PASSWORD: &str = "/api/set-password/";
pub(crate) const USER_INFO: &str = "/api/user-info/";
pub(crate) const LOGIN: &str = "/api/login/";
pub(crate) const PATHS: [&str; 5] = [REGISTER, VERIFY_OTP, SET_PASSWORD, USER_INFO, LOGIN];

pub(crate) const NOBODY: &str = "0b8a0b5e-58cf-4a0c-9e62-0f3a8f1f6a11";

/// The session id of an answer that names exactly the next step.
#[track_caller]
pub(crate) fn next(answer: &Answer, step: &str) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let session = answer.member("session_id");
    let body = json!({ "session_id": session, "next_step": step });
    assert_eq!(answer.body, body);
    session
}

pub(crate) fn user_info(session: &str) -> Value {
    json!({
        "session_id": session, "email": "maryam@example.com",
        "first_name": " مریم ", "last_name": "میرزاخانی"
    })
}

impl Stage {
    pub(crate) async fn register(&self, phone: &str) -> Answer {
        self.post(REGISTER, json!({ "mobile_number": phone })).await
    }

    pub(crate) async fn verify_otp(&self, session: &str) -> Answer {
        let code = self.code(session).await;
        let body = json!({ "session_id": session, "code": code });
        self.post(VERIFY_OTP, body).await
    }

    pub(crate) async fn set_password(&self, session: &str, password: &str) -> Answer {
        let body = json!({ "session_id": session, "password": password });
        self.post(SET_PASSWORD, body).await
    }

    pub(crate) async fn log_in_by_step(&self, session: &str, password: &str) -> Answer {
        let body = json!({ "session_id": session, "password": password });
        self.post(LOGIN, body).await
    }

    /// The step that sets a password.
    pub(crate) async fn proven(&self, phone: &str) -> String {
        let session = next(&self.register(phone).await, "otp");
        next(&self.verify_otp(&session).await, "set_password")
    }

    /// The step that asks for names.
    pub(crate) async fn at_user_info(&self, phone: &str) -> String {
        let session = self.proven(phone).await;
        next(&self.set_password(&session, PASSWORD).await, "user_info")
    }

    /// The step that asks for the password.
    async fn at_password(&self, phone: &str) -> String {
        next(&self.register(phone).await, "password")
    }

    pub(crate) async fn waiting(&self) -> u64 {
        self.stores.queue.stats().await.expect("an answer").waiting
    }
}

pub(crate) async fn a_newcomer_goes_from_a_number_to_tokens(shape: Shape) {
    let stage = Stage::new(shape).await;
    for (phone, cut) in [("۰۹۱۲۳۴۵۶۷۸۱", 0), ("09123456782", 1)] {
        // With the slash at the end, and without.
        let post = async |path: &str, body: Value| {
            let path = &path[..path.len() - cut];
            stage.post(path, body).await
        };
        let registered = post(REGISTER, json!({ "mobile_number": phone })).await;
        let session = next(&registered, "otp");
        let code: String = stage.code(&session).await;
        let persian = code.chars().map(|digit| {
            let value = digit.to_digit(10).expect("a digit");
            char::from_u32('۰' as u32 + value).expect("a digit")
        });
        let code: String = persian.collect();
        let body = json!({ "session_id": session, "code": code });
        let session = next(&post(VERIFY_OTP, body).await, "set_password");
        let body = json!({ "session_id": session, "password": PASSWORD });
        let session = next(&post(SET_PASSWORD, body).await, "user_info");
        let signed_in = post(USER_INFO, user_info(&session)).await;
        assert_eq!(signed_in.status, 200, "{signed_in:?}");
        assert_eq!(signed_in.body["is_new_user"], true);
        let user = &signed_in.body["user"];
        assert_eq!(user["first_name"], "مریم");
        assert_eq!(user["last_name"], "میرزاخانی");
        assert_eq!(user["email"], "maryam@example.com");
        assert_eq!(signed_in.headers.get_all("set-cookie").iter().count(), 3);
        let token = signed_in.member("access_token");
        let me = stage.bearing(&token, Method::GET, ME, None).await;
        assert_eq!(me.body["phone_number"], user["phone_number"]);

        let body = json!({ "mobile_number": phone, "password": PASSWORD });
        let logged_in = post(LOGIN, body).await;
        assert_eq!(logged_in.status, 200, "{logged_in:?}");
        assert_eq!(logged_in.body["is_new_user"], false);
    }
    assert_eq!(stage.waiting().await, 2, "one message each");
}

pub(crate) async fn someone_with_a_password_is_asked_for_it(shape: Shape) {
    let stage = Stage::new(shape).await;
    // The names may wait for another day.
    stage.at_user_info(PHONE).await;
    let sent = stage.waiting().await;
    let session = stage.at_password(PHONE).await;
    assert_eq!(stage.waiting().await, sent, "no message is sent");
    let wrong = stage.log_in_by_step(&session, "not-it-at-all").await;
    wrong.is(403, "credentials_wrong");
    let logged_in = stage.log_in_by_step(&session, PASSWORD).await;
    assert_eq!(logged_in.status, 200, "{logged_in:?}");
    assert_eq!(logged_in.body["user"]["phone_number"], "+989123456789");
    assert_eq!(logged_in.headers.get_all("set-cookie").iter().count(), 3);
    let replayed = stage.log_in_by_step(&session, PASSWORD).await;
    replayed.is(404, "step_session_unknown");
}

pub(crate) async fn a_user_without_a_password_keeps_the_account_and_loses_the_sessions(
    shape: Shape,
) {
    let stage = Stage::new(shape).await;
    let before = stage.sign_in(PHONE).await;
    let session = stage.at_user_info(PHONE).await;
    let token = before.member("access_token");
    let me = stage.bearing(&token, Method::GET, ME, None).await;
    me.is(401, "unauthenticated");
    let mut body = user_info(&session);
    body.as_object_mut().expect("an object").remove("email");
    let signed_in = stage.post(USER_INFO, body).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    assert_eq!(signed_in.body["is_new_user"], false);
    assert_eq!(signed_in.body["user"]["id"], before.body["user"]["id"]);
    assert_eq!(signed_in.body["user"]["email"], Value::Null);
}

pub(crate) async fn no_step_is_skipped_or_replayed(shape: Shape) {
    let stage = Stage::new(shape).await;
    let refused = async |session: &str, but: &[&str]| {
        for (path, body) in [
            (
                VERIFY_OTP,
                json!({ "session_id": session, "code": "123456" }),
            ),
            (
                SET_PASSWORD,
                json!({ "session_id": session, "password": PASSWORD }),
            ),
            (USER_INFO, user_info(session)),
            (
                LOGIN,
                json!({ "session_id": session, "password": PASSWORD }),
            ),
        ] {
            let code = if path == VERIFY_OTP {
                "session_unknown"
            } else {
                "step_session_unknown"
            };
            if !but.contains(&path) {
                stage.post(path, body).await.is(404, code);
            }
        }
    };
    refused(NOBODY, &[]).await;
    let session = next(&stage.register(PHONE).await, "otp");
    refused(&session, &[VERIFY_OTP]).await;
    next(&stage.verify_otp(&session).await, "set_password");
    stage.verify_otp(&session).await.is(409, "code_used");
    refused(&session, &[VERIFY_OTP, SET_PASSWORD]).await;
    next(&stage.set_password(&session, PASSWORD).await, "user_info");
    stage.verify_otp(&session).await.is(409, "code_used");
    refused(&session, &[VERIFY_OTP, USER_INFO]).await;
    let done = stage.post(USER_INFO, user_info(&session)).await;
    assert_eq!(done.status, 200, "{done:?}");
    refused(&session, &[VERIFY_OTP]).await;
    let at_password = stage.at_password(PHONE).await;
    refused(&at_password, &[LOGIN]).await;
    let done = stage.log_in_by_step(&at_password, PASSWORD).await;
    assert_eq!(done.status, 200, "{done:?}");
    refused(&at_password, &[]).await;
}

pub(crate) async fn r_01_of_20_at_once_one_takes_a_step(shape: Shape) {
    let stage = Arc::new(Stage::new(shape).await);
    let at_once = async |path: &'static str, body: Value, late: &str| {
        let mut tries = JoinSet::new();
        for _ in 0..20 {
            let (stage, body) = (Arc::clone(&stage), body.clone());
            tries.spawn(async move { stage.post(path, body).await });
        }
        let answers = tries.join_all().await;
        let (taken, refused): (Vec<Answer>, Vec<Answer>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(taken.len(), 1, "{path}: {refused:?}");
        for answer in refused {
            let code = answer.member("code");
            // Of a code only three tries are compared; of hashes only so many wait.
            let known = [
                late,
                "attempts_exhausted",
                "password_busy",
                "store_unavailable",
            ];
            assert!(known.contains(&code.as_str()), "{path}: {answer:?}");
        }
        taken.into_iter().next().expect("one")
    };
    let session = next(&stage.register(PHONE).await, "otp");
    let code = stage.code(&session).await;
    let body = json!({ "session_id": session, "code": code });
    let session = next(
        &at_once(VERIFY_OTP, body, "code_used").await,
        "set_password",
    );
    let unknown = "step_session_unknown";
    let body = json!({ "session_id": session, "password": PASSWORD });
    let session = next(&at_once(SET_PASSWORD, body, unknown).await, "user_info");
    at_once(USER_INFO, user_info(&session), unknown).await;
}

pub(crate) async fn a_step_is_over_after_fifteen_minutes(shape: Shape) {
    let stage = Stage::new(shape).await;
    let unknown = |answer: Answer| answer.is(404, "step_session_unknown");
    let (early, late) = (stage.proven(PHONE).await, stage.proven("09123456780").await);
    stage.pass(15 * MINUTE - 1).await;
    let at_info = next(&stage.set_password(&early, PASSWORD).await, "user_info");
    let at_password = stage.at_password(PHONE).await;
    stage.pass(1).await;
    unknown(stage.set_password(&late, PASSWORD).await);
    stage.pass(15 * MINUTE - 1).await;
    unknown(stage.post(USER_INFO, user_info(&at_info)).await);
    unknown(stage.log_in_by_step(&at_password, PASSWORD).await);
}

pub(crate) async fn r_17_codes_and_sessions_of_other_flows_are_unknown(shape: Shape) {
    let stage = Stage::new(shape).await;
    let signing_in = stage.ask(PHONE).await;
    stage
        .verify_otp(&signing_in)
        .await
        .is(404, "session_unknown");
    let body = json!({ "session_id": signing_in });
    stage.post(REGISTER, body).await.is(404, "session_unknown");
    stage
        .set_password(&signing_in, PASSWORD)
        .await
        .is(404, "step_session_unknown");

    let registering = next(&stage.register("09123456780").await, "otp");
    let code = stage.code(&registering).await;
    let verified = stage.verify(&registering, &code).await;
    verified.is(404, "session_unknown");
    let verified = stage.verify_by_phone("09123456780", &code).await;
    verified.is(403, "code_wrong");
    let body = json!({ "session_id": registering });
    stage.post(OTP, body).await.is(404, "session_unknown");
    let session = next(&stage.verify_otp(&registering).await, "set_password");
    let body = json!({ "session_id": session, "code": code });
    stage.post(VERIFY, body).await.is(404, "session_unknown");
}
