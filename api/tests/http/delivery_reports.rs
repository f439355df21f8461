//! What the gateway reports about deliveries, by the gateway's stand-in and by others.

use chrono::{DateTime, TimeDelta, Utc};
use domain::challenge::Channel;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::random::Random;
use domain::root::RootId;
use http::Method;
use serde_json::json;
use serving::serve;
use shared::config::ServeLimits;
use shared::records::{
    Begin, Finish, LedgerOutcome, LedgerWriter, Route, SendKey, SendMethod, SendResult,
};
use simulator::{Simulator, SimulatorConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::stage::{SECOND, START, Shape, Stage};

const SECRET: &str = "9f2c4b7d1e6a8035c9f2d4b7e1a60835";
const SETTINGS: [(&str, &str); 1] = [("DELIVERY_CALLBACK_SECRET", SECRET)];
const FORM: &str = "application/x-www-form-urlencoded";

fn path() -> String {
    format!("/callbacks/kavenegar/{SECRET}/delivery")
}

/// Records a message as one that the gateway has taken.
async fn accepted(stage: &Stage, messageid: i64) -> SendKey {
    let (random, now) = (Random::operating_system(), stage.clock.now());
    let writer = LedgerWriter::start(stage.stores.records.clone(), stage.clock.clone());
    let key = SendKey::first_leg(RootId::from_bytes(random.bytes()), 1);
    let begin = Begin {
        key,
        phone: PhoneNumber::from_e164("+989123456789").expect("canonical"),
        purpose: Purpose::SignIn.into(),
        channel: Channel::Sms,
        route: Route::KAVENEGAR,
        method: SendMethod::Send,
        fence: 1,
        localid: random.positive_i64(),
        accepted_at: now,
        deadline_at: now + TimeDelta::seconds(90),
        trace_id: None,
        request_id: None,
    };
    writer.begin(begin).await.expect("begun");
    let outcome = LedgerOutcome {
        result: SendResult::Accepted,
        message_id: Some(messageid.into()),
        cost_rials: None,
        gateway_status: Some(200),
        entry_status: Some(1),
        error_class: None,
    };
    let (attempt, fence) = (1, 1);
    let finish = Finish {
        key,
        attempt,
        fence,
        outcome,
    };
    writer.finish(finish).await.expect("finished");
    key
}

async fn next_check(stage: &Stage, key: SendKey) -> Option<DateTime<Utc>> {
    let row = stage.stores.records.ledger_row(key).await;
    let row = row.expect("an answer").expect("a row");
    assert_eq!(row.delivery_status, None, "a report was believed");
    row.next_check_at
}

fn counted(stage: &Stage, result: &str) -> f64 {
    stage.metric(&format!(
        "ramz_delivery_callbacks_total{{result=\"{result}\"}}"
    ))
}

fn assert_counted(stage: &Stage, result: &str, times: f64) {
    let counted = counted(stage, result);
    assert!((counted - times).abs() < f64::EPSILON, "{counted} {result}");
}

pub(crate) async fn the_gateways_reports_are_taken_in_either_form(shape: Shape) {
    let stage = Stage::with(shape, &SETTINGS).await;
    let clock = simulator::Clock::manual(START);
    let config = SimulatorConfig {
        clock: clock.clone(),
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::new(config).expect("a simulator");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gateway = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    let limits = ServeLimits::default();
    tokio::spawn(serve(listener, simulator.router(), limits, stop));
    for method in ["POST", "GET"] {
        let callback = json!({
            "url": stage.url(&path()), "method": method,
            "duplicates": true, "out_of_order": true,
        });
        let changed = simulator.change_account(json!({ "callback": callback }));
        changed.expect("a change");
        let sent = stage
            .client
            .post(format!("http://{gateway}/v1/demo/sms/send.json"))
            .form(&[("receptor", "09123456789"), ("message", "123456")])
            .send();
        let sent: serde_json::Value = sent.await.expect("sent").json().await.expect("JSON");
        let messageid = sent["entries"][0]["messageid"].as_i64().expect("a number");
        let key = accepted(&stage, messageid).await;
        let planned = next_check(&stage, key).await;
        stage.clock.advance(4 * SECOND);
        clock.advance(std::time::Duration::from_secs(4));
        // The end and then the way there, each of them twice.
        let before = counted(&stage, "known");
        assert_eq!(simulator.send_due_reports().await, 4, "{method}");
        assert_counted(&stage, "known", before + 4.0);
        let now = stage.clock.now();
        assert!(planned.is_some_and(|planned| planned > now));
        assert_eq!(next_check(&stage, key).await, Some(now), "{method}");
        // All were answered with 200: none comes again.
        clock.advance(std::time::Duration::from_mins(10));
        assert_eq!(simulator.send_due_reports().await, 0, "{method}");
    }
    assert_counted(&stage, "malformed", 0.0);
}

pub(crate) async fn a_34_reports_of_others_change_nothing(shape: Shape) {
    let stage = Stage::with(shape, &SETTINGS).await;
    let key = accepted(&stage, 2_890_000_001).await;
    let planned = next_check(&stage, key).await;
    let report = async |path: &str, query: &str| stage.get(&format!("{path}?{query}")).await;
    let honest = "messageid=2890000001&status=10";

    // Anyone who does not know the secret finds what they would find anywhere.
    let nowhere = report("/callbacks/kavenegar/nobody/delivered", honest).await;
    assert_eq!(nowhere.status, 404);
    let prefix = format!("/callbacks/kavenegar/{}/delivery", &SECRET[1..]);
    let unreadable = "/callbacks/kavenegar/%ff%fe/delivery";
    for wrong in [
        prefix.as_str(),
        unreadable,
        "/callbacks/kavenegar/x/delivery",
    ] {
        let answer = report(wrong, honest).await;
        assert_eq!(answer.seen(), nowhere.seen(), "{wrong}");
    }
    let put = stage.client.request(Method::PUT, stage.url(&path()));
    assert_eq!(stage.send(put).await.seen(), nowhere.seen());
    assert_eq!(next_check(&stage, key).await, planned);

    // Unknown messages and unlisted states are well-formed; other fields do not matter.
    let unknown = "messageid=1&status=10&receptor=09123456789&messageid=2890000001";
    for (query, result) in [
        (unknown, "unknown"),
        ("messageid=2890000001&status=77", "known"),
    ] {
        assert_eq!(report(&path(), query).await.status, 200, "{query}");
        assert_counted(&stage, result, 1.0);
    }
    let mut malformed = 0.0;
    // The gateway repeats what gets another answer than 200, and these would never get it.
    for query in [
        "",
        "messageid=2890000001",
        "status=10",
        "messageid=&status=10",
        "messageid=-5&status=10",
        "messageid=99999999999999999999&status=10",
        "messageid=%D9%A1&status=10",
        "messageid=2890000001&status=delivered",
        "messageid=2890000001&status=99999999999",
    ] {
        let answer = report(&path(), query).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{query}");
        malformed += 1.0;
        assert_counted(&stage, "malformed", malformed);
    }
    let post = |kind: &'static str, body: String| {
        let request = stage.client.post(stage.url(&path()));
        request.header("content-type", kind).body(body)
    };
    let answer = stage
        .send(post(FORM, format!("x={}&{honest}", "x".repeat(8_000))))
        .await;
    assert_eq!(answer.status, 200, "it is too long");
    let answer = stage
        .send(post("application/json", honest.to_owned()))
        .await;
    assert_eq!(answer.status, 200, "it is not a form");
    assert_counted(&stage, "malformed", malformed + 2.0);
    assert_eq!(next_check(&stage, key).await, planned);

    let answer = stage.send(post(FORM, honest.to_owned())).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(next_check(&stage, key).await, Some(stage.clock.now()));
    assert!(!stage.metrics().contains(SECRET));
    assert!(!stage.document.to_string().contains("callbacks"));
}

pub(crate) async fn a_34_without_a_secret_there_is_no_such_address(shape: Shape) {
    let stage = Stage::new(shape).await;
    let key = accepted(&stage, 2_890_000_001).await;
    let planned = next_check(&stage, key).await;
    let query = "?messageid=2890000001&status=10";
    for path in [path(), "/callbacks/kavenegar//delivery".to_owned()] {
        let answer = stage.get(&format!("{path}{query}")).await;
        assert_eq!(answer.status, 404);
    }
    assert_eq!(next_check(&stage, key).await, planned);
    let unmatched = r#"http_requests_total{method="GET",route="unmatched",status="404"}"#;
    assert!((stage.metric(unmatched) - 2.0).abs() < f64::EPSILON);
}
