//! The threads that do the work of a process.

use std::future::Future;
use std::io;

use tokio::runtime::Builder;

/// Runs this to its end on so many threads; what it blocks has others.
///
/// One thread is the one that calls: with nobody to share the work with, the scheduler of several costs a fifth of
/// a sign-in for nothing (docs/performance.md).
pub fn run_on<F: Future>(threads: usize, work: F) -> io::Result<F::Output> {
    let mut builder = match threads {
        0 | 1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    // With one it has no meaning.
    builder.worker_threads(threads.max(1));
    Ok(builder.enable_all().build()?.block_on(work))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread::current;

    use futures::future::join_all;

    use super::*;

    #[test]
    fn all_work_is_done_on_so_many_threads() {
        let work = async || {
            let tasks = (0..100).map(|_| tokio::spawn(async { current().id() }));
            let threads = join_all(tasks).await.into_iter();
            let threads: HashSet<_> = threads.map(|thread| thread.expect("no panic")).collect();
            threads
        };
        for one in [0, 1] {
            let threads = run_on(one, work()).expect("a runtime");
            assert_eq!(threads, HashSet::from([current().id()]));
        }
        let threads = run_on(2, work()).expect("a runtime");
        assert!(threads.len() <= 2);
        assert!(!threads.contains(&current().id()));
    }

    #[test]
    fn what_blocks_keeps_a_single_thread_from_nothing() {
        let work = async {
            let (ask, asked) = std::sync::mpsc::channel();
            let blocked = tokio::task::spawn_blocking(move || asked.recv().expect("asked"));
            ask.send(7).expect("somebody waits");
            blocked.await.expect("no panic")
        };
        assert_eq!(run_on(1, work).expect("a runtime"), 7);
    }
}
