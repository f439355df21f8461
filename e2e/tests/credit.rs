//! The credit of the gateway runs out under load and is recharged; nobody touches anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use e2e::{ErrorAnswer, Exposition, PATIENCE, Production, Prometheus};
use futures::StreamExt as _;
use harness::eventually;
use serde_json::{Value, json};
use sqlx::PgPool;

/// One address asks for all of them here.
const NO_ADDRESS_LIMITS: [(&str, &str); 2] = [
    ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
    ("LIMIT_GROUP_PER_MINUTE", "off"),
];
const TARIFF: i64 = 2_280;
/// Messages that are paid for at first.
const PAID: i64 = 40;
const AT_ONCE: usize = 16;
/// Messages that are asked for after the recharge.
const AFTERWARDS: usize = 100;
/// The longest time between two probes of the account, and the grace after it; see
/// `shared::hot_state::gate`.
const LONGEST_RETRY_AFTER: u64 = 60 + 10;

/// Numbers of phones, each once.
#[derive(Default)]
struct Phones(AtomicU32);

impl Phones {
    fn next(&self) -> String {
        format!("0912{:07}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Asks for codes of one number after the other until a request is refused. The numbers that were
/// accepted, and the refusals.
async fn ask_until_refused(
    production: &Production,
    phones: &Arc<Phones>,
) -> (Vec<String>, Vec<ErrorAnswer>) {
    let client = production.client();
    let clients = (0..AT_ONCE).map(|_| {
        let (client, phones) = (client.clone(), Arc::clone(phones));
        async move {
            let mut accepted = Vec::new();
            loop {
                let phone = phones.next();
                match client.ask(&phone).await {
                    Ok(asked) => {
                        assert!(asked.sent);
                        accepted.push(phone);
                    }
                    Err(problem) => return (accepted, problem),
                }
            }
        }
    });
    let ended: Vec<_> = futures::stream::iter(clients)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let (accepted, problems): (Vec<_>, Vec<_>) = ended.into_iter().unzip();
    (accepted.concat(), problems)
}

async fn metrics(production: &Production) -> Vec<Exposition> {
    let mut all = Vec::new();
    for url in &production.worker_metrics {
        all.push(Exposition::fetch(url).await.expect("a worker answers"));
    }
    all
}

/// Waits until every worker shows this.
async fn every_worker_shows(production: &Production, name: &str, value: f64) {
    eventually(PATIENCE, async || {
        let shown = metrics(production).await;
        shown
            .iter()
            .all(|one| {
                one.value(name, &[])
                    .is_some_and(|shown| (shown - value).abs() < f64::EPSILON)
            })
            .then_some(())
    })
    .await;
}

fn sum(shown: &[Exposition], name: &str, labels: &[(&str, &str)]) -> f64 {
    shown
        .iter()
        .map(|one| one.value(name, labels).expect("counted from the start"))
        .sum()
}

/// The lines of all workers of this level with this text.
fn lines(production: &Production, level: &str, text: &str) -> Vec<Value> {
    let logs = production.workers.iter().map(harness::Process::log);
    let lines: Vec<Value> = logs
        .flat_map(|log| {
            log.lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect::<Vec<Value>>()
        })
        .collect();
    let wanted = |line: &Value| {
        line["level"] == level && line["message"].as_str().is_some_and(|it| it.contains(text))
    };
    lines.into_iter().filter(wanted).collect()
}

fn is_true_refusal(problem: &ErrorAnswer) {
    assert_eq!(problem.status.as_u16(), 503, "{problem:?}");
    assert_eq!(problem.code, "gateway_unavailable");
    let retry_after = problem.retry_after.expect("a time");
    assert!(
        (1..=LONGEST_RETRY_AFTER).contains(&retry_after),
        "{problem:?}"
    );
}

/// How many messages went to each number.
fn sends(production: &Production) -> BTreeMap<String, u32> {
    let mut sends = BTreeMap::new();
    for receptor in production
        .simulator
        .sends()
        .into_iter()
        .flat_map(|line| line.receptors)
    {
        *sends.entry(receptor).or_default() += 1;
    }
    sends
}

/// The numbers whose message the ledger says to have come too late.
async fn expired(production: &Production) -> BTreeSet<String> {
    let pool = PgPool::connect(&production.database_url)
        .await
        .expect("a connection");
    let phones: Vec<String> = sqlx::query_scalar("SELECT phone FROM sends WHERE state = 'expired'")
        .fetch_all(&pool)
        .await
        .expect("rows");
    phones
        .iter()
        .map(|phone| phone.replacen("+98", "0", 1))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_10_credit_runs_out_under_load_and_a_recharge_heals_it() {
    let mut production = Production::start(2, &NO_ADDRESS_LIMITS).await;
    let phones = Arc::new(Phones::default());
    every_worker_shows(&production, "ramz_gateway_key_valid", 1.0).await;
    let prometheus = Prometheus::start(&production).await;
    prometheus.wait_for_targets().await;
    assert_eq!(prometheus.firing().await, [""; 0], "all is well");
    // Slow enough that requests are accepted whose messages the credit does not reach.
    production
        .simulator
        .change_account(json!({ "credit": PAID * TARIFF, "gateway_delay_ms": 300 }))
        .await;

    // It runs out.
    let (accepted, problems) = ask_until_refused(&production, &phones).await;
    for problem in &problems {
        is_true_refusal(problem);
    }
    let paid = usize::try_from(PAID).expect("a count");
    assert!(accepted.len() > paid, "{} were accepted", accepted.len());
    every_worker_shows(&production, "ramz_gateway_breaker_open", 1.0).await;
    let shown = metrics(&production).await;
    let no_credit = [("code", "418"), ("class", "account")];
    assert!(sum(&shown, "ramz_gateway_errors_total", &no_credit) >= 1.0);
    assert!(sum(&shown, "ramz_gateway_breaker_opened_total", &[]) >= 1.0);
    let refused = lines(&production, "ERROR", "the gateway refuses every message");
    assert!(!refused.is_empty(), "{:?}", production.logs());
    assert_eq!(refused[0]["code"], 418);
    assert_eq!(refused[0]["no_credit"], true);

    // It stays so: anyone who asks is refused, with a time at which a probe will have told more. The
    // log and the gauge of the worker that probes say what is left.
    eventually(PATIENCE, async || {
        let probes = lines(&production, "ERROR", "the account does not work yet");
        probes
            .iter()
            .any(|line| line["credit_rials"] == 0 && line["code"] == 418)
            .then_some(())
    })
    .await;
    let shown = metrics(&production).await;
    assert!(
        shown
            .iter()
            .any(|one| one.value("ramz_gateway_credit_rials", &[]) == Some(0.0)),
        "{shown:?}"
    );
    let client = production.client();
    for _ in 0..20 {
        let problem = client.ask(&phones.next()).await.expect_err("refused");
        is_true_refusal(&problem);
    }
    let called = production.simulator.journal();
    let refused_calls = called
        .iter()
        .filter(|call| call.status == Some(418))
        .count();
    // The calls that were under way when the first was refused, and no other.
    assert!(
        refused_calls <= accepted.len() - paid,
        "{refused_calls} calls for {} messages",
        accepted.len()
    );
    assert_eq!(sends(&production).len(), paid);

    // Somebody is woken.
    prometheus.wait_for_alert("RamzBreakerOpen", true).await;
    let told = client.ask(&phones.next()).await.expect_err("refused");
    let told = Duration::from_secs(told.retry_after.expect("a time"));
    let told_at = Instant::now();

    // Recharged; the rest happens by itself.
    production
        .simulator
        .change_account(json!({ "credit": 100_000_000, "gateway_delay_ms": 0 }))
        .await;
    every_worker_shows(&production, "ramz_gateway_breaker_open", 0.0).await;
    let healed_after = told_at.elapsed();
    let mut accepted: BTreeSet<String> = accepted.into_iter().collect();
    for _ in 0..AFTERWARDS {
        let phone = phones.next();
        client.ask(&phone).await.expect("accepted");
        accepted.insert(phone);
    }
    assert!(!lines(&production, "INFO", "the account works again").is_empty());
    // A client that came back at the time that was named found it healed; a slow machine may be later.
    println!("a recharge was seen after {healed_after:?}; the refusal before had said {told:?}");

    prometheus.wait_for_alert("RamzBreakerOpen", false).await;

    // Of all that was accepted nothing is lost and nothing doubled.
    eventually(PATIENCE, async || {
        let done = sends(&production).len() + expired(&production).await.len();
        (done >= accepted.len()).then_some(())
    })
    .await;
    production.stop().await;
    let (sends, expired) = (sends(&production), expired(&production).await);
    let doubled: Vec<_> = sends.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    let reached: BTreeSet<String> = sends.into_keys().collect();
    assert!(reached.is_disjoint(&expired), "sent and called expired");
    let ended: BTreeSet<String> = reached.union(&expired).cloned().collect();
    assert_eq!(
        ended, accepted,
        "lost, or sent without having been accepted"
    );
    println!(
        "{} accepted, {} sent, {} came too late",
        accepted.len(),
        reached.len(),
        expired.len()
    );
}
