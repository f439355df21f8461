//! One trace from the request for a code to its verification, and the log lines that go with it.

mod collector;

use std::time::Instant;

use collector::{Collector, Trace};
use e2e::{Client, PATIENCE, Production};
use harness::{Process, eventually, free_port, wait_for_http, whole_lines};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};

const OTP: &str = "/api/v1/usr/otp";
const VERIFY: &str = "/api/v1/usr/otp/verify";
const ASKED: &str = "POST /api/v1/usr/otp";
const VERIFIED: &str = "POST /api/v1/usr/otp/verify";
/// The spans of a sign-in.
const SIGN_IN: [&str; 11] = [
    ASKED,
    "accept",
    "process send",
    "load",
    "gate",
    "ledger begin",
    "gateway verify/lookup",
    "ledger finish",
    "settle",
    "count attempt",
    "sign in",
];

/// An answer with what names its request.
struct Answer {
    request_id: String,
    body: Value,
}

impl Answer {
    async fn read(response: reqwest::Response) -> Self {
        assert!(response.status().is_success(), "{}", response.status());
        let request_id = response.headers()["x-request-id"].to_str().expect("text");
        Self {
            request_id: request_id.to_owned(),
            body: response.json().await.expect("JSON"),
        }
    }

    fn member(&self, name: &str) -> String {
        self.body[name].as_str().expect("text").to_owned()
    }
}

/// The JSON lines of a log.
fn lines(log: &str) -> Vec<Value> {
    let lines = whole_lines(log).filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

fn lines_of<'a>(lines: &'a [Value], field: &str, value: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line[field] == value).collect()
}

async fn the_trace_of(collector: &Collector, request_id: &str) -> String {
    eventually(PATIENCE, async || {
        let spans = collector.spans();
        let server = spans.iter().find(|span| {
            span.kind() == SpanKind::Server && span.attribute("ramz.request_id") == request_id
        });
        server.map(collector::Received::trace)
    })
    .await
}

