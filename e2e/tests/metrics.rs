//! `docs/metrics.md` is what the binaries serve: names, types, labels, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use e2e::{Client, Exposition, Family, PATIENCE, Production};
use harness::{Process, eventually, free_port, wait_for_http};
use serde_json::{Value, json};

/// A row of the page.
#[derive(Debug)]
struct Row {
    kind: String,
    once_known: bool,
    binaries: Vec<String>,
    labels: BTreeMap<String, Label>,
}

/// The values of a label.
#[derive(Debug)]
struct Label {
    /// Empty: any that has the right form.
    values: BTreeSet<String>,
    /// Whether a process has some of them only.
    one_of: bool,
}

/// The words in backticks.
fn words(text: &str) -> BTreeSet<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn page() -> BTreeMap<String, Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let text = std::fs::read_to_string(path).expect("the page");
    let section = |anchor: &str| {
        let title = anchor.replace('-', " ").to_lowercase();
        let found = text
            .split("\n## ")
            .find(|section| section.to_lowercase().starts_with(&title));
        found.unwrap_or_else(|| panic!("no section {anchor}"))
    };
    let values_of = |cell: &str| match cell.split_once("](#") {
        None => words(cell),
        Some((_, link)) => {
            let section = section(link.trim_end_matches([')', ' ']));
            let rows: Vec<_> = section
                .lines()
                .filter(|line| line.starts_with("| `"))
                .collect();
            if rows.is_empty() {
                let lists = section.lines().filter(|line| line.starts_with('`'));
                lists.flat_map(words).collect()
            } else {
                let firsts = rows.iter().filter_map(|row| row.split('|').nth(1));
                firsts.flat_map(words).collect()
            }
        }
    };
    let labels_of = |cell: &str| -> BTreeMap<String, Label> {
        let parts = cell
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts
            .map(|part| {
                let (name, values) = part.split_once(':').expect("a label and its values");
                let label = Label {
                    values: values_of(values),
                    one_of: values.contains("one of"),
                };
                (name.trim_matches('`').to_owned(), label)
            })
            .collect()
    };
    let mut page = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, binaries, labels, meaning] = cells[..] else {
            continue;
        };
        assert!(!meaning.is_empty(), "{name}");
        let row = Row {
            kind: kind.trim_end_matches(", once known").to_owned(),
            once_known: kind.ends_with(", once known"),
            binaries: binaries.split(", ").map(str::to_owned).collect(),
            labels: labels_of(labels),
        };
        let name = name.trim_matches('`').to_owned();
        assert!(
            page.insert(name.clone(), row).is_none(),
            "{name} is there twice"
        );
    }
    assert!(page.len() > 40, "{} rows were read", page.len());
    page
}

/// What this binary has to serve.
fn rows_of<'a>(page: &'a BTreeMap<String, Row>, binaries: &[&str]) -> BTreeMap<&'a str, &'a Row> {
    page.iter()
        .filter(|(_, row)| {
            row.binaries
                .iter()
                .any(|it| binaries.contains(&it.as_str()))
        })
        .map(|(name, row)| (name.as_str(), row))
        .collect()
}

/// The routes that may stand in a label.
async fn routes(client: &Client) -> BTreeSet<String> {
    let document: Value = client
        .get("/api/openapi.json")
        .await
        .json()
        .await
        .expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let mut routes: BTreeSet<String> = paths.keys().cloned().collect();
    for more in ["/", "unmatched", "/api/openapi.json"] {
        routes.insert(more.to_owned());
    }
    routes
}

/// Whether a value may stand in a label.
fn is_allowed(name: &str, value: &str, label: &Label, routes: &BTreeSet<String>) -> bool {
    if !label.values.is_empty() {
        return label.values.contains(value);
    }
    match name {
        // The step flow is served with and without the last slash.
        "route" => {
            let with_slash = format!("{value}/");
            value.starts_with("/api/docs") || routes.contains(value) || routes.contains(&with_slash)
        }
        "status" => value
            .parse()
            .is_ok_and(|status: u16| (100..600).contains(&status)),
        "version" | "commit" => !value.is_empty(),
        other => panic!("which values may {other} have?"),
    }
}

