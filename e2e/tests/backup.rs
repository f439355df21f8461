//! A backup is made while people sign in, and restored into empty stores, by the commands of
//! `docs/operations.md`.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use e2e::{Client, PATIENCE, Production, SignedIn, SimulatorProcess, Stores, roles, run_block};
use harness::{PostgresServer, Process, eventually, free_port, wait_for_http};
use serde_json::json;
use sqlx::{PgPool, SqlitePool};

/// One address asks for all of them here.
const NO_ADDRESS_LIMITS: [(&str, &str); 2] = [
    ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
    ("LIMIT_GROUP_PER_MINUTE", "off"),
];

/// So many sign in at once while the backup is made.
const LANES: usize = 8;

/// Somebody who signed in, and the code that they used.
struct Person {
    signed_in: SignedIn,
    session_id: String,
    code: String,
}

/// Where people sign in and where their codes arrive.
struct Site {
    client: Client,
    inbox: Client,
}

impl Site {
    async fn newest_code(&self, phone: &str) -> Option<String> {
        let path = format!("/_sim/messages?receptor={phone}&limit=1");
        let answer = self.inbox.get(&path).await;
        let messages: serde_json::Value = answer.json().await.expect("JSON");
        messages[0]["code"].as_str().map(str::to_owned)
    }

    /// Asks for a code and gives it with the session id. The number must not have asked before.
    async fn code(&self, phone: &str) -> (String, String) {
        let asked = self.client.ask(phone).await.expect("accepted");
        let code = eventually(PATIENCE, async || self.newest_code(phone).await).await;
        (asked.session_id, code)
    }

    async fn sign_in(&self, phone: &str) -> Person {
        let (session_id, code) = self.code(phone).await;
        let signed_in = self.client.verify(&session_id, &code).await;
        Person {
            signed_in: signed_in.expect("signed in"),
            session_id,
            code,
        }
    }

    /// The status of a refresh, and the next refresh token.
    async fn refresh(&self, token: &str) -> (u16, Option<String>) {
        let body = json!({ "refresh_token": token });
        let path = "/api/v1/usr/token/refresh";
        let answer = self.client.try_post(path, &body).await.expect("an answer");
        let status = answer.status().as_u16();
        let body: serde_json::Value = answer.json().await.expect("JSON");
        (status, body["refresh_token"].as_str().map(str::to_owned))
    }

    async fn log_out(&self, token: &str) {
        let body = json!({ "refresh_token": token });
        let answer = self.client.try_post("/api/v1/usr/logout", &body).await;
        assert!(answer.expect("an answer").status().is_success());
    }

