//! The clients of a fault run: each asks for a code once, for a number of its own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::challenge::{ChallengeId, SessionId};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Client;

/// A connection of the closed loop that got no 202 waits before the next request, as people do.
/// Without it a dead API would use up all requests within milliseconds.
const PAUSE: Duration = Duration::from_millis(200);
/// The open loop drops requests beyond so many that wait for their answer.
const MOST_AT_ONCE: usize = 4_096;

/// The number of a request, in E.164 form. Each request has its own.
pub(super) fn phone_of(request: usize) -> String {
    format!("+98912{request:07}")
}

/// A request for a code, as its client saw it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which one, from 0.
    pub number: usize,
    /// When it was made.
    pub begun: Instant,
    /// When it was answered or given up.
    pub ended: Instant,
    /// The answer.
    pub answer: Answer,
}

/// What a client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A 202, with the challenge that its session id stands for if the body came whole.
    Accepted(Option<ChallengeId>),
    /// Another status, with the code of the error, such as `503 unavailable`.
    Refused(String),
    /// The connection failed.
    Nothing,
}

impl Request {
    /// Whether a 202 came.
    pub fn is_accepted(&self) -> bool {
        matches!(self.answer, Answer::Accepted(_))
    }
}

/// How many requests were refused for which reason.
pub(super) fn refusals(requests: &[Request]) -> BTreeMap<String, u64> {
    let mut refusals = BTreeMap::new();
    for request in requests {
        if let Answer::Refused(reason) = &request.answer {
            *refusals.entry(reason.clone()).or_default() += 1;
        }
    }
    refusals
}

/// Asks for the numbers `requests` over so many connections, each with one request at a time.
/// `done` counts the requests that have ended.
pub(super) async fn closed_loop(
    client: Client,
    requests: std::ops::Range<usize>,
    connections: usize,
    done: watch::Sender<usize>,
) -> Vec<Request> {
    let next = Arc::new(AtomicUsize::new(requests.start));
    let done = Arc::new(done);
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (client, next, done) = (client.clone(), Arc::clone(&next), Arc::clone(&done));
        tasks.spawn(async move {
            let mut asked = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests.end {
                    return asked;
                }
                let request = ask(&client, number).await;
                let accepted = request.is_accepted();
                asked.push(request);
                done.send_modify(|done| *done += 1);
                if !accepted {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// Makes `per_second` requests a second, whatever becomes of them, until it has been told to stop
/// or has made `most`.
pub(super) async fn open_loop(
    client: Client,
    per_second: u32,
    most: usize,
    mut stop: watch::Receiver<bool>,
) -> Vec<Request> {
    let mut ticks = interval(Duration::from_secs(1) / per_second.max(1));
    // Late ticks are made up for: the rate is that of people, not that of this machine.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tasks = JoinSet::new();
    let mut asked = Vec::new();
    for number in 0..most {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        while let Some(request) = tasks.try_join_next() {
            asked.extend(request);
        }
        if tasks.len() < MOST_AT_ONCE {
            let client = client.clone();
            tasks.spawn(async move { ask(&client, number).await });
        }
    }
    asked.extend(tasks.join_all().await);
    asked
}

async fn ask(client: &Client, number: usize) -> Request {
    let begun = Instant::now();
    let body = json!({ "phone_number": phone_of(number) });
    let answer = match client.try_post("/api/v1/usr/otp", &body).await {
        Err(_) => Answer::Nothing,
        Ok(response) => {
            let status = response.status();
            let body: Option<Value> = response.json().await.ok();
            answer(status, body.as_ref())
        }
    };
    Request {
        number,
        begun,
        ended: Instant::now(),
        answer,
    }
}

fn answer(status: StatusCode, body: Option<&Value>) -> Answer {
    let field = |name: &str| body.and_then(|body| body[name].as_str());
    if status == StatusCode::ACCEPTED {
        let session = field("session_id").and_then(|id| id.parse::<SessionId>().ok());
        return Answer::Accepted(session.map(SessionId::challenge_id));
    }
    let code = field("code").unwrap_or("without a code");
    Answer::Refused(format!("{} {code}", status.as_u16()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_202_is_accepted_even_if_its_body_was_cut() {
        assert_eq!(answer(StatusCode::ACCEPTED, None), Answer::Accepted(None));
        let body = json!({ "session_id": "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11" });
        assert!(matches!(
            answer(StatusCode::ACCEPTED, Some(&body)),
            Answer::Accepted(Some(_))
        ));
    }

    #[test]
    fn refusals_are_told_apart_by_status_and_code() {
        let body = json!({ "code": "unavailable" });
        let refused = answer(StatusCode::SERVICE_UNAVAILABLE, Some(&body));
        assert_eq!(refused, Answer::Refused("503 unavailable".to_owned()));
        let ok = answer(StatusCode::OK, None);
        assert_eq!(ok, Answer::Refused("200 without a code".to_owned()));
    }
}
