//! The session id of the step flow: the same from the first answer to the last.

use serde_json::{Value, json};

use crate::stage::{SECOND, Shape, Stage};
use crate::steps::{
    LOGIN, NOBODY, PASSWORD, PATHS, PHONE, REGISTER, SET_PASSWORD, USER_INFO, VERIFY_OTP, next,
    user_info,
};

pub(crate) async fn the_first_id_is_good_all_the_way_and_repeated_in_each_answer(shape: Shape) {
    let stage = Stage::new(shape).await;
    for (phone, cut) in [(PHONE, 0), ("09123456780", 1)] {
        // With the slash at the end, and without.
        let post = async |path: &str, body: Value| {
            let path = &path[..path.len() - cut];
            stage.post(path, body).await
        };
        let registered = post(REGISTER, json!({ "mobile_number": phone })).await;
        let first = next(&registered, "otp");
        // Within the cooldown, and after it with a second message.
        for _ in 0..2 {
            let again = post(REGISTER, json!({ "session_id": first })).await;
            assert_eq!(next(&again, "otp"), first);
            stage.pass(30 * SECOND).await;
        }
        let body = json!({ "session_id": first, "code": stage.code(&first).await });
        assert_eq!(next(&post(VERIFY_OTP, body).await, "set_password"), first);
        let poor = json!({ "session_id": first, "password": "12345678" });
        post(SET_PASSWORD, poor).await.is(422, "password_too_easy");
        let body = json!({ "session_id": first, "password": PASSWORD });
        assert_eq!(next(&post(SET_PASSWORD, body).await, "user_info"), first);
        let signed_in = post(USER_INFO, user_info(&first)).await;
        assert_eq!(signed_in.status, 200, "{signed_in:?}");

        let registered = post(REGISTER, json!({ "mobile_number": phone })).await;
        let first = next(&registered, "password");
        let body = json!({ "session_id": first, "password": PASSWORD });
        let logged_in = post(LOGIN, body).await;
        assert_eq!(logged_in.status, 200, "{logged_in:?}");
    }
}

pub(crate) async fn after_a_lost_answer_the_flow_goes_on_with_the_same_id(shape: Shape) {
    let stage = Stage::new(shape).await;
    let unknown = "step_session_unknown";
    let session = next(&stage.register(PHONE).await, "otp");
    next(&stage.verify_otp(&session).await, "set_password");
    // The answer was lost: the client sends the step again, hears that it was taken, and goes on.
    stage.verify_otp(&session).await.is(409, "code_used");
    next(&stage.set_password(&session, PASSWORD).await, "user_info");
    let again = stage.set_password(&session, PASSWORD).await;
    again.is(404, unknown);
    // A second password under the same id sets nothing.
    let other = stage.set_password(&session, "kashk-e-bademjan").await;
    other.is(404, unknown);
    let signed_in = stage.post(USER_INFO, user_info(&session)).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    stage
        .post(USER_INFO, user_info(&session))
        .await
        .is(404, unknown);
    // The tokens were lost: the password that was set opens another session.
    let session = next(&stage.register(PHONE).await, "password");
    let logged_in = stage.log_in_by_step(&session, PASSWORD).await;
    assert_eq!(logged_in.status, 200, "{logged_in:?}");
    let wrong = json!({ "mobile_number": PHONE, "password": "kashk-e-bademjan" });
    stage.post(LOGIN, wrong).await.is(403, "credentials_wrong");
}

pub(crate) async fn a_flow_that_begins_anew_under_its_id_keeps_it(shape: Shape) {
    let stage = Stage::new(shape).await;
    let first = next(&stage.register(PHONE).await, "otp");
    next(&stage.verify_otp(&first).await, "set_password");
    next(&stage.set_password(&first, PASSWORD).await, "user_info");
    // The answer was lost, and the client sends the id that it has to the first step.
    let again = stage.post(REGISTER, json!({ "session_id": first })).await;
    assert_eq!(next(&again, "password"), first);
    let wrong = stage.log_in_by_step(&first, "kashk-e-bademjan").await;
    wrong.is(403, "credentials_wrong");
    let logged_in = stage.log_in_by_step(&first, PASSWORD).await;
    assert_eq!(logged_in.status, 200, "{logged_in:?}");
    let replayed = stage.log_in_by_step(&first, PASSWORD).await;
    replayed.is(404, "step_session_unknown");
    // An id that the client chose beside a number is not taken over.
    let body = json!({ "mobile_number": PHONE, "session_id": NOBODY });
    assert_ne!(next(&stage.post(REGISTER, body).await, "password"), NOBODY);
}

pub(crate) async fn only_the_caller_of_register_finishes_the_flow(shape: Shape) {
    let stage = Stage::new(shape).await;
    let unknown = "step_session_unknown";
    let strangers = next(&stage.register(PHONE).await, "otp");
    let owners = next(&stage.register(PHONE).await, "otp");
    let gains_nothing = async || {
        stage
            .set_password(&strangers, "kashk-e-bademjan")
            .await
            .is(404, unknown);
        stage
            .post(USER_INFO, user_info(&strangers))
            .await
            .is(404, unknown);
        stage
            .log_in_by_step(&strangers, PASSWORD)
            .await
            .is(404, unknown);
    };
    gains_nothing().await;
    next(&stage.verify_otp(&owners).await, "set_password");
    gains_nothing().await;
    next(&stage.set_password(&owners, PASSWORD).await, "user_info");
    gains_nothing().await;
    let signed_in = stage.post(USER_INFO, user_info(&owners)).await;
    assert_eq!(signed_in.status, 200, "{signed_in:?}");
    gains_nothing().await;
}

pub(crate) async fn the_id_is_taken_from_a_body_only(shape: Shape) {
    let stage = Stage::new(shape).await;
    let session = stage.proven(PHONE).await;
    for path in [
        format!("{SET_PASSWORD}?session_id={session}"),
        format!("/api/set-password?session_id={session}"),
    ] {
        let body = json!({ "password": PASSWORD });
        let refused = stage.post(&path, body).await;
        refused.is(422, "field_missing");
        assert_eq!(refused.member("field"), "session_id");
    }
    for path in [
        format!("{SET_PASSWORD}{session}"),
        format!("/api/register/{session}"),
    ] {
        stage.get(&path).await.is(404, "not_found");
    }
    for path in PATHS {
        let call = &stage.document["paths"][path]["post"];
        assert!(call.is_object() && call["parameters"].is_null(), "{path}");
    }
    next(&stage.set_password(&session, PASSWORD).await, "user_info");
}
