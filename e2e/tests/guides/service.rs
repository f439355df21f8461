//! Ramz in one process, with the inbox of its simulator.

use e2e::{Client, PATIENCE, SignedIn};
use harness::{Process, eventually, free_port, wait_for_http};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Service {
    _process: Process,
    _data: TempDir,
    inbox: Client,
    metrics: Client,
    client: Client,
}

impl Service {
    /// Starts it with these settings beside what keeps tests out of each other's way.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let [listen, inbox, metrics] =
            std::array::from_fn(|_| format!("127.0.0.1:{}", free_port()));
        let url = format!("http://{listen}");
        let process = Process::ramz("standalone")
            .env("DATA_DIR", data.path())
            .env("LISTEN", listen)
            .env("PUBLIC_URL", &url)
            .env("METRICS_LISTEN", &metrics)
            .env("SIMULATOR_LISTEN", &inbox)
            .env("KAVENEGAR_RATE", "10000")
            .envs(settings.iter().copied())
            .start();
        wait_for_http(&format!("{url}/readyz"), PATIENCE).await;
        Self {
            _process: process,
            _data: data,
            inbox: Client::new(format!("http://{inbox}")),
            metrics: Client::new(format!("http://{metrics}")),
            client: Client::new(url),
        }
    }

    /// Where it listens; `PUBLIC_URL` too unless the settings say otherwise.
    pub(crate) fn url(&self) -> &str {
        self.client.url()
    }

    /// Signs a number in.
    pub(crate) async fn sign_in(&self, phone: &str) -> SignedIn {
        let asked = self.client.ask(phone).await.expect("accepted");
        let code = self.code(phone).await;
        let signed_in = self.client.verify(&asked.session_id, &code).await;
        signed_in.expect("signed in")
    }

    /// The newest code of a number, once it is there.
    pub(crate) async fn code(&self, phone: &str) -> String {
        let path = format!("/_sim/messages?receptor={phone}");
        eventually(PATIENCE, async || {
            let messages: Value = self.inbox.get(&path).await.json().await.expect("JSON");
            messages[0]["code"].as_str().map(str::to_owned)
        })
        .await
    }

    /// How many messages have reached a number.
    pub(crate) async fn messages(&self, phone: &str) -> usize {
        let path = format!("/_sim/messages?receptor={phone}");
        let messages: Value = self.inbox.get(&path).await.json().await.expect("JSON");
        messages.as_array().expect("a list").len()
    }

    /// The published keys.
    pub(crate) async fn jwks(&self) -> Value {
        let answer = self.client.get("/.well-known/jwks.json").await;
        answer.json().await.expect("JSON")
    }

    /// How many requests of this route were answered, with any status.
    pub(crate) async fn requests_of(&self, route: &str) -> u64 {
        let text = self.metrics.get("/metrics").await.text().await;
        let label = format!("route=\"{route}\"");
        text.expect("metrics")
            .lines()
            .filter(|line| line.starts_with("http_requests_total{") && line.contains(&label))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
            .sum()
    }
}

/// A code that is not this one.
pub(crate) fn another_code(code: &str) -> String {
    let (head, last) = code.split_at(code.len() - 1);
    let other = if last == "0" { "1" } else { "0" };
    format!("{head}{other}")
}