fn is_one_sign_in(trace: &Trace) {
    trace.are_children(&["accept"], ASKED);
    let children = [
        "load",
        "gate",
        "ledger begin",
        "gateway verify/lookup",
        "ledger finish",
        "settle",
    ];
    trace.are_children(&children, "process send");
    trace.are_children(&["count attempt", "sign in"], VERIFIED);
    let process = trace.span("process send");
    assert_eq!(process.parent(), trace.span("accept").id());
    for (name, kind) in [
        (ASKED, SpanKind::Server),
        ("accept", SpanKind::Producer),
        ("process send", SpanKind::Consumer),
        ("gateway verify/lookup", SpanKind::Client),
        ("settle", SpanKind::Internal),
        (VERIFIED, SpanKind::Server),
    ] {
        assert_eq!(trace.span(name).kind(), kind, "{name}");
    }
    let gateway = trace.span("gateway verify/lookup");
    assert_eq!(gateway.attribute("ramz.gateway.status"), "200");
    assert_eq!(gateway.attribute("ramz.outcome"), "accepted");
    assert_eq!(process.attribute("ramz.disposal"), "done");
    assert_eq!(
        trace.span(ASKED).attribute("http.response.status_code"),
        "202"
    );
    assert_eq!(trace.span(VERIFIED).attribute("http.route"), VERIFY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_trace_leads_from_the_request_over_the_gateway_to_the_verification() {
    let collector = Collector::start().await;
    let extra = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-canary=collector-key"),
        ("LOG_LEVEL", "info,worker=debug"),
    ];
    let mut production = Production::start(1, &extra).await;
    let client = production.client();
    let mut secrets = production.secrets.canaries();
    secrets.push("collector-key".to_owned());

    // A client without a trace of its own: everything is one trace that begins here.
    let phone = "09121234567";
    let body = json!({ "phone_number": phone });
    let asked = Answer::read(client.try_post(OTP, &body).await.expect("an answer")).await;
    let code = production.simulator.wait_for_code(phone).await;
    let body = json!({ "session_id": asked.member("session_id"), "code": code });
    let verified = Answer::read(client.try_post(VERIFY, &body).await.expect("an answer")).await;
    let own = the_trace_of(&collector, &asked.request_id).await;
    let names = [&SIGN_IN[..], &[VERIFIED]].concat();
    let trace = collector.trace(&own, &names).await;
    is_one_sign_in(&trace);
    assert_eq!(trace.span(ASKED).parent(), "");
    assert_eq!(trace.span(VERIFIED).parent(), trace.span("accept").id());
    let services = ["ramz-api", "ramz-worker", "ramz-api"];
    let found = [ASKED, "process send", VERIFIED].map(|name| trace.span(name).service.as_str());
    assert_eq!(found, services);
    for answer in [&asked, &verified] {
        secrets.extend([phone, &phone[1..]].map(str::to_owned));
        let tokens = ["session_id", "access_token", "refresh_token"];
        let tokens = tokens.iter().filter_map(|name| answer.body[name].as_str());
        secrets.extend(tokens.map(str::to_owned));
    }
    secrets.push(code);

    // A client with a trace: both requests belong to it, and the second is linked to the first.
    let given = "0af7651916cd43dd8448eb211c80319c";
    let body = json!({ "phone_number": "09121234568" });
    let parent = format!("00-{given}-b7ad6b7169203331-00");
    let asked_traced = Answer::read(client.post_traced(OTP, &body, &parent).await).await;
    let code = production.simulator.wait_for_code("09121234568").await;
    let body = json!({ "session_id": asked_traced.member("session_id"), "code": code });
    let parent = format!("00-{given}-b7ad6b7169203332-00");
    Answer::read(client.post_traced(VERIFY, &body, &parent).await).await;
    let trace = collector.trace(given, &names).await;
    is_one_sign_in(&trace);
    assert_eq!(trace.span(ASKED).parent(), "b7ad6b7169203331");
    let verified_traced = trace.span(VERIFIED);
    assert_eq!(verified_traced.parent(), "b7ad6b7169203332");
    let links = &verified_traced.span.links;
    assert_eq!(links.len(), 1, "{links:?}");
    assert_eq!(links[0].span_id, trace.span("accept").span.span_id);

    // The lines of a request are found by its id and by its trace, in both processes.
    let worker = eventually(PATIENCE, async || {
        let lines = lines(&production.workers[0].log());
        let done = |line: &&Value| line["message"] == "outcome recorded";
        (lines.iter().filter(done).count() == 2).then_some(lines)
    })
    .await;
    let of_request = lines_of(&worker, "request_id", &asked.request_id);
    assert!(of_request.len() >= 2, "{worker:#?}");
    assert!(
        of_request
            .iter()
            .all(|line| line["trace_id"] == own.as_str())
    );
    assert!(
        of_request
            .iter()
            .all(|line| line["send"] == 1 && line["challenge"].is_string())
    );
    let api = lines(&production.api.log());
    for request_id in [&asked.request_id, &verified.request_id] {
        let answered = lines_of(&api, "request_id", request_id);
        assert_eq!(answered.len(), 1, "{api:#?}");
        assert_eq!(answered[0]["message"], "answered");
        assert_eq!(answered[0]["trace_id"], own.as_str());
    }

    production.stop().await;
    assert!(collector.was_sent("x-canary", "collector-key"));
    for span in collector.spans() {
        let words = span.words();
        let hit = secrets.iter().find(|secret| words.contains(*secret));
        assert_eq!(hit, None, "{words}");
        assert!(!span.span.name.contains("livez") && !span.span.name.contains("readyz"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_or_hangs_holds_nothing_up() {
    // One that takes connections and says nothing.
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let hanging = (hanging.local_addr().expect("an address"), hanging);
    let away = format!("127.0.0.1:{}", free_port());
    for collector in [away, hanging.0.to_string()] {
        let endpoint = format!("http://{collector}");
        let extra = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str())];
        let started = Instant::now();
        let mut production = Production::start(1, &extra).await;
        let client = production.client();
        for person in 0..3 {
            let phone = format!("0912123000{person}");
            let asked = client.ask(&phone).await.expect("accepted");
            let code = production.simulator.wait_for_code(&phone).await;
            client
                .verify(&asked.session_id, &code)
                .await
                .expect("signed in");
        }
        let dropped = eventually(PATIENCE, async || {
            let metrics = Client::new(production.api_metrics.trim_end_matches("/metrics"));
            let text = metrics.get("/metrics").await.text().await.expect("text");
            let name = "ramz_trace_spans_dropped_total{reason=\"not_taken\"} ";
            let count: u64 = text
                .lines()
                .find_map(|line| line.strip_prefix(name))?
                .parse()
                .ok()?;
            (count > 0).then_some(count)
        })
        .await;
        assert!(dropped > 0);
        // Ends within its limit, although spans are left.
        client.ask("09121230009").await.expect("accepted");
        production.stop().await;
        let warned = lines(&production.api.log());
        let warned = lines_of(&warned, "message", "the collector does not take spans");
        // One a minute at most.
        let minutes = started.elapsed().as_secs() / 60;
        let most = usize::try_from(minutes).expect("few") + 1;
        assert!((1..=most).contains(&warned.len()), "{warned:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standalone_exports_the_whole_trace_of_a_sign_in_too() {
    let collector = Collector::start().await;
    let data = tempfile::tempdir().expect("a folder");
    let [listen, inbox, metrics] = [0; 3].map(|_| format!("127.0.0.1:{}", free_port()));
    let url = format!("http://{listen}");
    let mut standalone = Process::ramz("standalone")
        .env("DATA_DIR", data.path())
        .env("LISTEN", &listen)
        .env("PUBLIC_URL", &url)
        .env("METRICS_LISTEN", &metrics)
        .env("SIMULATOR_LISTEN", &inbox)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)
        .start();
    wait_for_http(&format!("{url}/readyz"), PATIENCE).await;
    let client = Client::new(&url);
    let body = json!({ "phone_number": "09121234567" });
    let asked = Answer::read(client.try_post(OTP, &body).await.expect("an answer")).await;
    let inbox = Client::new(format!("http://{inbox}"));
    let code = eventually(PATIENCE, async || {
        let messages = inbox.get("/_sim/messages?receptor=09121234567").await;
        let messages: Value = messages.json().await.expect("JSON");
        messages[0]["code"].as_str().map(str::to_owned)
    })
    .await;
    let session = asked.member("session_id");
    client.verify(&session, &code).await.expect("signed in");
    let trace = the_trace_of(&collector, &asked.request_id).await;
    let names = [&SIGN_IN[..], &[VERIFIED]].concat();
    let trace = collector.trace(&trace, &names).await;
    is_one_sign_in(&trace);
    assert!(trace.0.iter().all(|span| span.service == "ramz-standalone"));
    standalone.terminate();
    assert!(standalone.wait(PATIENCE).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_filter_of_a_running_process_is_changed_from_outside_but_by_no_page() {
    let mut production = Production::start(1, &[]).await;
    let worker = Client::new(production.worker_metrics[0].trim_end_matches("/metrics"));
    wait_for_http(&format!("{}/livez", worker.url()), PATIENCE).await;
    let text = async |answer: reqwest::Response| answer.text().await.expect("text");
    assert_eq!(text(worker.get("/log-level").await).await, "info\n");

    let refused = worker
        .put_text("/log-level", "trace", Some("https://evil.example"))
        .await;
    assert_eq!(refused.status(), 403);
    let wrong = worker.put_text("/log-level", "worker=loud", None).await;
    assert_eq!(wrong.status(), 400);
    assert_eq!(text(worker.get("/log-level").await).await, "info\n");
    let changed = worker
        .put_text("/log-level?for=1h", "warn,worker=debug", None)
        .await;
    assert_eq!(changed.status(), 200);
    let shown = text(worker.get("/log-level").await).await;
    assert!(
        shown.starts_with("warn,worker=debug\n# info again in 3"),
        "{shown}"
    );

    let detail = "accepted by the gateway";
    assert!(!production.workers[0].log().contains(detail));
    production
        .client()
        .ask("09121234567")
        .await
        .expect("accepted");
    eventually(PATIENCE, async || {
        production.workers[0].log().contains(detail).then_some(())
    })
    .await;
    let lines = lines(&production.workers[0].log());
    let told = lines_of(&lines, "target", "log_level");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["filter"], "warn,worker=debug");
    production.stop().await;
}
