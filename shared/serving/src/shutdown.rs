//! The end in two stages: the first signal asks for an orderly end, the second ends at once.

use std::io;
use std::task::Poll;

use futures::stream::{self, Stream, StreamExt as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code of a process that was told twice to end: 128 + 2, as shells report SIGINT.
pub const SECOND_SIGNAL_EXIT_CODE: i32 = 130;

/// Cancels the returned token on the first SIGTERM or SIGINT, so that the process may finish what
/// it has begun. On the second one the process exits at once with [`SECOND_SIGNAL_EXIT_CODE`].
///
/// # Errors
/// When the operating system refuses to register the signals.
pub fn stop_on_signals() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    let signals = stream::poll_fn(move |context| {
        if terminate.poll_recv(context).is_ready() {
            Poll::Ready(Some("SIGTERM"))
        } else {
            interrupt.poll_recv(context).map(|_| Some("SIGINT"))
        }
    });
    tokio::spawn(async move {
        two_stages(signals, &token, |code| std::process::exit(code)).await;
    });
    Ok(stop)
}

async fn two_stages(
    mut signals: impl Stream<Item = &'static str> + Unpin,
    stop: &CancellationToken,
    exit: impl FnOnce(i32),
) {
    let Some(signal) = signals.next().await else {
        return;
    };
    tracing::info!(
        signal,
        "stopping: running work is finished first; signal again to stop at once"
    );
    stop.cancel();
    let Some(signal) = signals.next().await else {
        return;
    };
    tracing::warn!(signal, "stopping at once");
    exit(SECOND_SIGNAL_EXIT_CODE);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, Ordering};

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn the_first_signal_asks_and_only_the_second_ends_at_once() {
        let (send, mut received) = mpsc::channel(2);
        let signals = stream::poll_fn(move |context| received.poll_recv(context));
        let stop = CancellationToken::new();
        let exited_with = AtomicI32::new(0);
        let stages = two_stages(signals, &stop, |code| {
            exited_with.store(code, Ordering::SeqCst);
        });
        let signalling = async {
            assert!(!stop.is_cancelled());
            send.send("SIGTERM").await.expect("received");
            stop.cancelled().await;
            assert_eq!(exited_with.load(Ordering::SeqCst), 0);
            send.send("SIGTERM").await.expect("received");
        };
        tokio::join!(stages, signalling);
        assert_eq!(exited_with.load(Ordering::SeqCst), 130);
    }
}