    /// Signs people in until told to stop; each has a number of their own.
    async fn load(&self, load: &Load) {
        while !load.stop.load(Ordering::Relaxed) {
            let number = load.begun.fetch_add(1, Ordering::Relaxed);
            self.sign_in(&format!("0935{number:07}")).await;
            load.done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How far the people under load are.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    begun: AtomicU32,
    done: AtomicU32,
}

impl Load {
    fn done(&self) -> u32 {
        self.done.load(Ordering::Relaxed)
    }

    async fn more(&self) {
        let before = self.done();
        eventually(PATIENCE, async || (self.done() > before + 10).then_some(())).await;
    }
}

/// Who is there when the backup is made, and who comes after it.
struct Story {
    stays: Person,
    logged_out: Person,
    uses_a_code: Person,
    waiting: (String, String),
    logs_out_later: Person,
    leaves_later: Person,
    comes_later: Person,
    /// How many had signed in under load before the backup began.
    before: u32,
}

impl Story {
    /// What happens before, during and after the backup, while others sign in without a pause.
    async fn tell(site: &Site, backup: impl FnOnce() + Send + 'static) -> Self {
        let load = Load::default();
        let told = async {
            let story = Self::told(site, &load, backup).await;
            load.stop.store(true, Ordering::Relaxed);
            story
        };
        let people = (0..LANES).map(|_| site.load(&load));
        tokio::join!(told, futures::future::join_all(people)).0
    }

    async fn told(site: &Site, load: &Load, backup: impl FnOnce() + Send + 'static) -> Self {
        let stays = site.sign_in("09120000001").await;
        let logged_out = site.sign_in("09120000002").await;
        site.log_out(&logged_out.signed_in.refresh_token).await;
        let uses_a_code = site.sign_in("09120000003").await;
        let logs_out_later = site.sign_in("09120000004").await;
        let leaves_later = site.sign_in("09120000005").await;
        let waiting = site.code("09120000006").await;
        load.more().await;
        let before = load.done();
        tokio::task::spawn_blocking(backup).await.expect("a backup");
        load.more().await;
        let comes_later = site.sign_in("09120000007").await;
        site.log_out(&logs_out_later.signed_in.refresh_token).await;
        Self {
            stays,
            logged_out,
            uses_a_code,
            waiting,
            logs_out_later,
            leaves_later,
            comes_later,
            before,
        }
    }

    /// What must hold on the restored stores; `users` is how many they have.
    async fn holds(&self, site: &Site, users: i64) {
        assert!(
            users >= i64::from(self.before) + 5,
            "{users} users, and {} had signed in before",
            self.before
        );
        // Sessions of before the backup go on, those that had ended have ended.
        let (status, next) = site.refresh(&self.stays.signed_in.refresh_token).await;
        assert_eq!(status, 200, "a session of before");
        assert!(next.is_some());
        for (person, why) in [
            (&self.logged_out, "a session that had ended before"),
            (&self.comes_later, "a session that the backup does not know"),
        ] {
            let (status, _) = site.refresh(&person.signed_in.refresh_token).await;
            assert_eq!(status, 401, "{why}");
        }
        // As the page warns: what was ended after the backup is back.
        let later = &self.logs_out_later.signed_in.refresh_token;
        let (status, revived) = site.refresh(later).await;
        assert_eq!(status, 200, "a session that was ended later");

        // Codes of before are good for nothing.
        for (session_id, code) in [
            (&self.waiting.0, &self.waiting.1),
            (&self.uses_a_code.session_id, &self.uses_a_code.code),
        ] {
            let refused = site.client.verify(session_id, code).await;
            let refused = refused.expect_err("an old code");
            assert_eq!(
                (refused.status.as_u16(), refused.code.as_str()),
                (404, "session_unknown"),
            );
        }
        // People are known, and those who came after the backup sign up again.
        let again = site.sign_in_again("09120000001").await;
        assert!(!again.is_new_user);
        assert_eq!(again.user["id"], self.stays.signed_in.user["id"]);
        let anew = site.sign_in_again("09120000007").await;
        assert!(anew.is_new_user);
        assert!(revived.is_some());
    }

    /// What must hold when all sessions were ended.
    async fn sessions_are_over(&self, site: &Site) {
        for person in [&self.leaves_later, &self.uses_a_code] {
            let (status, _) = site.refresh(&person.signed_in.refresh_token).await;
            assert_eq!(status, 401);
        }
        site.sign_in_again("09120000002").await;
    }
}

impl Site {
    /// Signs in with a number whose inbox has messages of before.
    async fn sign_in_again(&self, phone: &str) -> SignedIn {
        let before = self.newest_code(phone).await;
        let asked = self.client.ask(phone).await.expect("accepted");
        let code = eventually(PATIENCE, async || {
            let newest = self.newest_code(phone).await;
            newest.filter(|code| before.as_ref() != Some(code))
        })
        .await;
        let signed_in = self.client.verify(&asked.session_id, &code).await;
        signed_in.expect("signed in")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_26_a_backup_of_production_made_under_load_restores() {
    let folder = tempfile::tempdir().expect("a folder");
    let backup = folder.path().to_str().expect("UTF-8").to_owned();
    let mut production = Production::start(2, &NO_ADDRESS_LIMITS).await;
    let site = Site {
        client: production.client(),
        inbox: Client::new(production.simulator.url()),
    };
    let variables = (production.database_url.clone(), backup.clone());
    let story = Story::tell(&site, move || {
        let (url, backup) = variables;
        run_block(
            "backup-postgres",
            &[("DATABASE_URL", &url), ("BACKUP", &backup)],
        );
    })
    .await;
    production.stop().await;
    let (secrets, simulator) = (production.secrets.clone(), production.simulator);
    drop((production.redis, production.postgres));

    let (redis, postgres) = tokio::join!(roles::redis_with_roles(), PostgresServer::start());
    // A new server: its roles are made before the database comes back, which does not bring them.
    roles::make_roles(&postgres).await;
    let database_url = postgres.create_database().await;
    let at = [("DATABASE_URL", database_url.as_str()), ("BACKUP", &backup)];
    let migrated = run_block("restore-postgres", &at);
    assert_eq!(migrated, "the schema is up to date\n");
    let pool = PgPool::connect(&database_url).await.expect("connected");
    let count = async |sql: &'static str| -> i64 {
        let count = sqlx::query_scalar(sql).fetch_one(&pool).await;
        count.expect("a count")
    };
    let users = count("SELECT COUNT(*) FROM users").await;
    let uses = count("SELECT COUNT(*) FROM challenge_uses").await;
    let sends = count("SELECT COUNT(*) FROM sends").await;
    assert_eq!(users, uses, "each came by one code");
    assert!(sends > users, "and one code waits: {sends}");
    let stores = Stores {
        redis,
        postgres,
        database_url: database_url.clone(),
    };
    let mut restored =
        Production::start_on(stores, simulator, secrets, 1, &NO_ADDRESS_LIMITS).await;
    let site = Site {
        client: restored.client(),
        inbox: Client::new(restored.simulator.url()),
    };
    story.holds(&site, users).await;

    run_block("end-sessions-postgres", &at);
    story.sessions_are_over(&site).await;
    let user = story.leaves_later.signed_in.user["id"]
        .as_str()
        .expect("an id");
    let deleted = [
        ("DATABASE_URL", database_url.as_str()),
        ("DELETED_USER", user),
    ];
    run_block("erase-again-postgres", &deleted);
    let left = restored.postgres.dump(&database_url).await;
    assert!(
        !left.contains("9120000005"),
        "the number of the deleted is gone"
    );
    assert!(left.contains("9120000003"), "and nobody else's");
    let anew = site.sign_in_again("09120000005").await;
    assert!(anew.is_new_user);
    let bytes = count("SELECT pg_total_relation_size('sends') / COUNT(*) FROM sends").await;
    println!("{users} users, {sends} messages of {bytes} bytes were restored");
    restored.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_26_a_backup_of_one_process_made_under_load_restores() {
    let simulator = SimulatorProcess::start().await;
    let api_key = e2e::Secrets::generate().api_key;
    let folder = tempfile::tempdir().expect("a folder");
    let (data, restored) = (folder.path().join("data"), folder.path().join("restored"));
    let backup = folder.path().to_str().expect("UTF-8").to_owned();
    for made in [&data, &restored] {
        std::fs::create_dir(made).expect("a folder");
    }
    let (mut process, site) = standalone(&data, &simulator, &api_key).await;
    let variables = (data.to_str().expect("UTF-8").to_owned(), backup.clone());
    let story = Story::tell(&site, move || {
        let (data, backup) = variables;
        run_block("backup-sqlite", &[("DATA_DIR", &data), ("BACKUP", &backup)]);
    })
    .await;
    process.terminate();
    assert!(process.wait(PATIENCE).await.success());

    for key in ["otp_key", "jwt_private_key.pem"] {
        std::fs::copy(data.join(key), restored.join(key)).expect("copied");
    }
    std::fs::remove_dir_all(&data).expect("lost");
    let to = restored.to_str().expect("UTF-8");
    let at = [("DATA_DIR", to), ("BACKUP", &backup)];
    run_block("restore-sqlite", &at);
    let (mut process, site) = standalone(&restored, &simulator, &api_key).await;
    let url = format!("sqlite://{to}/ramz.sqlite3");
    let pool = SqlitePool::connect(&url).await.expect("the file");
    let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users")
        .fetch_one(&pool)
        .await
        .expect("a count");
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_one(&pool)
        .await
        .expect("an answer");
    assert_eq!(sound, "ok");
    pool.close().await;
    story.holds(&site, users).await;
    process.terminate();
    assert!(process.wait(PATIENCE).await.success());

    run_block("end-sessions-sqlite", &at);
    let (mut process, site) = standalone(&restored, &simulator, &api_key).await;
    story.sessions_are_over(&site).await;
    process.terminate();
    assert!(process.wait(PATIENCE).await.success());
}

async fn standalone(data: &Path, simulator: &SimulatorProcess, api_key: &str) -> (Process, Site) {
    let listen = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let process = Process::ramz("standalone")
        .env("DATA_DIR", data)
        .env("LISTEN", &listen)
        .env("PUBLIC_URL", &url)
        .env("METRICS_LISTEN", format!("127.0.0.1:{}", free_port()))
        .env("KAVENEGAR_API_KEY", api_key)
        .env("KAVENEGAR_URL", simulator.url())
        .env("KAVENEGAR_TEMPLATE", "ramz-otp")
        .env("KAVENEGAR_RATE", "10000")
        .env("LIMIT_ADDRESS_PER_MINUTE", "100000")
        .env("LIMIT_GROUP_PER_MINUTE", "off")
        .start();
    wait_for_http(&format!("{url}/readyz"), PATIENCE).await;
    let site = Site {
        client: Client::new(url),
        inbox: Client::new(simulator.url()),
    };
    (process, site)
}