fn check_labels(name: &str, family: &Family, row: &Row, routes: &BTreeSet<String>) {
    for sample in &family.samples {
        let labels: BTreeSet<&str> = sample
            .labels
            .keys()
            .map(String::as_str)
            .filter(|label| *label != "le")
            .collect();
        let expected: BTreeSet<&str> = row.labels.keys().map(String::as_str).collect();
        assert_eq!(labels, expected, "labels of {name}");
        for (label, value) in sample.labels.iter().filter(|(label, _)| *label != "le") {
            assert!(
                is_allowed(label, value, &row.labels[label], routes),
                "{name}: {label} is {value:?}"
            );
        }
    }
}

/// Names, types and help texts in both directions, and the labels.
fn check(served: &Exposition, rows: &BTreeMap<&str, &Row>, routes: &BTreeSet<String>) {
    let served = served.families();
    let undocumented: Vec<_> = served
        .keys()
        .filter(|name| !rows.contains_key(name.as_str()))
        .collect();
    assert!(undocumented.is_empty(), "not on the page: {undocumented:?}");
    for (name, row) in rows {
        let Some(family) = served.get(*name) else {
            assert!(row.once_known, "{name} is on the page and not served");
            continue;
        };
        assert_eq!(family.kind, row.kind, "type of {name}");
        assert!(
            family.help.len() > 10,
            "help text of {name}: {}",
            family.help
        );
        check_labels(name, family, row, routes);
    }
}

/// Everything that a single label can count is there at zero.
fn check_zeros(served: &Exposition, rows: &BTreeMap<&str, &Row>) {
    for (name, row) in rows {
        let mut labels = row.labels.iter();
        let (Some((label, values)), None) = (labels.next(), labels.next()) else {
            continue;
        };
        let Some(family) = served.families().get(*name) else {
            continue;
        };
        if values.one_of {
            continue;
        }
        let present: BTreeSet<&str> = family
            .samples
            .iter()
            .filter_map(|sample| sample.labels.get(label).map(String::as_str))
            .collect();
        let expected: BTreeSet<&str> = values.values.iter().map(String::as_str).collect();
        assert_eq!(present, expected, "{name}: values of {label} at the start");
    }
}

/// Methods, paths, bodies and headers that nobody foresaw.
async fn odd_requests(url: &str) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let long = "x".repeat(2_000);
    let paths = [
        "/api/v1/usr/otp",
        "/api/v1/usr/otp/",
        "/api/v1/usr/otp/verify",
        "/api/v1/usr/login",
        "/api/v1/usr/token/refresh",
        "/api/v1/usr/sessions/6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11",
        "/api/v1/usr/sessions/'%20OR%201=1",
        "/api/verify-otp",
        "/api/verify-otp/",
        "/%7B%22%7D%0A/..%2f..%2fetc/passwd",
        "/metrics",
        "/api/docs/index.html",
        "/livez?code=123456",
        &format!("/{long}"),
    ];
    let bodies = [
        "",
        "{",
        "null",
        "[]",
        r#"{"phone_number":"09121111111","channel":"pigeon"}"#,
        r#"{"phone_number":"+1"}"#,
        r#"{"session_id":"6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11","code":"000000"}"#,
        r#"{"refresh_token":"nothing"}"#,
        r#"{"phone_number":"09121111111","password":"nothing at all"}"#,
    ];
    for path in paths {
        for method in [
            "GET", "POST", "PUT", "DELETE", "BREW", "TRACE", "OPTIONS", "get",
        ] {
            let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a token");
            for body in bodies {
                let request = client
                    .request(method.clone(), format!("{url}{path}"))
                    .header("content-type", "application/json")
                    .header("accept-language", "xx\", {}")
                    .header("traceparent", "00-zz-zz-zz")
                    .body(body);
                // What HTTP itself forbids may end the connection.
                drop(request.send().await);
                if !method.as_str().starts_with(['P', 'D']) {
                    break;
                }
            }
        }
    }
}

