//! A watch on a real file and a simulated gateway, with the lines that it logs.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use domain::challenge::Channel;
use domain::otp::Purpose;
use domain::phone::PhoneNumber;
use domain::root::RootId;
use gateway::Gateway;
use prometheus::Registry;
use serde_json::{Value, json};
use serving::serve;
use shared::config::ServeLimits;
use shared::config::{Environment, WorkerConfig};
use shared::records::{
    Begin, Finish, LedgerOutcome, LedgerWriter, Route, SendKey, SendMethod, SendResult,
};
use shared::sqlite_file::SqliteFile;
use shared::telemetry::MetricSet as _;
use simulator::{Simulator, SimulatorConfig};
use tokio::net::TcpListener;
use tokio_util::sync::DropGuard;
use tracing::subscriber::DefaultGuard;

use super::*;
use crate::metrics::AccountMetrics;
use crate::metrics::WorkerMetrics;
use crate::start::gateway_settings;

const START: i64 = 1_763_700_000_000;
const MINUTE: i64 = 60_000;
/// More than an hour with its spread.
const MORE_THAN_AN_HOUR: i64 = 67 * MINUTE;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Level and text of what was logged since the last time.
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let lines = String::from_utf8(bytes).expect("text");
        let lines = lines.lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let field = |name: &str| line[name].as_str().expect("a field").to_owned();
            format!("{} {}", field("level"), field("message"))
        });
        lines.collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Stage {
    watch: AccountWatch,
    records: Records,
    simulator: Simulator,
    clock: Clock,
    random: Random,
    ledger: LedgerWriter,
    registry: Registry,
    lines: Lines,
    // All that is logged on this thread, which is the test's only one.
    _logging: DefaultGuard,
    _folder: tempfile::TempDir,
    _gateway_stop: DropGuard,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("ramz.sqlite3").display());
        let file = SqliteFile::open(&url).await.expect("a file");
        migrate::run_sqlite(file.writer())
            .await
            .expect("the schema");
        let simulator = Simulator::new(SimulatorConfig::default()).expect("a simulator");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gateway = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let limits = ServeLimits::default();
        tokio::spawn(serve(listener, simulator.router(), limits, stop.clone()));
        let config = WorkerConfig::load(&Environment::from_pairs([
            ("DATABASE_URL", url),
            (
                "OTP_KEY",
                "k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=".to_owned(),
            ),
            ("KAVENEGAR_API_KEY", "ABCDEF0123456789".to_owned()),
            ("KAVENEGAR_URL", format!("http://{gateway}/")),
        ]));
        let gateway = config.expect("settings").gateway;
        let gateway = Gateway::new(gateway_settings(gateway)).expect("a gateway");

        let (clock, random, registry) = (Clock::manual(START), Random::seeded(1), Registry::new());
        let metrics = WorkerMetrics::register(&registry).expect("fresh names");
        let gauges = AccountMetrics::register(&registry).expect("fresh names");
        let account = Account::new(gateway, metrics, gauges, clock.clone());
        let records = Records::from_sqlite(file);
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || writer.clone())
            .finish();
        Self {
            watch: AccountWatch::new(account, records.clone(), clock.clone(), random.clone()),
            simulator,
            ledger: LedgerWriter::start(records.clone(), clock.clone()),
            records,
            clock,
            random,
            registry,
            lines,
            _logging: tracing::subscriber::set_default(subscriber),
            _folder: folder,
            _gateway_stop: stop.drop_guard(),
        }
    }

    /// Lets time pass, looks, and returns the new lines.
    async fn after(&mut self, millis: i64) -> Vec<String> {
        self.clock.advance(millis);
        self.watch.look().await;
        self.lines.take()
    }

    fn account(&self, change: Value) {
        self.simulator.change_account(change).expect("a change");
    }

    fn faults(&self, rules: Value) {
        let rules = serde_json::from_value(rules).expect("rules");
        self.simulator.set_faults(rules).expect("rules");
    }

    /// A message that was accepted now, at this price.
    async fn spend(&self, rials: i64) {
        let begin = Begin {
            key: SendKey::first_leg(RootId::from_bytes(self.random.bytes()), 1),
            phone: PhoneNumber::from_e164("+989123456789").expect("canonical"),
            purpose: Purpose::SignIn.into(),
            channel: Channel::Sms,
            route: Route::KAVENEGAR,
            method: SendMethod::Lookup,
            fence: 1,
            localid: self.random.positive_i64(),
            accepted_at: self.clock.now(),
            deadline_at: self.clock.now(),
            trace_id: None,
            request_id: None,
        };
        self.ledger.begin(begin.clone()).await.expect("begun");
        let finish = Finish {
            key: begin.key,
            attempt: 1,
            fence: 1,
            outcome: LedgerOutcome {
                result: SendResult::Accepted,
                message_id: Some(self.random.positive_i64().into()),
                cost_rials: Some(rials),
                gateway_status: Some(200),
                entry_status: Some(5),
                error_class: None,
            },
        };
        self.ledger.finish(finish).await.expect("finished");
    }

    fn gauge(&self, name: &str) -> Option<f64> {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name)?;
        Some(family.get_metric().first()?.get_gauge().get_value())
    }

    fn days_left(&self) -> Option<f64> {
        self.gauge("ramz_gateway_credit_days_left")
    }
}

