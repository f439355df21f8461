//! The console in a real browser, in both languages and on both shapes. What staff do stands in the scripts beside this
//! file. With `PICTURES` in the environment, pictures of the pages go to that folder.

use std::path::{Path, PathBuf};

use domain::clock::Clock;
use e2e::roles::{database_url_of, redis_with_roles};
use e2e::staff::open_staff_session;
use e2e::{PATIENCE, Production, Secrets, SimulatorProcess, Stores};
use harness::{PostgresServer, Process, ProcessCommand, free_port, wait_for_http};
use shared::records::{PoolSettings, Records};
use shared::sqlite_file::SqliteFile;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

const SETTINGS: [(&str, &str); 2] = [
    ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
    ("LIMIT_GROUP_PER_MINUTE", "off"),
];
/// Superusers who have never signed in, one for each language.
const NEWCOMERS: [&str; 2] = ["+989121118881", "+989121118882"];
const PASSWORD: &str = "tahdig-va-ghormeh-sabzi";

/// Everything in one process, with its console.
struct OneProcess {
    data: tempfile::TempDir,
    url: String,
    console: String,
    _standalone: Process,
}

impl OneProcess {
    async fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let [listen, inbox, metrics, console] =
            std::array::from_fn(|_| format!("127.0.0.1:{}", free_port()));
        let url = format!("http://{listen}");
        let standalone = Process::ramz("standalone")
            .env("DATA_DIR", data.path())
            .env("LISTEN", &listen)
            .env("PUBLIC_URL", &url)
            .env("SIMULATOR_LISTEN", &inbox)
            .env("METRICS_LISTEN", &metrics)
            .env("ADMIN_LISTEN", &console)
            .env("LIMIT_FAILURES_PHONE", "3")
            .envs(SETTINGS)
            .start();
        wait_for_http(&format!("{url}/readyz"), PATIENCE).await;
        Self {
            data,
            url,
            console: format!("http://{console}"),
            _standalone: standalone,
        }
    }

    fn file(&self) -> PathBuf {
        self.data.path().join("ramz.sqlite3")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_find_every_code_in_chromium_in_one_process() {
    let one = OneProcess::start().await;
    let file = SqliteFile::open_path(&one.file()).await.expect("the file");
    let token = open_staff_session(&Records::from_sqlite(file.clone()), async |user: Uuid| {
        for sql in make_admin(&format!("x'{}'", user.simple())) {
            let made = sqlx::query(AssertSqlSafe(sql)).execute(file.writer()).await;
            made.expect("an admin");
        }
    })
    .await;
    look(&one.url, &one.console, &token).await;
}

/// Superusers who sign in for the first time and go through everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and axe-core: scripts/pages --console"]
async fn staff_see_every_page_in_chromium() {
    let one = OneProcess::start().await;
    let password = one.data.path().join("password");
    std::fs::write(&password, PASSWORD).expect("written");
    for number in NEWCOMERS {
        let mut made = Process::ramz("api")
            .args(["createsuperuser", "--no-input", "--phone-number", number])
            .arg("--password-file")
            .arg(&password)
            .env("DATABASE_URL", format!("sqlite://{}", one.file().display()))
            .start();
        assert!(made.wait(PATIENCE).await.success(), "{}", made.log());
    }
    let axe = std::env::var("AXE").expect("AXE=axe.min.js, as scripts/pages --console sets it");
    let tour = script(
        "tour.mjs",
        &[&one.url, &one.console, PASSWORD, NEWCOMERS[0], NEWCOMERS[1]],
    );
    run(tour.env("AXE", axe)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_find_every_code_in_chromium_in_production() {
    let (redis, postgres, simulator) = tokio::join!(
        redis_with_roles(),
        PostgresServer::start(),
        SimulatorProcess::start()
    );
    // Before the schema is made, which gives it what it may do.
    postgres.create_role("ramz_console").await;
    let stores = Stores {
        database_url: Production::create_database(&postgres).await,
        redis,
        postgres,
    };
    let console = format!("127.0.0.1:{}", free_port());
    let own_role = database_url_of("ramz_console", &stores.database_url);
    let settings = [
        SETTINGS[0],
        SETTINGS[1],
        ("ADMIN_LISTEN", console.as_str()),
        ("ADMIN_DATABASE_URL", own_role.as_str()),
    ];
    let secrets = Secrets::generate();
    let production = Production::start_on(stores, simulator, secrets, 1, &settings).await;
    let records = Records::connect(&production.database_url, PoolSettings::default()).await;
    let server = PgPool::connect(&production.database_url).await;
    let server = server.expect("a connection");
    let token = open_staff_session(&records.expect("records"), async |user: Uuid| {
        for sql in make_admin(&format!("'{user}'")) {
            let made = sqlx::query(AssertSqlSafe(sql)).execute(&server).await;
            made.expect("an admin");
        }
    })
    .await;
    look(&production.url(), &format!("http://{console}"), &token).await;
}

fn make_admin(user: &str) -> [String; 2] {
    let at = Clock::system().now().to_rfc3339();
    [
        format!("UPDATE users SET is_staff = TRUE WHERE id = {user}"),
        format!("INSERT INTO staff (user_id, role, given_at) VALUES ({user}, 'admin', '{at}')"),
    ]
}

async fn look(url: &str, console: &str, token: &str) {
    for name in ["lists.mjs", "gates.mjs"] {
        run(script(name, &[url, console, token])).await;
    }
}

fn script(name: &str, arguments: &[&str]) -> ProcessCommand {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console");
    Process::program("node")
        .arg(folder.join(name))
        .args(arguments)
        .args(std::env::var("PICTURES"))
}

/// Chromium ends with the script, whose pipe to it breaks.
async fn run(script: ProcessCommand) {
    let mut node = script.start();
    let status = node.wait(PATIENCE * 10).await;
    let said = node.log();
    println!("{said}");
    assert!(status.success(), "{said}");
}
