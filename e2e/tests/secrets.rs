//! What a run leaves behind holds no secret.

use std::collections::BTreeMap;

use e2e::{Client, Production};
use harness::eventually;
use serde_json::{Value, json};

const PEOPLE: usize = 20;

/// Everything that must not turn up, and everything that was looked through.
#[derive(Default)]
struct Search {
    canaries: Vec<(String, String)>,
    artefacts: Vec<(String, Vec<u8>)>,
}

impl Search {
    fn look_for(&mut self, what: &str, canary: impl Into<String>) {
        let canary = canary.into();
        assert!(canary.len() >= 6, "{what}: too short to be looked for");
        self.canaries.push((what.to_owned(), canary));
    }

    fn look_in(&mut self, name: impl Into<String>, content: impl Into<Vec<u8>>) {
        let (name, content) = (name.into(), content.into());
        assert!(!content.is_empty(), "{name} is empty");
        self.artefacts.push((name, content));
    }

    fn hits(&self) -> Vec<String> {
        let mut hits = Vec::new();
        for (name, content) in &self.artefacts {
            for (what, canary) in &self.canaries {
                if contains(content, canary.as_bytes()) {
                    hits.push(format!("{what} in {name}"));
                }
            }
        }
        hits
    }
}

/// Finds a text, but not digits inside a longer number: six digits stand by chance in many a
/// timestamp or fraction.
fn contains(content: &[u8], canary: &[u8]) -> bool {
    let digits = canary.iter().all(u8::is_ascii_digit);
    content
        .windows(canary.len())
        .enumerate()
        .any(|(at, window)| {
            let joined = |neighbour: Option<&u8>| {
                neighbour.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
            };
            window == canary
                && !(digits
                    && (joined(at.checked_sub(1).and_then(|before| content.get(before)))
                        || joined(content.get(at + canary.len()))))
        })
}

async fn metrics(url: &str) -> String {
    Client::new(url.trim_end_matches("/metrics"))
        .get("/metrics")
        .await
        .text()
        .await
        .expect("text")
}

async fn look_into_stores(production: &Production, search: &mut Search) {
    let dump = production.postgres.dump(&production.database_url).await;
    search.look_in("the dump of PostgreSQL", dump);
    production.redis.flush_aof().await;
    for file in production.redis.dump_files() {
        let content = std::fs::read(&file).expect("a file of Redis");
        if !content.is_empty() {
            search.look_in(file.display().to_string(), content);
        }
    }
    search.look_in(
        "the journal of the simulator",
        production.simulator.journal_text(),
    );
}

/// Opens a page, or sends a form where there are fields, and keeps its cookies.
async fn on_pages(
    production: &Production,
    cookies: &mut BTreeMap<String, String>,
    path: &str,
    fields: &[(&str, &str)],
) {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    let url = format!("{}{path}", production.url());
    let request = match fields {
        [] => client.get(url),
        fields => client.post(url).form(fields),
    };
    let pairs = cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let request = request.header("cookie", pairs.collect::<Vec<_>>().join("; "));
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().as_u16() < 400, "{answer:?}");
    for cookie in answer.headers().get_all("set-cookie") {
        let pair = cookie.to_str().expect("text").split(';').next();
        let (name, value) = pair.and_then(|pair| pair.split_once('=')).expect("a pair");
        cookies.insert(name.to_owned(), value.to_owned());
    }
}

/// People who sign in on the pages, each with a wrong code before the right one.
async fn people_on_pages(production: &Production, search: &mut Search) {
    for person in PEOPLE..PEOPLE + 3 {
        let phone = format!("0935{person:07}");
        let mut cookies = BTreeMap::new();
        on_pages(production, &mut cookies, "/accounts/login/", &[]).await;
        let token = cookies.get("ramz_form").cloned().unwrap_or_default();
        let fields = [("token", token.as_str()), ("phone", &phone)];
        on_pages(production, &mut cookies, "/accounts/login/", &fields).await;
        let code = production.simulator.wait_for_code(&phone).await;
        let wrong = if code == "000000" { "000001" } else { "000000" };
        for typed in [wrong, code.as_str()] {
            let fields = [("token", token.as_str()), ("code", typed)];
            on_pages(production, &mut cookies, "/accounts/verify/", &fields).await;
            on_pages(production, &mut cookies, "/accounts/verify/message/", &[]).await;
        }
        let refresh = cookies.get("ramz_refresh").expect("signed in");
        search.look_for("a refresh token of the pages", refresh.clone());
        search.look_for("a code of the pages", code);
        search.look_for("a whole phone number as it was typed", phone);
        search.look_for(
            "a whole phone number of a page",
            format!("+98935{person:07}"),
        );
    }
}

