//! Nothing that a test started outlives it, even when the test has no chance to clean up.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use harness::eventually;

/// Bounds a failing test only.
const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn servers_and_processes_die_with_a_killed_test_process() {
    let test = std::env::current_exe().unwrap();
    let program = test
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples/hold_servers");
    let mut holder = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}: cargo test builds it", program.display()));
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let pids: Vec<u32> = line
        .split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect();
    assert_eq!(
        pids.len(),
        3,
        "Redis, PostgreSQL and a process, not {line:?}"
    );
    assert!(pids.iter().all(|pid| is_alive(*pid)), "{pids:?}");

    holder.kill().unwrap();
    holder.wait().unwrap();

    eventually(LONG, async || {
        (!pids.iter().any(|pid| is_alive(*pid))).then_some(())
    })
    .await;
}

/// A zombie is dead; where pid 1 collects nobody it stays one.
fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
