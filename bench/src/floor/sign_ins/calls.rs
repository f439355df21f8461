//! The loop that takes jobs and makes the gateway calls.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::Job;
use super::servers::JOBS;
use crate::Failure;

/// As many calls at once as a worker makes (`WORKER_CONCURRENCY`).
const AT_ONCE: usize = 256;
/// Jobs that are taken together.
const TAKEN: u32 = 64;

/// Takes jobs until the process is ended.
pub(super) async fn take_jobs(redis: &str, gateway: &str) -> Result<(), Failure> {
    let client = redis::Client::open(redis)?;
    // It waits for jobs longer than for any other answer.
    let config =
        redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_mins(1)));
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    let caller = Caller::new(gateway)?;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    println!("taking jobs");
    loop {
        let mut take = redis::cmd("BLMPOP");
        take.arg(5)
            .arg(1)
            .arg(JOBS)
            .arg("RIGHT")
            .arg("COUNT")
            .arg(TAKEN);
        let taken: Option<(String, Vec<String>)> = take.query_async(&mut connection).await?;
        for job in taken.map(|(_, jobs)| jobs).unwrap_or_default() {
            let job: Job = serde_json::from_str(&job)?;
            let place = Arc::clone(&room).acquire_owned().await?;
            let caller = caller.clone();
            tokio::spawn(async move {
                if let Err(failure) = caller.call(&job).await {
                    eprintln!("bench: {failure}");
                }
                drop(place);
            });
        }
    }
}

/// A client of the gateway.
#[derive(Clone)]
pub(super) struct Caller {
    http: reqwest::Client,
    url: Arc<str>,
}

impl Caller {
    pub(super) fn new(gateway: &str) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .http1_only()
            .no_proxy()
            .tls_certs_only([])
            .timeout(Duration::from_secs(6))
            .build()?;
        Ok(Self {
            http,
            url: format!("{gateway}/v1/AB12/verify/lookup.json").into(),
        })
    }

    pub(super) async fn call(&self, job: &Job) -> Result<(), Failure> {
        let receptor = job.phone.replacen("+98", "0", 1);
        let form = [
            ("receptor", receptor.as_str()),
            ("template", "ramz-otp"),
            ("token", &job.code),
            ("type", "sms"),
        ];
        let answer = self.http.post(&*self.url).form(&form).send().await?;
        answer.error_for_status()?.bytes().await?;
        Ok(())
    }
}
