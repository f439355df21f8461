//! A store goes away under the real binaries and comes back.

use std::time::{Duration, Instant};

use e2e::{ErrorAnswer, PATIENCE, Production};
use harness::eventually;
use serde_json::json;

/// What the client waits at most; the machine may be slow, the API must not be.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// A machine under load adds its own time; the limit is held on the best of a few tries.
const TRIES: usize = 5;

async fn refused_within_a_second(production: &Production, path: &str, body: serde_json::Value) {
    let client = production.client();
    let mut fastest = Duration::MAX;
    for _ in 0..TRIES {
        let started = Instant::now();
        let response = client.try_post(path, &body).await.expect("an answer");
        fastest = fastest.min(started.elapsed());
        let problem = ErrorAnswer::read(response).await;
        assert_eq!(problem.status.as_u16(), 503, "{problem:?}");
        assert!(problem.retry_after.is_some(), "{problem:?}");
    }
    assert!(fastest < ANSWER_LIMIT, "{path}: {fastest:?}");
}

async fn is_ready(production: &Production) -> bool {
    production
        .client()
        .get("/readyz")
        .await
        .status()
        .is_success()
}

async fn signs_in(production: &Production, phone: &str) -> bool {
    let client = production.client();
    let Ok(asked) = client.ask(phone).await else {
        return false;
    };
    let code = production.simulator.wait_for_code(phone).await;
    client.verify(&asked.session_id, &code).await.is_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_08_redis_away_is_503_and_heals_without_a_restart() {
    let mut production = Production::start(1, &[]).await;
    assert!(signs_in(&production, "09120000001").await);
    for stalled in [true, false] {
        if stalled {
            production.redis.pause();
        } else {
            production.redis.kill();
        }
        let ask = json!({ "phone_number": "09120000002" });
        refused_within_a_second(&production, "/api/v1/usr/otp", ask).await;
        let verify = json!({ "phone_number": "09120000001", "code": "123456" });
        refused_within_a_second(&production, "/api/v1/usr/otp/verify", verify).await;
        assert!(!is_ready(&production).await);
        if stalled {
            production.redis.resume();
        } else {
            production.redis.restart().await;
        }
        eventually(PATIENCE, async || is_ready(&production).await.then_some(())).await;
        let phone = if stalled {
            "09120000003"
        } else {
            "09120000004"
        };
        assert!(signs_in(&production, phone).await, "stalled: {stalled}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_08_postgres_away_is_503_at_verification_and_the_code_stays_good() {
    let mut production = Production::start(1, &[]).await;
    let client = production.client();
    let asked = client.ask("09120000001").await.expect("accepted");
    let code = production.simulator.wait_for_code("09120000001").await;
    production.postgres.kill();
    let refused = client
        .verify(&asked.session_id, &code)
        .await
        .expect_err("refused");
    assert_eq!(refused.status.as_u16(), 503);
    assert!(!is_ready(&production).await);
    // A request is still accepted: its message waits for the ledger.
    let waiting = client.ask("09120000002").await.expect("accepted");
    production.postgres.restart().await;
    eventually(PATIENCE, async || is_ready(&production).await.then_some(())).await;
    client
        .verify(&asked.session_id, &code)
        .await
        .expect("the same code signs in");
    let code = production.simulator.wait_for_code("09120000002").await;
    client
        .verify(&waiting.session_id, &code)
        .await
        .expect("signed in");
    assert_eq!(production.simulator.sends().len(), 2);
}
