//! Attacks while something is killed: what was counted stays counted, and what was accepted goes out.

use e2e::{PATIENCE, Production, SignedIn};
use harness::{eventually, wait_for_http};
use sqlx::{Connection as _, PgConnection};

const NO_ADDRESS_LIMIT: (&str, &str) = ("LIMIT_ADDRESS_PER_MINUTE", "100000");

/// A code of six digits that is not this one.
fn other_than(code: &str) -> String {
    let code: u32 = code.parse().expect("digits");
    format!("{:06}", (code + 1) % 1_000_000)
}

async fn ready(production: &Production) {
    wait_for_http(&format!("{}/readyz", production.url()), PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_12_r_32_kills_of_api_and_redis_give_no_attempts_back() {
    let mut production = Production::start(1, &[NO_ADDRESS_LIMIT]).await;
    let client = production.client();
    let asked = client.ask("09121110001").await.expect("accepted");
    let code = production.simulator.wait_for_code("09121110001").await;
    let wrong = other_than(&code);
    for _ in 0..2 {
        let told = client.verify(&asked.session_id, &wrong).await;
        assert_eq!(told.expect_err("wrong").code, "code_wrong");
        production.kill_and_restart_redis().await;
        production.kill_and_restart_api();
        ready(&production).await;
    }
    let told = client.verify(&asked.session_id, &wrong).await;
    assert_eq!(told.expect_err("wrong").code, "code_wrong");
    // Three are over, whatever was killed between them.
    let told = client.verify(&asked.session_id, &code).await;
    assert_eq!(told.expect_err("over").code, "attempts_exhausted");
    production.stop().await;
}

/// The right code is given back by many while Redis is killed and comes back: one session at most, and a
/// later try gets that one or none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_22_a_06_a_code_that_is_raced_while_redis_is_killed_opens_one_session() {
    let mut production = Production::start(1, &[NO_ADDRESS_LIMIT]).await;
    let mut opened = 0;
    for round in 0..4 {
        let number = format!("0912111100{round}");
        let client = production.client();
        let asked = client.ask(&number).await.expect("accepted");
        let code = production.simulator.wait_for_code(&number).await;
        let tries = (0..40).map(|_| {
            let (client, session, code) =
                (production.client(), asked.session_id.clone(), code.clone());
            tokio::spawn(async move { client.verify(&session, &code).await.ok() })
        });
        let tries: Vec<_> = tries.collect();
        production.kill_and_restart_redis().await;
        let mut signed_in: Vec<SignedIn> = Vec::new();
        for one in tries {
            signed_in.extend(one.await.expect("no panic"));
        }
        ready(&production).await;
        let mut tokens: Vec<&str> = signed_in
            .iter()
            .map(|one| one.refresh_token.as_str())
            .collect();
        tokens.sort_unstable();
        tokens.dedup();
        assert!(
            tokens.len() <= 1,
            "round {round}: {} sessions",
            tokens.len()
        );
        let mut records = PgConnection::connect(&production.database_url)
            .await
            .expect("connected");
        let sessions: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM sessions JOIN users ON users.id = user_id WHERE phone = $1",
        )
        .bind(format!("+98{}", &number[1..]))
        .fetch_one(&mut records)
        .await
        .expect("a count");
        assert!(sessions <= 1, "round {round}: {sessions} sessions");
        opened += sessions;
    }
    println!("{opened} of 4 rounds opened a session");
    production.stop().await;
}

/// Everything at once, as when the machine loses its processes (not its disks).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_05_i_01_when_all_processes_are_killed_at_once_every_accepted_request_goes_out() {
    let mut production = Production::start(1, &[NO_ADDRESS_LIMIT]).await;
    // Slow enough that most of them wait when it happens.
    let slow = serde_json::json!({ "gateway_delay_ms": 300 });
    production.simulator.change_account(slow).await;
    let client = production.client();
    let numbers: Vec<String> = (0..60)
        .map(|index| format!("091211120{index:02}"))
        .collect();
    for number in &numbers {
        client.ask(number).await.expect("accepted");
    }
    production.redis.wait_for_written_log().await;
    production.api.kill();
    production.redis.kill();
    production.postgres.kill();
    production.workers[0].kill();

    production.redis.restart().await;
    production.postgres.restart().await;
    production.kill_and_restart_api();
    production.kill_and_replace_worker(0);
    ready(&production).await;
    let simulator = &production.simulator;
    for number in &numbers {
        let sent = eventually(PATIENCE, async || {
            let codes = simulator.codes(number).await;
            (!codes.is_empty()).then_some(codes)
        });
        let codes = sent.await;
        assert!(codes.windows(2).all(|pair| pair[0] == pair[1]), "{number}");
    }
    production.stop().await;
}
