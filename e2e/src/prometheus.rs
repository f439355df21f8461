//! A Prometheus with the rules of this repository.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use harness::{Process, eventually, free_port, wait_for_http};
use serde_json::Value;

use crate::{Client, PATIENCE, Production};

/// It looks at a production shape every second and judges its rules as often; how long an alert waits
/// (`for`) is as in the rules.
pub struct Prometheus {
    /// The process.
    pub process: Process,
    client: Client,
    _folder: tempfile::TempDir,
}

/// Starts one that keeps its configuration, which promtool checks, and its data in a folder; the
/// process and its URL.
pub async fn start_prometheus(folder: &Path, config: &str) -> (Process, String) {
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, config).expect("written");
    let checked = Command::new("promtool")
        .args(["check", "config"])
        .arg(&file)
        .output()
        .expect("promtool runs");
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let address = format!("127.0.0.1:{}", free_port());
    let process = Process::program("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.tsdb.path={}",
            folder.join("data").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .start();
    let url = format!("http://{address}");
    wait_for_http(&format!("{url}/-/ready"), PATIENCE).await;
    (process, url)
}

impl Prometheus {
    /// Starts it for API and workers. Its configuration is made here; the rules are those that are
    /// shipped.
    pub async fn start(production: &Production) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../prometheus/rules/*.yml");
        let targets = |urls: &[String]| {
            let addresses = urls.iter().map(|url| {
                let address = url.trim_start_matches("http://");
                format!("'{}'", address.trim_end_matches("/metrics"))
            });
            addresses.collect::<Vec<_>>().join(", ")
        };
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{rules}']\n\
             scrape_configs:\n\
             - {{job_name: ramz-api, static_configs: [{{targets: [{api}]}}]}}\n\
             - {{job_name: ramz-worker, static_configs: [{{targets: [{workers}]}}]}}\n",
            rules = rules.display(),
            api = targets(std::slice::from_ref(&production.api_metrics)),
            workers = targets(&production.worker_metrics),
        );
        let (process, url) = start_prometheus(folder.path(), &config).await;
        Self {
            process,
            client: Client::new(url),
            _folder: folder,
        }
    }

    /// The alerts that fire now.
    pub async fn firing(&self) -> Vec<String> {
        let answer = self.client.get("/api/v1/alerts").await;
        let answer: Value = answer.json().await.expect("JSON");
        let alerts = answer["data"]["alerts"].as_array().expect("a list");
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        let mut names: Vec<String> = firing
            .filter_map(|alert| alert["labels"]["alertname"].as_str().map(str::to_owned))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Waits until an alert fires, or has stopped doing so.
    pub async fn wait_for_alert(&self, name: &str, fires: bool) {
        eventually(PATIENCE + Duration::from_mins(1), async || {
            let firing = self.firing().await;
            (firing.iter().any(|alert| alert == name) == fires).then_some(())
        })
        .await;
    }

    /// Waits until it has seen all of its targets.
    pub async fn wait_for_targets(&self) {
        eventually(PATIENCE, async || {
            let answer = self.client.get("/api/v1/targets").await;
            let answer: Value = answer.json().await.ok()?;
            let targets = answer["data"]["activeTargets"].as_array()?;
            (!targets.is_empty() && targets.iter().all(|target| target["health"] == "up"))
                .then_some(())
        })
        .await;
    }
}
