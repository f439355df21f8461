//! The lists of the console, its limits, dead messages and spending in a real browser, in both languages and on both
//! shapes. What staff do stands in `console/lists.mjs` and `console/gates.mjs`. With `PICTURES` in the environment, pictures of the pages go to that folder.

use std::path::Path;

use domain::clock::Clock;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::root::RootId;
use domain::staff::StaffToken;
use e2e::{PATIENCE, Production};
use harness::{Process, free_port, wait_for_http};
use serde_json::json;
use shared::records::{
    AuditEntry, AuditSource, Device, NewSession, NewStaffSession, PoolSettings, Records, SignIn,
    SignInOutcome,
};
use shared::sqlite_file::SqliteFile;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

const SETTINGS: [(&str, &str); 2] = [
    ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
    ("LIMIT_GROUP_PER_MINUTE", "off"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_find_every_code_in_chromium_in_one_process() {
    let data = tempfile::tempdir().expect("a folder");
    let [listen, inbox, metrics, console] =
        std::array::from_fn(|_| format!("127.0.0.1:{}", free_port()));
    let url = format!("http://{listen}");
    let _standalone = Process::ramz("standalone")
        .env("DATA_DIR", data.path())
        .env("LISTEN", &listen)
        .env("PUBLIC_URL", &url)
        .env("SIMULATOR_LISTEN", &inbox)
        .env("METRICS_LISTEN", &metrics)
        .env("ADMIN_LISTEN", &console)
        .envs(SETTINGS)
        .start();
    wait_for_http(&format!("{url}/readyz"), PATIENCE).await;
    let path = data.path().join("ramz.sqlite3");
    let file = SqliteFile::open_path(&path).await.expect("the file");
    let token = open_session(&Records::from_sqlite(file.clone()), async |user: Uuid| {
        for sql in make_admin(&format!("x'{}'", user.simple())) {
            let made = sqlx::query(AssertSqlSafe(sql)).execute(file.writer()).await;
            made.expect("an admin");
        }
    })
    .await;
    look(&url, &format!("http://{console}"), &token).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_find_every_code_in_chromium_in_production() {
    let console = format!("127.0.0.1:{}", free_port());
    let settings = [SETTINGS[0], SETTINGS[1], ("ADMIN_LISTEN", console.as_str())];
    let production = Production::start(1, &settings).await;
    let records = Records::connect(&production.database_url, PoolSettings::default()).await;
    let server = PgPool::connect(&production.database_url).await;
    let server = server.expect("a connection");
    let token = open_session(&records.expect("records"), async |user: Uuid| {
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

/// Somebody of the staff, behind the back of the pages: how they sign in is another test's.
async fn open_session(records: &Records, give_role: impl AsyncFnOnce(Uuid)) -> String {
    let (random, now) = (Random::operating_system(), Clock::system().now());
    let sign_in = SignIn {
        root: RootId::new(&random),
        purpose: Purpose::SignIn,
        phone: PhoneNumber::from_e164("+989121119999").expect("canonical"),
        new_user_id: random.uuid_v4(),
        session: NewSession {
            id: random.uuid_v4(),
            refresh_token_hash: random.bytes(),
            origin_salt: None,
            device: Device::default(),
            opened_at: now,
            idle_expires_at: now + chrono::TimeDelta::days(1),
            expires_at: now + chrono::TimeDelta::days(1),
        },
    };
    let signed_in = records.sign_in(&sign_in).await.expect("an answer");
    let SignInOutcome::SignedIn { user, .. } = signed_in else {
        panic!("{signed_in:?}");
    };
    give_role(user.id).await;
    let token = StaffToken::new(&random);
    let session = NewStaffSession {
        id: random.uuid_v4(),
        user: user.id,
        token_hash: token.session_hash(),
        device: Device::default(),
        opened_at: now,
        idle_expires_at: now + chrono::TimeDelta::minutes(30),
        expires_at: now + chrono::TimeDelta::hours(1),
    };
    let entry = AuditEntry {
        id: random.uuid_v4(),
        source: AuditSource::Console,
        actor: Some(user.id),
        action: "console_sign_in",
        subject: Some(user.id),
        object: None,
        details: json!({}),
        in_console: None,
    };
    let opened = records.open_staff_session(&session, &entry).await;
    opened.expect("opened");
    token.expose()
}

/// Chromium ends with the script, whose pipe to it breaks.
async fn look(url: &str, console: &str, token: &str) {
    for script in ["lists.mjs", "gates.mjs"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console");
        let mut node = Process::program("node")
            .arg(folder.join(script))
            .args([url, console, token])
            .args(std::env::var("PICTURES"))
            .start();
        let status = node.wait(PATIENCE * 10).await;
        let said = node.log();
        println!("{said}");
        assert!(status.success(), "{said}");
    }
}
