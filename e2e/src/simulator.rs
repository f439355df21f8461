//! A simulator process and its journal.

use std::path::PathBuf;
use std::time::Duration;

use harness::{Process, free_port, wait_for_http, whole_lines};
use serde::Deserialize;
use serde_json::{Value, json};

/// The simulator, where Kavenegar itself would stand.
pub struct SimulatorProcess {
    /// The process.
    pub process: Process,
    url: String,
    journal: PathBuf,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

/// One call of the gateway, as the journal tells it.
#[derive(Debug, Deserialize)]
pub struct JournalLine {
    /// When the call was decided, in Unix milliseconds.
    pub at: i64,
    /// Scope and method, such as `verify/lookup`.
    pub method: String,
    /// The numbers that it was for.
    #[serde(default)]
    pub receptors: Vec<String>,
    /// `return.status`; none where a fault kept the call from a verdict.
    pub status: Option<i32>,
    /// The messages that it made.
    #[serde(default)]
    pub messageids: Vec<i64>,
}

impl SimulatorProcess {
    /// Starts it on a free port, with a journal.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let journal = folder.path().join("journal.jsonl");
        let address = format!("127.0.0.1:{}", free_port());
        let process = Process::ramz("simulator")
            .args(["--listen", &address, "--journal"])
            .arg(&journal)
            .start();
        let url = format!("http://{address}");
        wait_for_http(&format!("{url}/_sim/stats"), super::PATIENCE).await;
        Self {
            process,
            url,
            journal,
            http: reqwest_client(),
            _folder: folder,
        }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Its address, for `KAVENEGAR_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The calls so far.
    pub fn journal(&self) -> Vec<JournalLine> {
        let text = std::fs::read_to_string(&self.journal).unwrap_or_default();
        whole_lines(&text)
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// The journal as it stands on the disk.
    pub fn journal_text(&self) -> String {
        std::fs::read_to_string(&self.journal).unwrap_or_default()
    }

    /// Calls that sent a message.
    pub fn sends(&self) -> Vec<JournalLine> {
        let mut lines = self.journal();
        lines.retain(|line| {
            line.status == Some(200)
                && matches!(line.method.as_str(), "verify/lookup" | "sms/send")
                && !line.messageids.is_empty()
        });
        lines
    }

    /// The codes that have reached this number, newest first.
    pub async fn codes(&self, receptor: &str) -> Vec<String> {
        let url = format!("{}/_sim/messages?receptor={receptor}&limit=100", self.url);
        let messages: Vec<Value> = self
            .http
            .get(url)
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        messages
            .iter()
            .filter_map(|message| message["code"].as_str().map(str::to_owned))
            .collect()
    }

    /// The newest code of this number, once it is there.
    pub async fn wait_for_code(&self, receptor: &str) -> String {
        harness::eventually(super::PATIENCE, async || {
            self.codes(receptor).await.into_iter().next()
        })
        .await
    }

    /// Replaces the faults.
    pub async fn set_faults(&self, rules: Value) {
        self.put("/_sim/faults", &json!({ "rules": rules })).await;
    }

    /// Changes the account, such as its credit.
    pub async fn change_account(&self, change: Value) {
        self.put("/_sim/account", &change).await;
    }

    async fn put(&self, path: &str, body: &Value) {
        let answer = self
            .http
            .put(format!("{}{path}", self.url))
            .json(body)
            .send()
            .await;
        let answer = answer.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }
}

/// A client for tests: no proxies, and an end to waiting.
pub(crate) fn reqwest_client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client")
}
