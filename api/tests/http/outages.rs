//! A store goes away and comes back: refused at once, nothing skipped, healed without a restart.

use std::time::{Duration, Instant};

use domain::clock::Clock;
use harness::{PostgresServer, RedisServer, eventually};
use http::Method;
use serde_json::json;

use crate::answer::Answer;
use crate::passwords::{GOOD, OTHER};
use crate::stage::{ME, OTP, START, Stage};
use crate::stores::{Stores, start_servers};
use crate::tokens::{LOG_OUT, REFRESH};

const PHONE: &str = "09123456789";
/// Far below the time-out of the client, which is where a hang would end, and far above what a busy
/// machine takes. `e2e/tests/outages.rs` holds the promise of one second, best of several.
const PROMPTLY: Duration = Duration::from_secs(12);
const RECOVERY: Duration = Duration::from_secs(30);

pub(crate) async fn stage() -> (Stage, RedisServer, PostgresServer) {
    let (redis, postgres) = start_servers().await;
    let clock = Clock::manual(START);
    let stores = Stores::on_servers(&redis, &postgres, &clock).await;
    let stage = Stage::over(stores, clock, &[], None).await;
    (stage, redis, postgres)
}

pub(crate) async fn promptly(answer: impl Future<Output = Answer>) -> Answer {
    let began = Instant::now();
    let answer = answer.await;
    assert!(began.elapsed() < PROMPTLY, "{:?}", began.elapsed());
    answer
}

pub(crate) async fn recovers(stage: &Stage, path: &str) {
    eventually(RECOVERY, async || {
        (stage.get(path).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_08_f_03_r_14_while_redis_is_dead_or_hangs_requests_are_refused_and_then_served() {
    let (stage, mut redis, _postgres) = stage().await;
    let session = stage.ask(PHONE).await;
    let code = stage.code(&session).await;
    for kill in [true, false] {
        if kill {
            redis.flush_aof().await;
            redis.kill();
        } else {
            redis.pause();
        }
        let body = json!({ "phone_number": "09123456780" });
        let asked = promptly(stage.post(OTP, body)).await;
        asked.is(503, "store_unavailable");
        let verified = promptly(stage.verify(&session, &code)).await;
        verified.is(503, "store_unavailable");
        let ready = promptly(stage.get("/readyz")).await;
        assert_eq!(ready.status, 503);
        assert_eq!(
            ready.body,
            json!({"status": "failed", "hot_state": "failed", "records": "ok"})
        );
        assert_eq!(stage.get("/livez").await.status, 200);
        if kill {
            redis.restart().await;
        } else {
            redis.resume();
        }
        recovers(&stage, "/readyz").await;
    }
    assert_eq!(stage.verify(&session, &code).await.status, 200);
    stage.ask("09123456781").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_08_while_a_store_is_away_no_password_is_compared_and_no_try_counted() {
    let (stage, mut redis, mut postgres) = stage().await;
    let token = stage.with_password(PHONE, GOOD).await;
    let user = stage.bearing(&token, Method::GET, ME, None).await;
    let user = user.member("id").parse().expect("a UUID");
    let sessions = async || {
        let live = stage.stores.records.live_sessions(user, stage.clock.now());
        live.await.expect("an answer").len()
    };
    redis.flush_aof().await;
    redis.kill();
    for password in [GOOD, OTHER] {
        let refused = promptly(stage.log_in(PHONE, password)).await;
        refused.is(503, "store_unavailable");
        let body = json!({ "new_password": OTHER, "current_password": password });
        let refused = promptly(stage.set(&token, body)).await;
        refused.is(503, "store_unavailable");
    }
    assert_eq!(sessions().await, 1, "not even the right one gets in");
    redis.restart().await;
    recovers(&stage, "/readyz").await;

    // More often than the lock allows: none of them may count.
    postgres.pause();
    let refused = promptly(stage.log_in(PHONE, GOOD)).await;
    refused.is(503, "store_unavailable");
    postgres.resume();
    postgres.kill();
    for _ in 0..12 {
        let refused = promptly(stage.log_in(PHONE, OTHER)).await;
        refused.is(503, "store_unavailable");
    }
    postgres.restart().await;
    recovers(&stage, "/readyz").await;
    assert_eq!(stage.log_in(PHONE, GOOD).await.status, 200);
    assert_eq!(sessions().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_04_r_03_a_11_while_the_records_hang_or_are_dead_an_attempt_counts_and_the_code_stays_good()
 {
    let (stage, _redis, mut postgres) = stage().await;
    for (phone, kill) in [("09123456789", false), ("09123456780", true)] {
        let session = stage.ask(phone).await;
        let code = stage.code(&session).await;
        if kill {
            postgres.kill();
        } else {
            postgres.pause();
        }
        let refused = promptly(stage.verify(&session, &code)).await;
        refused.is(503, "store_unavailable");
        assert!(refused.headers.get("set-cookie").is_none());
        let challenge = stage.challenge(&session).await;
        assert_eq!(challenge.session_attempts, 1);
        assert!(challenge.is_honoured(), "nobody else is let in");
        let ready = promptly(stage.get("/readyz")).await;
        assert_eq!(
            ready.body,
            json!({"status": "failed", "hot_state": "ok", "records": "failed"})
        );
        stage.ask("09123456799").await;
        if kill {
            postgres.restart().await;
        } else {
            postgres.resume();
        }
        recovers(&stage, "/readyz").await;
        let answer = stage.verify(&session, &code).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(stage.challenge(&session).await.session_attempts, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_04_ses_09_while_the_records_are_away_no_token_is_used_up_and_nobody_is_logged_out() {
    let (stage, _redis, mut postgres) = stage().await;
    for (phone, kill) in [("09123456789", false), ("09123456780", true)] {
        let tokens = stage.tokens(phone).await;
        if kill {
            postgres.kill();
        } else {
            postgres.pause();
        }
        let by_app = promptly(stage.refresh(&tokens.refresh)).await;
        let request = stage.by_cookie(Method::POST, REFRESH, &tokens.cookies());
        let by_browser = promptly(stage.send(request)).await;
        let request = stage.by_cookie(Method::POST, LOG_OUT, &tokens.cookies());
        let log_out = promptly(stage.send(request)).await;
        for refused in [by_app, by_browser, log_out] {
            refused.is(503, "store_unavailable");
            assert!(refused.headers.get("set-cookie").is_none(), "{refused:?}");
        }
        if kill {
            postgres.restart().await;
        } else {
            postgres.resume();
        }
        recovers(&stage, "/readyz").await;
        let next = stage.refreshed(&tokens.refresh).await;
        assert!(stage.is_signed_in(&next.access).await);
        assert_eq!(stage.refreshed(&tokens.refresh).await.refresh, next.refresh);
    }
    assert_eq!(stage.refreshes("unavailable"), 4);
}
