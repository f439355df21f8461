//! The one-process shape: requests a second while its worker sends, and the messages a second after
//! the last request, each commit synced to the disk as by default. The floor is a bare handler with
//! one transaction of two inserts, synced as well.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::{Process, free_port, wait_for_http};
use serde_json::json;
use tempfile::TempDir;

use super::{Measured, Setup};
use crate::Failure;
use crate::gateway::{change_account, http_client};
use crate::installation::PATIENCE;
use crate::load::{Answers, Requests, Until, closed};
use crate::results::Figure;
use crate::statistics::number;

const WARM_UP: Duration = Duration::from_secs(1);
const SENT: &str = "ramz_sms_total{outcome=\"accepted\"} ";
const CREDIT_RIALS: i64 = 1_000_000_000_000;

struct Standalone {
    _process: Process,
    address: SocketAddr,
    metrics: String,
    http: reqwest::Client,
    _data: TempDir,
}

pub(super) async fn measure(setup: &Setup<'_>) -> Result<Measured, Failure> {
    let (mut requests, mut floors) = (Vec::new(), Vec::new());
    let (mut meanwhile, mut after) = (Vec::new(), Vec::new());
    for round in setup.rounds() {
        setup.say_round(round, "standalone: starting it on a new file");
        let standalone = Standalone::start(setup).await?;
        let (answers, sent) = standalone.load(setup.arguments.duration()).await?;
        let drained = standalone.drain().await?;
        setup.say_round(
            round,
            format_args!(
                "standalone: {:.0} requests/s while {sent:.0} messages/s go out, then {:.0}",
                answers.rate(),
                drained.unwrap_or(f64::NAN)
            ),
        );
        requests.push(answers.rate());
        meanwhile.push(sent);
        after.extend(drained);
        drop(standalone);

        let floor = floor(setup).await?;
        setup.say_round(
            round,
            format_args!("bare handler on SQLite: {floor:.0} requests/s"),
        );
        floors.push(floor);
    }
    let mut figures = vec![
        Figure::beside(
            "standalone: accepted requests, its worker sending, each commit synced",
            "1/s",
            requests,
            floors,
        )?,
        Figure::absolute("standalone: messages sent meanwhile", "1/s", meanwhile)?,
    ];
    if !after.is_empty() {
        let what = "standalone: messages sent after the last request";
        figures.push(Figure::absolute(what, "1/s", after)?);
    }
    Ok(Measured {
        figures,
        ..Measured::default()
    })
}

impl Standalone {
    async fn start(setup: &Setup<'_>) -> Result<Self, Failure> {
        let data = data_folder()?;
        let listen = || format!("127.0.0.1:{}", free_port());
        let (address, inbox, metrics) = (listen(), listen(), listen());
        let process = setup
            .programs
            .ramz("standalone")
            .env("DATA_DIR", data.path())
            .env("LISTEN", &address)
            .env("PUBLIC_URL", format!("http://{address}"))
            .env("SIMULATOR_LISTEN", &inbox)
            .env("METRICS_LISTEN", &metrics)
            .env("TRUSTED_PROXIES", "127.0.0.1")
            .env("KAVENEGAR_RATE", "10000")
            .env("LOG_FORMAT", "json")
            .start();
        wait_for_http(&format!("http://{address}/readyz"), PATIENCE).await;
        let http = http_client()?;
        let credit = json!({ "credit": CREDIT_RIALS });
        change_account(&http, &format!("http://{inbox}"), &credit).await?;
        Ok(Self {
            _process: process,
            address: address.parse()?,
            metrics: format!("http://{metrics}/metrics"),
            http,
            _data: data,
        })
    }

    /// The answers, and the messages a second meanwhile.
    async fn load(&self, lasts: Duration) -> Result<(Answers, f64), Failure> {
        let requests = Requests::for_codes(self.address);
        let warm = Until::Elapsed(WARM_UP);
        closed(self.address, requests.clone(), warm)
            .await?
            .nearly_all(202)?;
        let (sent, began) = (self.sent().await?, Instant::now());
        let answers = closed(self.address, requests, Until::Elapsed(lasts)).await?;
        let sent = self.sent().await?.saturating_sub(sent);
        let rate = number(sent) / began.elapsed().as_secs_f64();
        Ok((answers.nearly_all(202)?, rate))
    }

    /// The messages a second of what is left, over at most ten seconds; nothing where the worker kept
    /// up.
    async fn drain(&self) -> Result<Option<f64>, Failure> {
        let (first, began) = (self.sent().await?, Instant::now());
        let mut last = (first, began);
        while began.elapsed() < Duration::from_secs(10) {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let sent = self.sent().await?;
            if sent == last.0 {
                break;
            }
            last = (sent, Instant::now());
        }
        let seconds = last.1.duration_since(began).as_secs_f64();
        Ok((seconds > 0.0).then(|| number(last.0 - first) / seconds))
    }

    async fn sent(&self) -> Result<u64, Failure> {
        let text = self.http.get(&self.metrics).send().await?.text().await?;
        let value = text.lines().find_map(|line| line.strip_prefix(SENT));
        Ok(value.ok_or("standalone counts no messages")?.parse()?)
    }
}

async fn floor(setup: &Setup<'_>) -> Result<f64, Failure> {
    let data = data_folder()?;
    let file = data.path().join("floor.sqlite");
    let file = file.to_str().ok_or("a path that is no text")?;
    let floor = setup.programs.start_floor(["--sqlite", file]).await?;
    let requests = Requests::for_codes(floor.address);
    let warm = Until::Elapsed(WARM_UP);
    closed(floor.address, requests.clone(), warm)
        .await?
        .nearly_all(202)?;
    let lasts = Until::Elapsed(setup.arguments.duration());
    let answers = closed(floor.address, requests, lasts)
        .await?
        .nearly_all(202)?;
    Ok(answers.rate())
}

/// Both files stand on the same disk. It has to be one that syncs: `TMPDIR` may lie in memory.
pub(super) fn data_folder() -> Result<TempDir, Failure> {
    Ok(tempfile::tempdir()?)
}
