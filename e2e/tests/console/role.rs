//! The console under a role of its own in PostgreSQL: everything that its pages do is done, by the programs as they
//! are installed.

use std::collections::BTreeMap;

use domain::clock::Clock;
use domain::staff::TotpSecret;
use e2e::roles::{API, database_url_of, redis_with_roles};
use e2e::{PATIENCE, Production, Secrets, SimulatorProcess, Stores};
use harness::{PostgresServer, Process, free_port, wait_for_http};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use sqlx::{Connection as _, Executor as _, PgConnection};

const ADMIN: &str = "09121110001";
/// What is said where `ADMIN_DATABASE_URL` is missing.
const NOT_USED: &str = "set ADMIN_DATABASE_URL";
const PASSWORD: &str = "tahdig-va-ghormeh";

/// A browser at the console.
struct Desk {
    url: String,
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
    /// The page that was got last.
    html: String,
}

impl Desk {
    fn new(url: String) -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        Self {
            url,
            client: client.build().expect("a client"),
            cookies: BTreeMap::new(),
            html: String::new(),
        }
    }

    /// Status and where it leads.
    async fn send(&mut self, request: reqwest::RequestBuilder) -> (u16, String) {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = request
            .header(COOKIE, cookies.join("; "))
            .header("accept-language", "en")
            .header("sec-fetch-site", "same-origin");
        let response = request.send().await.expect("an answer");
        for cookie in response.headers().get_all(SET_COOKIE) {
            let text = cookie.to_str().expect("text");
            let (pair, _) = text.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let location = response.headers().get(LOCATION);
        let location = location.map_or("", |value| value.to_str().expect("text"));
        let (status, location) = (response.status().as_u16(), location.to_owned());
        self.html = response.text().await.expect("text");
        (status, location)
    }

    async fn get(&mut self, path: &str) {
        let request = self.client.get(format!("{}{path}", self.url));
        let (status, location) = self.send(request).await;
        assert_eq!(
            (status, location.as_str()),
            (200, ""),
            "{path}: {}",
            self.html
        );
    }

    /// Sends a form with the token of the page that was got last.
    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> (u16, String) {
        let token = self.between("name=\"token\" value=\"", "\"");
        let mut all = vec![("token", token.as_str())];
        all.extend_from_slice(fields);
        let request = self.client.post(format!("{}{path}", self.url)).form(&all);
        self.send(request).await
    }

    /// The same, which must lead there.
    async fn done(&mut self, path: &str, fields: &[(&str, &str)], to: &str) {
        let (status, location) = self.post(path, fields).await;
        assert_eq!(
            (status, location.as_str()),
            (303, to),
            "{path}: {}",
            self.html
        );
    }

    fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) = self.html.split_once(before).expect(before);
        rest.split(after).next().expect(after).to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_an_api_whose_role_may_not_serve_the_console_says_so_at_its_start() {
    let (redis, postgres, simulator) = tokio::join!(
        redis_with_roles(),
        PostgresServer::start_without_fsync(),
        SimulatorProcess::start()
    );
    let stores = Stores {
        database_url: Production::create_database(&postgres).await,
        redis,
        postgres,
    };
    let listen = format!("127.0.0.1:{}", free_port());
    let settings = [("ADMIN_LISTEN", listen.as_str())];
    let secrets = Secrets::generate();
    let mut production = Production::start_on(stores, simulator, secrets, 0, &settings).await;
    production.api.wait_for_log(NOT_USED, PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::too_many_lines,
    reason = "one sign-in, and all that the role then needs"
)]
async fn net_04_the_console_does_its_work_under_a_role_of_its_own() {
    let (redis, postgres, simulator) = tokio::join!(
        redis_with_roles(),
        PostgresServer::start_without_fsync(),
        SimulatorProcess::start()
    );
    postgres.create_role("ramz_console").await;
    let database_url = Production::create_database(&postgres).await;
    let mut superuser = PgConnection::connect(&database_url)
        .await
        .expect("connected");
    let console = format!("127.0.0.1:{}", free_port());
    let of_console = database_url_of("ramz_console", &database_url);
    let stores = Stores {
        redis,
        postgres,
        database_url: database_url.clone(),
    };
    let settings = [
        ("ADMIN_LISTEN", console.as_str()),
        ("ADMIN_DATABASE_URL", of_console.as_str()),
    ];
    let of_api = database_url_of(API, &database_url);
    let folder = tempfile::tempdir().expect("a folder");
    let password = folder.path().join("password");
    std::fs::write(&password, PASSWORD).expect("written");
    let password = password.to_str().expect("UTF-8");
    let command = async |arguments: &[&str]| {
        let mut process = Process::ramz("api")
            .args(arguments)
            .env("DATABASE_URL", &of_api)
            .env("ADMIN_LISTEN", &console)
            .start();
        let status = process.wait(PATIENCE).await;
        assert!(status.success(), "{arguments:?}: {}", process.log());
        process.log()
    };
    let create = [
        "createsuperuser",
        "--phone-number",
        ADMIN,
        "--no-input",
        "--password-file",
        password,
    ];
    command(&create).await;
    let production =
        Production::start_on(stores, simulator, Secrets::generate(), 1, &settings).await;
    wait_for_http(&format!("http://{console}/sign-in"), PATIENCE).await;
    assert!(!production.api.log().contains(NOT_USED));

    // Somebody to help.
    let client = production.client();
    let asked = client.ask("09351110001").await.expect("asked");
    let code = production.simulator.wait_for_code("09351110001").await;
    let signed_in = client.verify(&asked.session_id, &code).await;
    signed_in.expect("signed in");

    let mut desk = Desk::new(format!("http://{console}"));
    desk.get("/sign-in").await;
    let fields = [("number", ADMIN), ("password", PASSWORD)];
    desk.done("/sign-in", &fields, "/sign-in/set-up").await;
    desk.get("/sign-in/set-up").await;
    let secret = TotpSecret::from_base32(&desk.between("secret=", "&")).expect("a secret");
    let code = secret.code_at(Clock::system().now_millis());
    let (status, _) = desk.post("/sign-in/set-up", &[("code", &code)]).await;
    assert_eq!(status, 200, "{}", desk.html);
    let recovery = desk.between("<li><code>", "<");

    for page in [
        "/",
        "/users",
        "/audit",
        "/staff",
        "/settings",
        "/users?q=1110001",
        "/users?q=x@y.ir",
        "/users?q=Sara",
    ] {
        desk.get(page).await;
    }
    desk.get("/users?q=0001").await;
    let ids = desk.html.split("<td><a href=\"/users/").skip(1);
    let ids: Vec<String> = ids
        .map(|rest| rest.split('"').next().expect("an id").to_owned())
        .collect();
    assert_eq!(ids.len(), 2, "{}", desk.html);
    // The newest comes first.
    let person = format!("/users/{}", ids[0]);
    desk.get(&person).await;
    let session = desk.between("name=\"session\" value=\"", "\"");
    let because = ("reason", "because of a test");
    desk.done(
        &format!("{person}/end-sessions"),
        &[because, ("session", &session)],
        &person,
    )
    .await;
    for action in ["block", "unblock"] {
        desk.get(&person).await;
        desk.done(&format!("{person}/{action}"), &[because], &person)
            .await;
    }
    superuser
        .execute("UPDATE users SET phone_verified_at = NULL")
        .await
        .expect("done");
    desk.get(&person).await;
    desk.done(&format!("{person}/verify"), &[because], &person)
        .await;
    desk.get(&person).await;
    let unmask = desk.between("href=\"/unmask?", "\"").replace("&#38;", "&");
    desk.get(&format!("/unmask?{unmask}")).await;
    let number = desk.between("name=\"number\" value=\"", "\"");
    let fields = [because, ("number", &number), ("next", &person)];
    desk.done("/unmask", &fields, &person).await;
    desk.get(&person).await;
    assert!(desk.html.contains("0935 111 0001"), "{}", desk.html);
    let role = |role| [("user", ids[0].as_str()), ("role", role), because];
    for given in ["read", "operator", "none"] {
        desk.get("/staff").await;
        desk.done("/staff", &role(given), "/staff").await;
    }
    desk.get("/prove").await;
    desk.done(
        "/prove",
        &[("code", &recovery), ("next", "/audit")],
        "/audit",
    )
    .await;
    desk.get(&format!("{person}/delete")).await;
    desk.done(
        &format!("{person}/delete"),
        &[because, ("word", "delete")],
        "/users",
    )
    .await;
    desk.get("/audit").await;
    desk.done("/sign-out", &[], "/sign-in").await;

    // The way in for the day when no password works, printed by a command under the role of the API.
    let printed = command(&["admin-link", "--phone-number", ADMIN, "--reset-totp"]).await;
    let (_, link) = printed.split_once("/link/").expect("a link");
    let link = link.split_whitespace().next().expect("a token");
    desk.get(&format!("/link/{link}")).await;
    desk.done("/link", &[("link", link)], "/sign-in/set-up")
        .await;

    let log = production.api.log();
    assert!(!log.contains("permission denied"), "{log}");
    for secret in [
        recovery.as_str(),
        link,
        PASSWORD,
        "9351110001",
        "9121110001",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
