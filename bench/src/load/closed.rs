//! The closed loop: every connection makes its next request when the last one is answered. It finds
//! the highest rate; its latencies say little, because a slow server is asked less often.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};

use super::connection::Connection;
use super::requests::Requests;
use super::{Answers, CONNECTIONS, on_own_thread};
use crate::Failure;

/// When a closed loop ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After this time.
    Elapsed(Duration),
    /// After so many requests.
    Count(u64),
}

/// Loads the server at `address` with 64 connections.
pub(crate) async fn closed(
    address: SocketAddr,
    requests: Requests,
    until: Until,
) -> Result<Answers, Failure> {
    closed_over(CONNECTIONS, address, requests, until).await
}

/// The same with as many connections as these.
pub(crate) async fn closed_over(
    connections: usize,
    address: SocketAddr,
    requests: Requests,
    until: Until,
) -> Result<Answers, Failure> {
    on_own_thread(move || async move {
        let connections = (0..connections).map(|_| Connection::open(address));
        let connections = try_join_all(connections).await?;
        let left = Rc::new(Cell::new(match until {
            Until::Elapsed(_) => u64::MAX,
            Until::Count(count) => count,
        }));
        let began = Instant::now();
        let clients = connections.into_iter().map(|connection| {
            let (requests, left) = (requests.clone(), Rc::clone(&left));
            tokio::task::spawn_local(client(connection, requests, left, began, until))
        });
        let mut all = Answers::default();
        for answers in join_all(clients).await {
            all.join(answers?);
        }
        all.elapsed = began.elapsed();
        Ok(all)
    })
    .await
}

async fn client(
    mut connection: Connection,
    requests: Requests,
    left: Rc<Cell<u64>>,
    began: Instant,
    until: Until,
) -> Answers {
    let mut answers = Answers::default();
    while left.get() > 0 {
        if matches!(until, Until::Elapsed(limit) if began.elapsed() >= limit) {
            break;
        }
        left.set(left.get() - 1);
        let request = requests.next();
        let asked = Instant::now();
        match connection.call(request).await {
            Ok((status, body)) => {
                answers.answered(status, asked.elapsed());
                if requests.keeps_bodies() && (200..300).contains(&status) {
                    answers.bodies.push(body);
                }
            }
            Err(reason) => answers.failed(reason),
        }
    }
    answers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::requests::tests::{answer_all, listen};

    #[tokio::test]
    async fn exactly_the_requests_that_were_ordered_are_made() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(answer_all(listener, |_| Duration::ZERO));
        let requests = Requests::for_codes(address).keeping_bodies();
        let answers = closed(address, requests, Until::Count(500)).await;
        let answers = answers.expect("answers").all(202).expect("all accepted");
        assert_eq!(answers.count(), 500);
        assert_eq!(answers.bodies.len(), 500);
        assert!(answers.rate() > 0.0);
        server.abort();
    }

    #[tokio::test]
    async fn another_answer_than_the_one_expected_is_told() {
        let (listener, address) = listen().await;
        let server = tokio::spawn(answer_all(listener, |_| Duration::ZERO));
        let answers = closed(address, Requests::for_codes(address), Until::Count(3)).await;
        let refused = answers.expect("answers").all(200).expect_err("a refusal");
        assert!(refused.to_string().contains("3 times 202"), "{refused}");
        server.abort();
    }
}
