//! Waiting for something to become true, by looking again and again.

use std::{
    future::Future,
    panic::Location,
    time::{Duration, Instant},
};

const PAUSE: Duration = Duration::from_millis(20);

/// Calls `probe` until it gives a value, and returns that value.
///
/// `timeout` is real time, also under a paused Tokio clock. It only bounds a failing test, so be
/// generous: a passing one never waits for it.
///
/// # Panics
///
/// When there is no value after `timeout`; the message names the caller's line.
#[track_caller]
pub fn eventually<T>(
    timeout: Duration,
    probe: impl AsyncFnMut() -> Option<T>,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        poll(timeout, probe)
            .await
            .unwrap_or_else(|| panic!("{caller}: not within {} s", timeout.as_secs_f32()))
    }
}

/// Waits until a GET of `url` is answered with a success status.
///
/// # Panics
///
/// When there is no such answer after `timeout`; the message has the last answer or error.
#[track_caller]
pub fn wait_for_http(url: &str, timeout: Duration) -> impl Future<Output = ()> {
    let caller = Location::caller();
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(2))
        .build()
        .unwrap_or_else(|error| panic!("cannot build an HTTP client: {error}"));
    async move {
        let mut last = String::from("nothing");
        let ready = poll(timeout, async || {
            match client.get(url).send().await {
                Ok(response) if response.status().is_success() => return Some(()),
                Ok(response) => last = response.status().to_string(),
                Err(error) => last = error.to_string(),
            }
            None
        })
        .await;
        let seconds = timeout.as_secs_f32();
        assert!(
            ready.is_some(),
            "{caller}: {url} is not there after {seconds} s, only: {last}"
        );
    }
}

/// The value of `probe`, or `None` after `timeout`.
pub(crate) async fn poll<T>(
    timeout: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = probe().await {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn eventually_returns_the_first_value() {
        let mut calls = 0;
        let value = eventually(Duration::from_secs(30), || {
            calls += 1;
            let calls = calls;
            async move { (calls == 3).then_some(calls) }
        })
        .await;
        assert_eq!(value, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "wait.rs")]
    async fn eventually_names_the_line_that_waited_in_vain() {
        eventually(Duration::ZERO, || async { None::<()> }).await;
    }

    #[tokio::test]
    async fn wait_for_http_needs_a_success_status() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/livez", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            for status in ["503 Service Unavailable", "200 OK"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });

        wait_for_http(&url, Duration::from_secs(30)).await;

        server.await.unwrap();
    }

    #[tokio::test]
    #[should_panic(expected = "is not there after 0 s")]
    async fn wait_for_http_gives_up() {
        let url = format!("http://127.0.0.1:{}/", crate::free_port());
        wait_for_http(&url, Duration::ZERO).await;
    }
}