fn is(value: Option<f64>, expected: f64) -> bool {
    value.is_some_and(|value| (value - expected).abs() < 1e-6)
}

const CREDIT: &str = "INFO credit of the account";
const FAR_FROM_NOW: i64 = START / 1000 + 1_000 * 86_400;

#[tokio::test]
async fn the_credit_is_looked_at_every_few_minutes_and_told_every_hour() {
    let mut stage = Stage::new().await;
    stage.account(json!({ "expiredate": FAR_FROM_NOW }));
    let calls = |stage: &Stage| {
        ["account/info", "account/config"].map(|method| stage.simulator.calls(method))
    };
    assert_eq!(stage.after(0).await, [CREDIT]);
    assert_eq!(calls(&stage), [1, 1]);
    assert_eq!(stage.after(4 * MINUTE).await, [""; 0]);
    assert_eq!(calls(&stage), [1, 1], "not due yet");
    for look in 2..=9 {
        stage.account(json!({ "credit": 1_000 * look }));
        assert_eq!(stage.after(6 * MINUTE).await, [""; 0]);
        assert_eq!(calls(&stage), [look, 1]);
        let millis = stage.clock.now_millis();
        assert!(is(
            stage.gauge("ramz_gateway_credit_rials"),
            f64::from(1_000 * u32::try_from(look).expect("few"))
        ));
        assert!(is(
            stage
                .gauge("ramz_gateway_account_seen_seconds")
                .map(|seconds| seconds
                    - f64::from(u32::try_from(millis / 1000).expect("this century"))),
            0.0
        ));
    }
    assert_eq!(stage.after(MORE_THAN_AN_HOUR).await, [CREDIT]);
    assert_eq!(calls(&stage), [10, 2]);
}

#[tokio::test]
async fn a_look_that_fails_is_told_once_and_repeated_soon() {
    let mut stage = Stage::new().await;
    stage.account(json!({ "expiredate": FAR_FROM_NOW }));
    stage.faults(json!([{ "method": "account/info", "fault": { "kind": "html_error" } }]));
    assert_eq!(stage.after(0).await, ["WARN cannot look at the account"]);
    assert_eq!(
        stage.gauge("ramz_gateway_key_valid"),
        None,
        "nobody has said so"
    );
    assert_eq!(stage.gauge("ramz_gateway_account_seen_seconds"), None);
    for _ in 0..3 {
        assert_eq!(stage.after(2 * MINUTE).await, [""; 0]);
    }
    assert_eq!(stage.simulator.calls("account/info"), 4);
    stage.faults(json!([]));
    assert_eq!(
        stage.after(2 * MINUTE).await,
        ["INFO the account can be looked at again", CREDIT]
    );
}