/// The step flow, by one session id all the way, which somebody puts into a URL besides.
async fn take_the_steps(production: &Production, search: &mut Search) {
    const PHONE: &str = "09370000001";
    let client = production.client();
    let step = async |path: &str, body: Value| -> Value {
        let answer = client.try_post(path, &body).await.expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.expect("JSON")
    };
    let begun = step("/api/register/", json!({ "mobile_number": PHONE })).await;
    let session = begun["session_id"].as_str().expect("a text").to_owned();
    let code = production.simulator.wait_for_code(PHONE).await;
    let body = json!({ "session_id": session, "code": code });
    step("/api/verify-otp/", body).await;
    for path in ["/api/set-password/", "/api/set-password"] {
        let refused = client
            .try_post(&format!("{path}?session_id={session}"), &json!({}))
            .await;
        assert_eq!(refused.expect("an answer").status(), 422);
        let refused = client
            .try_post(&format!("{path}/{session}"), &json!({}))
            .await;
        assert_eq!(refused.expect("an answer").status(), 404);
    }
    let password = "kashk-e-bademjan-37";
    let body = json!({ "session_id": session, "password": password });
    step("/api/set-password/", body).await;
    let body = json!({ "session_id": session, "first_name": "a", "last_name": "b" });
    let signed_in = step("/api/user-info/", body).await;
    let refresh_token = signed_in["refresh_token"].as_str().expect("a token");
    search.look_for("a code of the step flow", code);
    search.look_for("a session id of the step flow", session.clone());
    search.look_for("the same without hyphens", session.replace('-', ""));
    search.look_for("a refresh token of the step flow", refresh_token);
    search.look_for("a password", password);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_05_no_artefact_of_a_run_holds_a_code_key_token_or_session_id() {
    let no_limit = [
        ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
        ("LIMIT_GROUP_PER_MINUTE", "off"),
        ("LOG_LEVEL", "debug"),
    ];
    let mut production = Production::start(1, &no_limit).await;
    let client = production.client();
    let mut search = Search::default();
    for canary in production.secrets.canaries() {
        search.look_for("a key", canary);
    }
    for person in 0..PEOPLE {
        let phone = format!("0935{person:07}");
        let asked = client.ask(&phone).await.expect("accepted");
        let code = production.simulator.wait_for_code(&phone).await;
        // Every kind of answer: wrong, right, right once more because the answer was lost.
        let wrong = if code == "000000" { "000001" } else { "000000" };
        client
            .verify(&asked.session_id, wrong)
            .await
            .expect_err("refused");
        let signed_in = client
            .verify(&asked.session_id, &code)
            .await
            .expect("signed in");
        client
            .verify(&asked.session_id, &code)
            .await
            .expect("the same answer");
        search.look_for("a code", code);
        search.look_for("a session id", asked.session_id.clone());
        search.look_for(
            "a session id without hyphens",
            asked.session_id.replace('-', ""),
        );
        search.look_for("a refresh token", signed_in.refresh_token);
        search.look_for("the token of a device", signed_in.device_token);
        let signature = signed_in
            .access_token
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .to_owned();
        search.look_for("an access token", signature);
        search.look_for(
            "a whole phone number in a log or metric",
            format!("+98935{person:07}"),
        );
    }
    people_on_pages(&production, &mut search).await;
    take_the_steps(&production, &mut search).await;
    // Failures write other lines than successes do.
    production
        .simulator
        .change_account(serde_json::json!({ "credit": 0 }))
        .await;
    client.ask("09361112233").await.expect("accepted");
    let worker_log = || production.workers[0].log();
    eventually(e2e::PATIENCE, async || {
        worker_log().contains("418").then_some(())
    })
    .await;

    search.look_in(
        "the metrics of the api",
        metrics(&production.api_metrics).await,
    );
    search.look_in(
        "the metrics of the worker",
        metrics(&production.worker_metrics[0]).await,
    );
    production.stop().await;
    search.look_in("the log of the api", production.api.log());
    search.look_in("the log of the worker", production.workers[0].log());
    let hits = search.hits();
    assert!(hits.is_empty(), "{hits:?}");

    // The stores hold phone numbers: that is what they are for.
    search
        .canaries
        .retain(|(what, _)| !what.contains("phone number"));
    look_into_stores(&production, &mut search).await;
    let hits = search.hits();
    assert!(hits.is_empty(), "{hits:?}");
    assert!(
        search.artefacts.len() >= 6,
        "only {} artefacts",
        search.artefacts.len()
    );
}

#[test]
fn the_search_finds_what_it_looks_for() {
    assert!(contains(b"code=123456 ", b"123456"));
    assert!(contains(b"\"123456\"", b"123456"));
    assert!(contains(b"abcSECRETdef", b"SECRET"));
    assert!(!contains(b"1763123456000", b"123456"));
    assert!(!contains(b"a123456f", b"123456"));
    assert!(!contains(b"3.123456,", b"123456"));
}
