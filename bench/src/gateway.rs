//! The gateway's stand-in, and what its journal tells.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use harness::{Process, free_port, wait_for_http};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Failure;
use crate::installation::{PATIENCE, Programs};
use crate::statistics::rate_in_the_middle;

/// More than any run spends.
const CREDIT_RIALS: i64 = 1_000_000_000_000;

/// When nothing more is expected.
const QUIET: Duration = Duration::from_secs(3);
const SILENCE: Duration = Duration::from_secs(30);
/// In percent.
const NEARLY: usize = 98;
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A simulator process with a journal.
pub(crate) struct GatewayProcess {
    _process: Process,
    url: String,
    journal: PathBuf,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

/// A call that sent a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    /// When it was decided, in Unix milliseconds.
    pub(crate) at: i64,
    method: String,
    status: Option<i32>,
    #[serde(default)]
    pub(crate) receptors: Vec<String>,
    #[serde(default)]
    messageids: Vec<i64>,
}

/// A place in the journal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(u64);

impl GatewayProcess {
    pub(crate) async fn start(programs: &Programs) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let journal = folder.path().join("journal.jsonl");
        let address = format!("127.0.0.1:{}", free_port());
        let process = programs
            .ramz("simulator")
            .args(["--listen", &address, "--journal"])
            .arg(&journal)
            .start();
        let url = format!("http://{address}");
        wait_for_http(&format!("{url}/_sim/stats"), PATIENCE).await;
        let gateway = Self {
            _process: process,
            url,
            journal,
            http: http_client()?,
            _folder: folder,
        };
        gateway
            .change_account(&json!({ "credit": CREDIT_RIALS }))
            .await?;
        Ok(gateway)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Changes the account, such as how long it takes for a call.
    pub(crate) async fn change_account(&self, change: &Value) -> Result<(), Failure> {
        change_account(&self.http, &self.url, change).await
    }

    /// Forgets the messages, so that no measurement is slowed down by those of another.
    pub(crate) async fn forget_messages(&self) -> Result<(), Failure> {
        let url = format!("{}/_sim/messages", self.url);
        self.http.delete(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// The end of the journal.
    pub(crate) fn mark(&self) -> Result<Mark, Failure> {
        Ok(Mark(std::fs::metadata(&self.journal)?.len()))
    }

    /// Calls since then that sent a message, and where the next begin.
    fn sent_since(&self, mark: Mark) -> Result<(Vec<Sent>, Mark), Failure> {
        let mut file = File::open(&self.journal)?;
        file.seek(SeekFrom::Start(mark.0))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // The last line may be under way.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut sent = Vec::new();
        for line in text[..whole].lines() {
            let call: Sent = serde_json::from_str(line)?;
            let sends = matches!(call.method.as_str(), "verify/lookup" | "sms/send");
            if sends && call.status == Some(200) && !call.messageids.is_empty() {
                sent.push(call);
            }
        }
        Ok((sent, Mark(mark.0 + u64::try_from(whole)?)))
    }

    /// Waits until so many messages were sent since then, or nearly so many and no more come: on a
    /// busy machine a call may end in a way that sends nothing. Only what is new is read each time,
    /// to leave the cores to what is measured.
    pub(crate) async fn wait_for(&self, messages: u64, mark: Mark) -> Result<Vec<Sent>, Failure> {
        let messages = usize::try_from(messages)?;
        let (mut sent, mut mark) = (Vec::new(), mark);
        let mut last_news = Instant::now();
        while sent.len() < messages {
            if last_news.elapsed() >= QUIET && sent.len() * 100 >= messages * NEARLY {
                break;
            }
            if last_news.elapsed() >= SILENCE {
                let (sent, seconds) = (sent.len(), SILENCE.as_secs());
                return Err(
                    format!("{sent} of {messages} were sent, no more in {seconds} s").into(),
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let (more, next) = self.sent_since(mark)?;
            if !more.is_empty() {
                last_news = Instant::now();
            }
            sent.extend(more);
            mark = next;
        }
        Ok(sent)
    }

    /// The same, as messages a second.
    pub(crate) async fn rate_of(&self, messages: u64, mark: Mark) -> Result<f64, Failure> {
        let sent = self.wait_for(messages, mark).await?;
        let moments = sent.into_iter().map(|call| call.at).collect();
        rate_in_the_middle(moments).ok_or_else(|| "too few messages for a rate".into())
    }
}

/// Changes the account of the simulator at `url`.
pub(crate) async fn change_account(
    http: &reqwest::Client,
    url: &str,
    change: &Value,
) -> Result<(), Failure> {
    let answer = http.put(format!("{url}/_sim/account")).json(change).send();
    answer.await?.error_for_status()?;
    Ok(())
}

/// A client without proxies.
pub(crate) fn http_client() -> Result<reqwest::Client, Failure> {
    let client = reqwest::Client::builder().no_proxy();
    Ok(client.timeout(Duration::from_secs(30)).build()?)
}
