//! A Prometheus of one test, with the rules of the project.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use domain::clock::Clock;
use e2e::{Production, Watching, start_alertmanager, start_machine_exporter, start_prometheus};
use harness::Process;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::boards::files::{list, output, project};

const DAY: i64 = 24 * 60 * 60;
/// What "usual" is compared with: the same hour of earlier days, which this test has to make up.
const YESTERDAY: [(&str, &str); 3] = [
    ("ramz:otp_conversion:ratio30m", "0.8"),
    ("ramz:otp_sent:increase1h", "120"),
    ("ramz:delivery:ratio30m{operator=\"mci\"}", "0.97"),
];

/// A running Prometheus that looks every second.
pub(crate) struct Prometheus {
    process: Process,
    _beside: [Watching; 2],
    folder: TempDir,
    url: String,
    http: reqwest::Client,
}

impl Prometheus {
    /// Starts it; it scrapes what [`watch`](Self::watch) is told.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        write_yesterday(path);
        let whom = path.join("alertmanager.yml");
        fs::write(
            &whom,
            json!({ "route": { "receiver": "team" },
            "receivers": [{ "name": "team" }] })
            .to_string(),
        )
        .expect("written");
        let beside = [
            start_alertmanager(&whom).await,
            start_machine_exporter().await,
        ];
        let mut jobs: Vec<Value> = ["ramz-api", "ramz-worker"]
            .map(|job| {
                let targets = path.join(format!("{job}.json"));
                json!({ "job_name": job, "file_sd_configs": [{ "files": [targets] }] })
            })
            .into();
        for (job, process) in ["alertmanager", "machine"].into_iter().zip(&beside) {
            let targets = json!([{ "targets": [process.address] }]);
            jobs.push(json!({ "job_name": job, "static_configs": targets }));
        }
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [project("prometheus/rules/*.yml")],
            "scrape_configs": jobs,
        });
        // JSON is YAML.
        let (process, url) = start_prometheus(path, &config.to_string()).await;
        Self {
            process,
            _beside: beside,
            folder,
            url,
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
        }
    }

    /// Scrapes the processes of this installation from now on.
    pub(crate) fn watch(&self, production: &Production) {
        let workers = production.worker_metrics.iter().map(String::as_str);
        self.targets("ramz-worker", workers);
        self.targets("ramz-api", [production.api_metrics.as_str()].into_iter());
    }

    fn targets<'a>(&self, job: &str, addresses: impl Iterator<Item = &'a str>) {
        let hosts: Vec<_> = addresses
            .map(|address| {
                address
                    .trim_start_matches("http://")
                    .trim_end_matches("/metrics")
            })
            .collect();
        // A rename, so that Prometheus never reads half a file.
        let file = self.folder.path().join(format!("{job}.json"));
        let new = file.with_extension("new");
        fs::write(&new, json!([{ "targets": hosts }]).to_string()).expect("written");
        fs::rename(new, file).expect("renamed");
    }

    /// How many series an expression has now, those without a number left out.
    ///
    /// # Panics
    /// When Prometheus does not take the expression.
    pub(crate) async fn series(&self, expression: &str) -> usize {
        let answer = self.get("/api/v1/query", &[("query", expression)]).await;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        list(&answer["data"]["result"])
            .iter()
            .filter(|series| series["value"][1] != "NaN")
            .count()
    }

    /// How many values a label has in the series of this selector.
    pub(crate) async fn label_values(&self, selector: &str, label: &str) -> usize {
        let path = format!("/api/v1/label/{label}/values");
        let answer = self.get(&path, &[("match[]", selector)]).await;
        assert_eq!(answer["status"], "success", "{selector} {label}: {answer}");
        list(&answer["data"]).len()
    }

    /// The rules that could not be evaluated, with the reason.
    pub(crate) async fn broken_rules(&self) -> Vec<String> {
        let answer = self.get("/api/v1/rules", &[]).await;
        list(&answer["data"]["groups"])
            .iter()
            .flat_map(|group| list(&group["rules"]))
            .filter(|rule| rule["health"] == "err")
            .map(|rule| format!("{}: {}", rule["name"], rule["lastError"]))
            .collect()
    }

    /// What it has printed.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let request = self.http.get(format!("{}{path}", self.url)).query(query);
        let answer = request.send().await.expect("an answer of Prometheus");
        answer.json().await.expect("JSON")
    }
}

/// An hour of yesterday, in blocks of the database.
fn write_yesterday(folder: &Path) {
    let now = Clock::system().now().timestamp();
    let mut text = String::new();
    for (series, value) in YESTERDAY {
        for minute in 0..75 {
            let at = now - DAY - 15 * 60 + minute * 60;
            writeln!(text, "{series} {value} {at}").expect("written");
        }
    }
    text.push_str("# EOF\n");
    let file = folder.join("yesterday.txt");
    fs::write(&file, text).expect("written");
    output(
        Command::new("promtool")
            .args(["tsdb", "create-blocks-from", "openmetrics"])
            .arg(file)
            .arg(folder.join("data")),
    );
}
