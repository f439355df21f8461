//! The gateway goes away under a steady stream of requests and comes back.

use std::time::Duration;

use harness::Relay;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::report::Calls;
use super::{Order, RunReport, Setup, Struck, Trouble, add_workers, judge_settled, start, traffic};
use crate::{Client, Production};

/// The stream runs for so long before the outage and after it.
const BEFORE: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(10);

/// How the gateway is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutageKind {
    /// Nothing listens: connections are refused, those that are open are cut.
    Refused,
    /// A proxy in front of it answers 502 with a page.
    BadGateway,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutagePlan {
    /// How the gateway is away.
    pub kind: OutageKind,
    /// For how long.
    pub lasts: Duration,
    /// Requests a second, in an open loop.
    pub per_second: u32,
}

/// Carries the plan out. Times are measured from the end of the outage.
pub async fn run_outage(plan: &OutagePlan, setup: &Setup) -> Result<RunReport, Trouble> {
    let mut production = start(setup).await;
    let mut relay = Relay::start(production.simulator.address()).await;
    production.gateway_url = format!("http://{}", relay.address());
    add_workers(&mut production).await;

    let (stop, stopped) = watch::channel(false);
    let seconds = (BEFORE + plan.lasts + AFTER).as_secs() + 1;
    let most = usize::try_from(seconds * u64::from(plan.per_second))?;
    let client = production.client();
    let clients = tokio::spawn(traffic::open_loop(client, plan.per_second, most, stopped));
    tokio::time::sleep(BEFORE).await;

    let begun = Struck::now();
    go_away(plan.kind, &production, &mut relay).await;
    let mut calls = count_calls(&production, plan.lasts).await?;
    come_back(plan.kind, &production, &mut relay).await;
    let ended = Struck::now();
    tokio::time::sleep(AFTER).await;
    stop.send_replace(true);
    let requests = clients.await?;

    let earlier = |request: &&traffic::Request| request.begun < begun.instant;
    let before_the_outage = requests.iter().filter(earlier).count();
    let fault = match plan.kind {
        OutageKind::Refused => format!("gateway refuses for {} s", plan.lasts.as_secs()),
        OutageKind::BadGateway => format!("gateway answers 502 for {} s", plan.lasts.as_secs()),
    };
    let (mut report, evidence) = judge_settled(
        production,
        fault,
        before_the_outage,
        &requests,
        &ended,
        setup,
    )
    .await?;
    let meanwhile = evidence.accepted_between(begun.wall, ended.wall);
    calls.per_accepted = share(calls.during_outage, meanwhile);
    report.calls = Some(calls);
    report.order = Some(Order::of(&evidence.acceptances_by_departure()));
    Ok(report)
}

async fn go_away(kind: OutageKind, production: &Production, relay: &mut Relay) {
    match kind {
        OutageKind::Refused => relay.close().await,
        OutageKind::BadGateway => {
            let fault = json!({ "kind": "html_error", "status": 502 });
            production
                .simulator
                .set_faults(json!([{ "fault": fault }]))
                .await;
        }
    }
}

async fn come_back(kind: OutageKind, production: &Production, relay: &mut Relay) {
    match kind {
        OutageKind::Refused => relay.open().await,
        OutageKind::BadGateway => production.simulator.set_faults(json!([])).await,
    }
}

/// Counts for as long as the outage lasts, once a second.
async fn count_calls(production: &Production, lasts: Duration) -> Result<Calls, Trouble> {
    let first = calls_so_far(production).await?;
    let mut last = first;
    let mut most_in_a_second = 0;
    let second = Duration::from_secs(1);
    let end = Instant::now() + lasts;
    let mut ticks = interval_at(Instant::now() + second, second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() + second / 2 < end {
        ticks.tick().await;
        let now = calls_so_far(production).await?;
        most_in_a_second = most_in_a_second.max(now - last);
        last = now;
    }
    Ok(Calls {
        during_outage: last - first,
        most_in_a_second,
        per_accepted: 0.0,
    })
}

/// What the workers themselves have counted: a call that is refused leaves no trace elsewhere.
async fn calls_so_far(production: &Production) -> Result<u64, Trouble> {
    let mut calls = 0;
    for url in &production.worker_metrics {
        let text = Client::new(url).get("").await.text().await?;
        calls += sum_of("ramz_gateway_requests_total", &text);
    }
    Ok(calls)
}

/// The sum of a counter over all its labels, from the text that Prometheus reads.
fn sum_of(name: &str, text: &str) -> u64 {
    let series = text.lines().filter_map(|line| line.strip_prefix(name));
    series
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter_map(|rest| rest.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of one run are far below 2^52"
)]
fn share(part: u64, of: usize) -> f64 {
    part as f64 / (of.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_summed_over_its_labels_and_not_over_its_namesakes() {
        let text = "# HELP calls_total Calls.\ncalls_total{status=\"200\"} 7\n\
                    calls_total{status=\"none\"} 3\ncalls_total_seconds 40\ncalls_total 1\n";
        assert_eq!(sum_of("calls_total", text), 11);
    }
}