#[tokio::test]
async fn f_10_a_refused_key_is_told_once_and_when_it_is_taken_again() {
    for code in [401, 403] {
        let mut stage = Stage::new().await;
        stage.account(json!({ "expiredate": FAR_FROM_NOW }));
        assert_eq!(stage.after(0).await, [CREDIT]);
        assert!(is(stage.gauge("ramz_gateway_key_valid"), 1.0));
        stage.faults(json!([{ "method": "*", "fault": { "kind": "status", "status": code } }]));
        let lines = stage.after(6 * MINUTE).await;
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(
            lines[0].starts_with("ERROR the gateway refuses our key"),
            "{lines:?}"
        );
        assert!(is(stage.gauge("ramz_gateway_key_valid"), 0.0));
        assert_eq!(stage.after(2 * MINUTE).await, [""; 0]);
        stage.faults(json!([]));
        let lines = stage.after(2 * MINUTE).await;
        assert!(
            lines.contains(&"INFO the gateway takes our key again".to_owned()),
            "{lines:?}"
        );
        assert!(is(stage.gauge("ramz_gateway_key_valid"), 1.0));
    }
    // Another refusal says nothing about the key.
    let mut stage = Stage::new().await;
    stage.faults(json!([{ "method": "*", "fault": { "kind": "status", "status": 429 } }]));
    stage.after(0).await;
    assert_eq!(stage.gauge("ramz_gateway_key_valid"), None);
}

#[tokio::test]
async fn harmful_settings_are_told_when_they_begin_and_when_they_end() {
    let mut stage = Stage::new().await;
    stage.account(json!({ "expiredate": FAR_FROM_NOW }));
    assert_eq!(stage.after(0).await, [CREDIT]);
    stage.account(json!({ "debugmode": true, "resendfailed": true }));
    let lines = stage.after(MORE_THAN_AN_HOUR).await;
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[1].starts_with("ERROR the account is in debug mode"),
        "{lines:?}"
    );
    assert!(
        lines[2].starts_with("WARN the account sends undelivered"),
        "{lines:?}"
    );
    assert!(is(stage.gauge("ramz_gateway_debugmode"), 1.0));
    assert!(is(stage.gauge("ramz_gateway_resendfailed"), 1.0));
    assert_eq!(stage.after(MORE_THAN_AN_HOUR).await, [CREDIT], "told twice");
    stage.account(json!({ "debugmode": false, "resendfailed": false }));
    assert_eq!(
        stage.after(6 * MINUTE).await,
        [
            "INFO the account is no longer in debug mode",
            "INFO the account no longer sends undelivered messages again by itself",
        ]
    );
    assert!(is(stage.gauge("ramz_gateway_debugmode"), 0.0));
}

#[tokio::test]
async fn days_left_follow_the_spending_of_a_day_or_of_a_week() {
    let mut stage = Stage::new().await;
    stage.account(json!({ "expiredate": FAR_FROM_NOW, "credit": 900_000 }));
    assert_eq!(stage.after(0).await, [CREDIT]);
    assert_eq!(
        stage.days_left(),
        None,
        "without spending the credit lasts for ever"
    );
    stage.spend(60_000).await;
    stage.spend(40_000).await;
    stage.account(json!({ "credit": 800_000 }));
    assert_eq!(stage.after(MORE_THAN_AN_HOUR).await, [CREDIT]);
    assert!(is(stage.days_left(), 8.0), "{:?}", stage.days_left());

    // The credit is seen between two looks at the spending.
    stage.account(json!({ "credit": 500_000 }));
    let lines = stage.after(6 * MINUTE).await;
    assert_eq!(
        lines,
        ["WARN the credit lasts less than seven days: recharge the account"]
    );
    assert!(is(stage.days_left(), 5.0));
    stage.account(json!({ "credit": 150_000 }));
    let lines = stage.after(6 * MINUTE).await;
    assert_eq!(
        lines,
        ["ERROR the credit lasts less than two days: recharge the account now"]
    );
    assert_eq!(stage.after(6 * MINUTE).await, [""; 0]);
    stage.account(json!({ "credit": 7_000_000 }));
    let lines = stage.after(6 * MINUTE).await;
    assert_eq!(lines, ["INFO the credit lasts for a while again"]);

    // A quiet day: the average of the week counts on, until the week is over.
    assert_eq!(stage.after(25 * 60 * MINUTE).await, [CREDIT]);
    let day_of_the_week = 7_000_000.0 / f64::from(100_000 / 7);
    assert!(
        is(stage.days_left(), day_of_the_week),
        "{:?}",
        stage.days_left()
    );
    stage.spend(200_000).await;
    assert_eq!(stage.after(MORE_THAN_AN_HOUR).await, [CREDIT]);
    assert!(is(stage.days_left(), 35.0), "{:?}", stage.days_left());
    assert_eq!(stage.after(25 * 60 * MINUTE).await, [CREDIT]);
    let week = 7_000_000.0 / f64::from(300_000 / 7);
    assert!(is(stage.days_left(), week), "{:?}", stage.days_left());
    assert_eq!(stage.after(8 * 24 * 60 * MINUTE).await, [CREDIT]);
    assert_eq!(stage.days_left(), None, "a week without spending");
}

