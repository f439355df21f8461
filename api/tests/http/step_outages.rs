//! The step flow while a store is away: refused at once, and no step is used up by it.

use serde_json::{Value, json};

use crate::outages::{promptly, recovers, stage};
use crate::steps::{
    LOGIN, PASSWORD, PHONE, REGISTER, SET_PASSWORD, USER_INFO, VERIFY_OTP, next, user_info,
};

const NEWCOMER: &str = "09123456780";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_08_r_14_while_redis_is_away_no_limit_of_the_step_flow_is_skipped() {
    let (stage, mut redis, _postgres) = stage().await;
    stage.at_user_info(PHONE).await;
    let at_password = next(&stage.register(PHONE).await, "password");
    let at_code = next(&stage.register(NEWCOMER).await, "otp");
    let code = stage.code(&at_code).await;
    redis.flush_aof().await;
    redis.kill();
    for (path, body) in [
        (REGISTER, json!({ "mobile_number": PHONE })),
        (REGISTER, json!({ "mobile_number": "09123456781" })),
        (REGISTER, json!({ "session_id": at_code })),
        (VERIFY_OTP, json!({ "session_id": at_code, "code": code })),
        (
            LOGIN,
            json!({ "session_id": at_password, "password": PASSWORD }),
        ),
        (
            LOGIN,
            json!({ "mobile_number": PHONE, "password": PASSWORD }),
        ),
    ] {
        let answer = promptly(stage.post(path, body)).await;
        answer.is(503, "store_unavailable");
    }
    redis.restart().await;
    recovers(&stage, "/readyz").await;
    next(&stage.verify_otp(&at_code).await, "set_password");
    let logged_in = stage.log_in_by_step(&at_password, PASSWORD).await;
    assert_eq!(logged_in.status, 200, "{logged_in:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_04_while_the_records_are_away_no_step_is_used_up() {
    let (stage, _redis, mut postgres) = stage().await;
    let at_info = stage.at_user_info(PHONE).await;
    let at_password = next(&stage.register(PHONE).await, "password");
    let at_set = stage.proven("09123456781").await;
    let at_code = next(&stage.register(NEWCOMER).await, "otp");
    let code = stage.code(&at_code).await;
    let steps: [(&str, Value); 4] = [
        (USER_INFO, user_info(&at_info)),
        (
            SET_PASSWORD,
            json!({ "session_id": at_set, "password": PASSWORD }),
        ),
        (VERIFY_OTP, json!({ "session_id": at_code, "code": code })),
        (
            LOGIN,
            json!({ "session_id": at_password, "password": PASSWORD }),
        ),
    ];
    for kill in [false, true] {
        if kill {
            postgres.kill();
        } else {
            postgres.pause();
        }
        for (path, body) in &steps {
            let answer = promptly(stage.post(path, body.clone())).await;
            answer.is(503, "store_unavailable");
            assert!(answer.headers.get("set-cookie").is_none());
        }
        let body = json!({ "mobile_number": PHONE });
        let answer = promptly(stage.post(REGISTER, body)).await;
        answer.is(503, "store_unavailable");
        if kill {
            postgres.restart().await;
        } else {
            postgres.resume();
        }
        recovers(&stage, "/readyz").await;
    }
    for (path, body) in steps {
        let answer = stage.post(path, body).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
}
