//! The pages for people in a real browser, on both shapes. What people do stands in the scripts beside
//! this file, which drive Chromium over its `DevTools` pipe: `cases.mjs` runs them against
//! a service. `CASES` in the environment is a part of the names of those that run.

use std::path::Path;

use e2e::{PATIENCE, Production};
use harness::{Process, free_port, wait_for_http};

/// What every case may lean on: calls are possible, a code can soon be sent again, and many people come
/// from one address.
const SETTINGS: [(&str, &str); 7] = [
    ("KAVENEGAR_TEMPLATE", "ramz-otp"),
    ("OTP_RESEND_COOLDOWN", "2"),
    ("LIMIT_ADDRESS_PER_MINUTE", "100000"),
    ("LIMIT_GROUP_PER_MINUTE", "off"),
    ("LIMIT_FAILURES_ADDRESS", "1000/s"),
    ("LIMIT_FAILURES_GROUP", "off"),
    ("LIMIT_FAILURES_PHONE", "3"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_sign_in_by_the_pages_in_chromium_in_one_process() {
    in_one_process("core").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_sign_in_by_the_pages_in_chromium_in_production() {
    in_production("core").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: scripts/pages --check"]
async fn every_case_in_chromium_in_one_process() {
    in_one_process("all").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: scripts/pages --check"]
async fn every_case_in_chromium_in_production() {
    in_production("all").await;
}

async fn in_one_process(which: &str) {
    let data = tempfile::tempdir().expect("a folder");
    let [listen, inbox, metrics] = std::array::from_fn(|_| format!("127.0.0.1:{}", free_port()));
    let url = format!("http://{listen}");
    let _standalone = Process::ramz("standalone")
        .env("DATA_DIR", data.path())
        .env("LISTEN", &listen)
        .env("PUBLIC_URL", &url)
        .env("SIMULATOR_LISTEN", &inbox)
        .env("METRICS_LISTEN", &metrics)
        .env("KAVENEGAR_RATE", "10000")
        .envs(SETTINGS)
        .start();
    wait_for_http(&format!("{url}/readyz"), PATIENCE).await;
    run(which, &url, &format!("http://{inbox}")).await;
}

async fn in_production(which: &str) {
    // The template is set for this shape already.
    let production = Production::start(2, &SETTINGS[1..]).await;
    run(which, &production.url(), production.simulator.url()).await;
}

/// Runs the cases. Chromium ends with the script, whose pipe to it breaks.
async fn run(which: &str, url: &str, inbox: &str) {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages/cases.mjs");
    let mut node = Process::program("node")
        .arg(cases)
        .args([url, inbox, which])
        .args(std::env::var("CASES"))
        .start();
    let status = node.wait(PATIENCE * 30).await;
    let said = node.log();
    println!("{said}");
    assert!(status.success(), "{said}");
}
