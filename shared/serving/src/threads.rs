//! The threads that do the work of a process.

use std::future::Future;
use std::io;

use tokio::runtime::Builder;

/// Runs this to its end on so many threads; what it blocks has others.
pub fn run_on<F: Future>(threads: usize, work: F) -> io::Result<F::Output> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(threads.max(1))
        .enable_all()
        .build()?;
    Ok(runtime.block_on(work))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread::current;

    use futures::future::join_all;

    use super::*;

    #[test]
    fn all_work_is_done_on_so_many_threads() {
        let work = async {
            let tasks = (0..100).map(|_| tokio::spawn(async { current().id() }));
            let threads = join_all(tasks).await.into_iter();
            threads.map(|thread| thread.expect("no panic")).collect()
        };
        let threads: HashSet<_> = run_on(1, work).expect("a runtime");
        assert_eq!(threads.len(), 1);
        assert!(!threads.contains(&current().id()));
    }
}
