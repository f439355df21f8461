//! The open loop: requests are due at fixed moments, whether the server keeps up or not, and the
//! latency of each is counted from the moment when it was due. So a stall of the server is charged
//! to every request that should have been made meanwhile, not to those alone that were under way.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::future::{join_all, try_join_all};
use tokio::sync::{Mutex, mpsc};

use super::connection::Connection;
use super::requests::Requests;
use super::{Answers, CONNECTIONS, on_own_thread};
use crate::Failure;

/// How long answers are waited for when the last request was due.
const PATIENCE: Duration = Duration::from_secs(10);
/// Everybody is ready when the first request is due.
const LEAD: Duration = Duration::from_millis(20);

/// The moment, counted from the first, when request `index` is due.
fn due(index: u64, per_second: f64) -> Duration {
    Duration::from_secs_f64(crate::statistics::number(index) / per_second)
}

/// Loads the server at `address` with so many requests a second for so long.
pub(crate) async fn open(
    address: SocketAddr,
    requests: Requests,
    per_second: f64,
    lasts: Duration,
) -> Result<Answers, Failure> {
    open_over(CONNECTIONS, address, requests, per_second, lasts).await
}

async fn open_over(
    connections: usize,
    address: SocketAddr,
    requests: Requests,
    per_second: f64,
    lasts: Duration,
) -> Result<Answers, Failure> {
    on_own_thread(move || async move {
        let connections = (0..connections).map(|_| Connection::open(address));
        let connections = try_join_all(connections).await?;
        let (sender, moments) = mpsc::unbounded_channel();
        let began = Instant::now() + LEAD;
        // Not a timer of the runtime, whose steps are a whole millisecond.
        let clock = std::thread::spawn(move || keep_time(&sender, began, per_second, lasts));
        let moments = Rc::new(Mutex::new(moments));
        let clients: Vec<_> = connections
            .into_iter()
            .map(|connection| {
                let client = client(
                    connection,
                    requests.clone(),
                    Rc::clone(&moments),
                    began + lasts,
                );
                tokio::task::spawn_local(client)
            })
            .collect();
        let mut all = Answers::default();
        for answers in join_all(clients).await {
            all.join(answers?);
        }
        all.elapsed = began.elapsed();
        let made = clock.join().map_err(|_| "the clock of the load panicked")?;
        let ended = all.count() as u64 + all.broken;
        all.unanswered = made.saturating_sub(ended);
        Ok(all)
    })
    .await
}

/// Tells each request when it is due, and says how many there were.
pub(crate) fn keep_time(
    sender: &mpsc::UnboundedSender<Instant>,
    began: Instant,
    per_second: f64,
    lasts: Duration,
) -> u64 {
    let mut index = 0;
    loop {
        let due = due(index, per_second);
        if due >= lasts {
            return index;
        }
        let moment = began + due;
        std::thread::sleep(moment.saturating_duration_since(Instant::now()));
        if sender.send(moment).is_err() {
            return index;
        }
        index += 1;
    }
}

async fn client(
    mut connection: Connection,
    requests: Requests,
    moments: Rc<Mutex<mpsc::UnboundedReceiver<Instant>>>,
    last_due: Instant,
) -> Answers {
    let mut answers = Answers::default();
    let give_up = tokio::time::Instant::from_std(last_due + PATIENCE);
    loop {
        let next = async { moments.lock().await.recv().await };
        let Ok(Some(due)) = tokio::time::timeout_at(give_up, next).await else {
            return answers;
        };
        let call = connection.call(requests.next());
        match tokio::time::timeout_at(give_up, call).await {
            Ok(Ok((status, _))) => answers.answered(status, due.elapsed()),
            Ok(Err(reason)) => answers.failed(reason),
            Err(_) => return answers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::requests::tests::{answer_all, listen};

    #[test]
    fn requests_are_due_at_even_distances() {
        assert_eq!(due(0, 250.0), Duration::ZERO);
        assert_eq!(due(1, 250.0), Duration::from_millis(4));
        assert_eq!(due(1_000, 250.0), Duration::from_secs(4));
    }

    #[test]
    fn as_many_requests_are_due_as_the_rate_says() {
        let (sender, mut moments) = mpsc::unbounded_channel();
        let began = Instant::now();
        let made = keep_time(&sender, began, 1_000.0, Duration::from_millis(50));
        assert_eq!(made, 50);
        assert_eq!(moments.len(), 50);
        assert_eq!(moments.try_recv(), Ok(began));
        assert_eq!(moments.try_recv(), Ok(began + Duration::from_millis(1)));
    }

    /// The server stalls once. Had the clients waited with it, one request would have been slow.
    #[tokio::test]
    async fn a_stall_is_charged_to_all_requests_that_were_due_meanwhile() {
        const STALL: Duration = Duration::from_millis(300);
        let (listener, address) = listen().await;
        let stall_once = |request| if request == 0 { STALL } else { Duration::ZERO };
        let server = tokio::spawn(answer_all(listener, stall_once));
        let requests = Requests::for_codes(address);
        let load = open_over(1, address, requests, 100.0, Duration::from_millis(400));
        let answers = load.await.expect("answers").all(202).expect("all accepted");
        assert_eq!(answers.count(), 40);
        // Those due in its first 200 ms have at least 100 ms to wait.
        let slow = Duration::from_millis(100);
        let charged = answers.latencies.iter().filter(|it| **it >= slow).count();
        assert!(charged >= 20, "only {charged} were charged");
        server.abort();
    }
}