#[tokio::test]
async fn hours_that_are_over_are_added_up_once() {
    let stage = Stage::new().await;
    stage.spend(1_000).await;
    let now = stage.clock.now();
    let mut spending = Spending::new(stage.records.clone());
    assert_eq!(spending.a_day(now).await.expect("a sum"), 1_000);
    // Remembered: a row that would be written into the past later is not seen.
    let later = now + TimeDelta::hours(5);
    assert_eq!(spending.a_day(later).await.expect("a sum"), 1_000);
    stage.spend(500).await;
    assert_eq!(spending.a_day(later).await.expect("a sum"), 1_000);
    assert_eq!(
        Spending::new(stage.records.clone())
            .a_day(later)
            .await
            .expect("a sum"),
        1_500
    );
    // What happens now is seen.
    stage.clock.advance(5 * 60 * MINUTE);
    stage.spend(50).await;
    assert_eq!(
        spending.a_day(stage.clock.now()).await.expect("a sum"),
        1_050
    );
    // After a day and a week it is forgotten.
    let after_a_day = now + TimeDelta::hours(30);
    assert_eq!(spending.a_day(after_a_day).await.expect("a sum"), 1_050 / 7);
    assert_eq!(
        spending
            .a_day(now + TimeDelta::days(9))
            .await
            .expect("a sum"),
        0
    );
}

#[tokio::test]
async fn a_key_that_expires_is_told_two_weeks_before() {
    let mut stage = Stage::new().await;
    let in_days = |stage: &Stage, days: i64| json!({ "expiredate": stage.clock.now_millis() / 1000 + days * 86_400 });
    stage.account(in_days(&stage, 15));
    assert_eq!(stage.after(0).await, [CREDIT]);
    let expires = stage
        .gauge("ramz_gateway_key_expires_seconds")
        .expect("known");
    let start = f64::from(u32::try_from(START / 1000).expect("this century"));
    assert!((expires - start - 15.0 * 86_400.0).abs() < 1.0);
    stage.account(in_days(&stage, 13));
    let lines = stage.after(6 * MINUTE).await;
    assert!(
        lines[0].starts_with("WARN the key of the gateway expires within two weeks"),
        "{lines:?}"
    );
    assert_eq!(stage.after(6 * MINUTE).await, [""; 0]);
    stage.account(in_days(&stage, 1));
    let lines = stage.after(6 * MINUTE).await;
    assert!(
        lines[0].starts_with("ERROR the key of the gateway expires within two days"),
        "{lines:?}"
    );
    // The gateway names no end any more.
    stage.account(json!({ "expiredate": 0 }));
    let lines = stage.after(6 * MINUTE).await;
    assert_eq!(
        lines,
        ["INFO the key of the gateway is good for a while again"]
    );
    assert_eq!(stage.gauge("ramz_gateway_key_expires_seconds"), None);
}

#[test]
fn a_clock_that_was_set_back_does_not_stop_the_looks() {
    let mut due = Due::default();
    assert!(due.at(START));
    due.again(START, Duration::from_mins(5));
    assert!(!due.at(START + 4 * MINUTE));
    assert!(due.at(START + 5 * MINUTE));
    assert!(due.at(START - 60 * MINUTE));
}

#[tokio::test]
async fn what_was_seen_of_the_credit_is_kept_for_staff() {
    let mut stage = Stage::new().await;
    stage.after(0).await;
    let seen = async |stage: &Stage| {
        let since = stage.clock.now() - TimeDelta::days(1);
        let looks = stage
            .records
            .credit_looks(&shared::records::Route::KAVENEGAR, since, 10);
        looks.await.expect("an answer")
    };
    let first = seen(&stage).await;
    assert_eq!(first.len(), 1, "{first:?}");
    assert_eq!(first[0].looked_at, stage.clock.now());
    stage.account(json!({ "credit": 4_321 }));
    stage.after(400_000).await;
    let second = seen(&stage).await;
    assert_eq!(second.len(), 2, "{second:?}");
    assert_eq!(second[0].credit_rials, 4_321);
}