/// Answers that the manual does not have, and some that it has.
fn odd_answers() -> Vec<Value> {
    let status = |kind: &str, status: u16| json!({ "kind": kind, "status": status });
    let mut faults = vec![
        json!({ "kind": "reset_before_accept" }),
        json!({ "kind": "accept_then_reset" }),
        json!({ "kind": "html_ok" }),
        json!({ "kind": "cut_json" }),
        json!({ "kind": "empty_body" }),
        json!({ "kind": "entries_null" }),
        json!({ "kind": "entries_object" }),
        json!({ "kind": "huge_body" }),
        json!({ "kind": "redirect", "to": "http://127.0.0.1:9/" }),
        status("html_error", 404),
        status("html_error", 502),
        status("html_error", 599),
    ];
    for code in [
        299, 402, 404, 409, 411, 424, 431, 499, 502, 555, 607, 777, 813, 999,
    ] {
        faults.push(status("status", code));
        faults.push(status("status_in_200", code));
    }
    let once = |fault| json!({ "method": "verify/lookup", "times": 1, "fault": fault });
    faults.into_iter().map(once).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_of_the_list_is_served_by_api_and_worker() {
    let page = page();
    let (of_api, of_worker) = (rows_of(&page, &["api"]), rows_of(&page, &["worker"]));
    let no_limits = [
        ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
        ("LIMIT_GROUP_PER_MINUTE", "off"),
    ];
    let production = Production::start(1, &no_limits).await;
    let client = production.client();
    let routes = routes(&client).await;
    let fetch = async || {
        let api = Exposition::fetch(&production.api_metrics).await;
        let worker = Exposition::fetch(&production.worker_metrics[0]).await;
        Some((api?, worker?))
    };
    let (api, worker) = eventually(PATIENCE, async || {
        let (api, worker) = fetch().await?;
        // The stores and the account were looked at once.
        let known = ["ramz_gateway_debugmode", "ramz_store_up"];
        let is_known = |name: &&str| worker.families().contains_key(*name);
        (known.iter().all(is_known) && api.families().contains_key("ramz_store_up"))
            .then_some((api, worker))
    })
    .await;
    check(&api, &of_api, &routes);
    check(&worker, &of_worker, &routes);
    check_zeros(&api, &of_api);
    check_zeros(&worker, &of_worker);
    for shown in [&api, &worker] {
        for store in ["redis", "postgres"] {
            assert_eq!(shown.value("ramz_store_up", &[("store", store)]), Some(1.0));
        }
        assert_eq!(shown.value("ramz_store_up", &[("store", "sqlite")]), None);
    }
    for (route, success) in [
        ("/api/v1/usr/otp", "202"),
        ("/api/v1/usr/otp/verify", "200"),
        ("/api/v1/usr/token/refresh", "200"),
        ("/api/v1/usr/login", "200"),
    ] {
        assert!(routes.contains(route), "{route} is no route any more");
        for status in [success, "503"] {
            let labels = [("method", "POST"), ("route", route), ("status", status)];
            assert_eq!(api.value("http_requests_total", &labels), Some(0.0));
        }
    }

    // Whatever comes from outside, no label leaves its list.
    let faults = odd_answers();
    let messages = faults.len();
    production.simulator.set_faults(Value::Array(faults)).await;
    for number in 0..messages {
        let asked = client.ask(&format!("0912{number:07}")).await;
        asked.expect("accepted");
    }
    odd_requests(&production.url()).await;
    let (api, worker) = eventually(PATIENCE, async || {
        let (api, worker) = fetch().await?;
        let requests = &worker.families()["ramz_gateway_requests_total"].samples;
        let calls: f64 = requests
            .iter()
            .filter(|sample| sample.labels["method"] == "verify/lookup")
            .map(|sample| sample.value)
            .sum();
        let messages = u32::try_from(messages).expect("few");
        (calls >= f64::from(messages)).then_some((api, worker))
    })
    .await;
    check(&api, &of_api, &routes);
    check(&worker, &of_worker, &routes);
    let other = worker.families()["ramz_gateway_requests_total"]
        .samples
        .iter()
        .filter(|sample| sample.labels["status"] == "other")
        .map(|sample| sample.value)
        .sum::<f64>();
    assert!(other >= 2.0, "no odd code was counted");
    let batches = &worker.families()["ramz_ledger_batch_rows"].samples;
    for step in ["begin", "finish"] {
        let is_count = |name: &str| name.ends_with("_count");
        let written = batches
            .iter()
            .any(|it| is_count(&it.name) && it.labels["step"] == step && it.value >= 1.0);
        assert!(written, "no {step} was measured");
    }
    let connections = api.value("http_connections_open", &[]).expect("a gauge");
    assert!(connections >= 1.0, "this test holds a connection");
    assert_eq!(api.value("http_requests_in_flight", &[]), Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_of_the_list_is_served_by_standalone() {
    let page = page();
    let rows = rows_of(&page, &["api", "worker"]);
    let data = tempfile::tempdir().expect("a folder");
    let listen = format!("127.0.0.1:{}", free_port());
    let metrics = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{listen}");
    let _standalone = Process::ramz("standalone")
        .env("DATA_DIR", data.path())
        .env("LISTEN", &listen)
        .env("PUBLIC_URL", &url)
        .env("METRICS_LISTEN", &metrics)
        .env("SIMULATOR_LISTEN", format!("127.0.0.1:{}", free_port()))
        .start();
    wait_for_http(&format!("{url}/readyz"), PATIENCE).await;
    let routes = routes(&Client::new(&url)).await;
    let served = eventually(PATIENCE, async || {
        let served = Exposition::fetch(&format!("http://{metrics}/metrics")).await?;
        let known = ["ramz_gateway_debugmode", "ramz_store_up"];
        let is_known = |name: &&str| served.families().contains_key(*name);
        known.iter().all(is_known).then_some(served)
    })
    .await;
    check(&served, &rows, &routes);
    check_zeros(&served, &rows);
    assert_eq!(
        served.value("ramz_store_up", &[("store", "sqlite")]),
        Some(1.0)
    );
    let labels = served.families()["ramz_build_info"].samples[0]
        .labels
        .clone();
    assert_eq!(labels["binary"], "standalone");
    odd_requests(&url).await;
    let served = Exposition::fetch(&format!("http://{metrics}/metrics")).await;
    check(&served.expect("an answer"), &rows, &routes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_08_a_store_that_is_away_is_shown_by_api_and_worker() {
    let mut production = Production::start(1, &[]).await;
    let shows = async |production: &Production, store: &str, value: f64| {
        let urls = [&production.api_metrics, &production.worker_metrics[0]];
        for url in urls {
            eventually(PATIENCE, async || {
                let served = Exposition::fetch(url).await?;
                let up = served.value("ramz_store_up", &[("store", store)])?;
                ((up - value).abs() < f64::EPSILON).then_some(())
            })
            .await;
        }
    };
    for store in ["redis", "postgres"] {
        shows(&production, store, 1.0).await;
    }
    // A server that is there and does not answer is away as well.
    production.redis.pause();
    shows(&production, "redis", 0.0).await;
    shows(&production, "postgres", 1.0).await;
    production.redis.resume();
    shows(&production, "redis", 1.0).await;
    production.postgres.kill();
    shows(&production, "postgres", 0.0).await;
    production.postgres.restart().await;
    shows(&production, "postgres", 1.0).await;
    let log = production.api.log();
    for text in ["a store cannot be used", "a store can be used again"] {
        assert_eq!(log.matches(text).count(), 2, "once for each store: {text}");
    }
}
