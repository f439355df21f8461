//! Installations from before there were roles go on, and are brought over while they run.

use e2e::roles::{API, WORKER, database_url_of};
use e2e::{PATIENCE, Production, Secrets, SimulatorProcess, Stores};
use harness::{PostgresServer, Process, RedisServer};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{OWNER, connect, make_secrets, migrate, run_script};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_an_installation_with_one_superuser_goes_on_and_can_be_brought_over() {
    goes_on_and_is_brought_over("ramz").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_so_can_one_with_an_owner_who_has_no_other_right() {
    goes_on_and_is_brought_over("plain_owner").await;
}

/// An installation of before: one role owns everything and all programs use it. It goes on working as
/// it is, and `scripts/roles/postgres.sql` brings it over while it runs.
async fn goes_on_and_is_brought_over(old_owner: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = make_secrets(folder.path());
    let (redis, postgres, simulator) = tokio::join!(
        RedisServer::start(),
        PostgresServer::start_without_fsync(),
        SimulatorProcess::start()
    );
    let database = postgres.create_database().await;
    if old_owner != "ramz" {
        let mut superuser = PgConnection::connect(&database).await.expect("connected");
        let name = database.rsplit('/').next().expect("a name");
        for statement in [
            format!("CREATE ROLE {old_owner} LOGIN"),
            format!("ALTER DATABASE {name} OWNER TO {old_owner}"),
        ] {
            let statement = sqlx::query(AssertSqlSafe(statement));
            statement.execute(&mut superuser).await.expect("made");
        }
    }
    let old_url = database.replacen("//ramz@", &format!("//{old_owner}@"), 1);
    migrate(&old_url).await;
    let keys = Secrets::generate();
    let address = format!("127.0.0.1:{}", harness::free_port());
    let of_both = |command: harness::ProcessCommand| {
        command
            .env("DATABASE_URL", &old_url)
            .env("REDIS_URL", redis.url())
            .env("OTP_KEY", &keys.otp_key)
            .env("KAVENEGAR_TEMPLATE", "ramz-otp")
            .env(
                "METRICS_LISTEN",
                format!("127.0.0.1:{}", harness::free_port()),
            )
    };
    let mut api = of_both(Process::ramz("api"))
        .env("JWT_PRIVATE_KEY", &keys.jwt_private_key)
        .env("LISTEN", &address)
        .env("PUBLIC_URL", format!("http://{address}"))
        .start();
    let mut worker = of_both(Process::ramz("worker"))
        .env("KAVENEGAR_API_KEY", &keys.api_key)
        .env("KAVENEGAR_URL", simulator.url())
        .start();
    harness::wait_for_http(&format!("http://{address}/readyz"), PATIENCE).await;
    let client = e2e::Client::new(format!("http://{address}"));
    sign_in(&client, &simulator, "09121110001").await;

    run_script(&postgres, &database, &secrets).await;
    migrate(&database_url_of(OWNER, &database)).await;
    sign_in(&client, &simulator, "09121110002").await;
    for process in [&mut api, &mut worker] {
        process.terminate();
        assert!(process.wait(PATIENCE).await.success());
    }
    let mut owner = connect(OWNER, &database).await;
    let of_others: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace \
         AND relowner <> 'ramz_owner'::regrole AND relkind = 'r'",
    )
    .fetch_one(&mut owner)
    .await
    .expect("a count");
    assert_eq!(of_others, 0);

    let stores = Stores {
        redis,
        postgres,
        database_url: database,
    };
    let mut production = Production::start_on(stores, simulator, keys, 1, &[]).await;
    sign_in(&production.client(), &production.simulator, "09121110003").await;
    let roles: Vec<String> = sqlx::query_scalar(
        "SELECT DISTINCT usename::text FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY 1",
    )
    .fetch_all(
        &mut PgConnection::connect(&production.database_url)
            .await
            .expect("connected"),
    )
    .await
    .expect("roles");
    assert!(
        roles.iter().any(|role| role == API) && roles.iter().any(|role| role == WORKER),
        "{roles:?}"
    );
    assert!(!roles.iter().any(|role| role == "ramz"), "{roles:?}");
    production.stop().await;
}

async fn sign_in(client: &e2e::Client, simulator: &SimulatorProcess, number: &str) {
    let asked = client.ask(number).await.expect("accepted");
    let code = simulator.wait_for_code(number).await;
    client
        .verify(&asked.session_id, &code)
        .await
        .expect("signed in");
}
