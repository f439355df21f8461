//! `PgBouncer` in transaction mode between Ramz and PostgreSQL.

use std::time::Duration;

use e2e::{PATIENCE, Production, Secrets, SimulatorProcess, Stores};
use harness::{PgBouncer, PostgresServer, Process, RedisServer};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_sign_in_through_a_pooler_and_a_start_without_its_setting_says_so() {
    let (redis, postgres, simulator) = tokio::join!(
        RedisServer::start(),
        PostgresServer::start(),
        SimulatorProcess::start()
    );
    let pooler = PgBouncer::start(&postgres).await;
    let database_url = Production::create_database(&postgres).await;
    let pooled = pooler.in_place_of(&postgres, &database_url);

    let mut migrate = Process::ramz("migrate")
        .env("DATABASE_URL", &pooled)
        .start();
    assert!(!migrate.wait(PATIENCE).await.success());
    let told = migrate.log();
    assert!(told.contains("migrate needs a direct connection"), "{told}");

    let stores = Stores {
        redis,
        postgres,
        database_url,
    };
    let settings = [
        ("DATABASE_URL", pooled.as_str()),
        ("DATABASE_POOLER", "transaction"),
    ];
    let secrets = Secrets::generate();
    let mut production = Production::start_on(stores, simulator, secrets, 2, &settings).await;

    let mut unset = Process::ramz("worker")
        .envs(production.settings().to_vec())
        .env("KAVENEGAR_API_KEY", &production.secrets.api_key)
        .env("KAVENEGAR_URL", &production.gateway_url)
        .env("DATABASE_POOLER", "none")
        .start();
    assert!(!unset.wait(Duration::from_mins(1)).await.success());
    let told = unset.log();
    assert!(told.contains("DATABASE_POOLER=transaction"), "{told}");

    let people = (0..20).map(|number| {
        let (client, simulator) = (production.client(), &production.simulator);
        async move {
            let phone = format!("0912000{number:04}");
            let asked = client.ask(&phone).await.expect("accepted");
            let code = simulator.wait_for_code(&phone).await;
            client
                .verify(&asked.session_id, &code)
                .await
                .expect("signed in");
        }
    });
    futures::future::join_all(people).await;
    for (name, log) in production.logs() {
        assert!(!log.contains("prepared statement"), "{name}: {log}");
    }
    production.stop().await;
}
