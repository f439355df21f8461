//! Processes started by the harness, here played by the shell.

use std::{fs, os::unix::process::ExitStatusExt as _, time::Duration};

use harness::{Process, ProcessCommand, python};

/// Bounds a failing test only.
const LONG: Duration = Duration::from_mins(1);

fn shell(script: &str) -> ProcessCommand {
    Process::program("/bin/sh").arg("-c").arg(script)
}

#[tokio::test]
async fn the_log_has_both_outputs() {
    let mut process = shell("echo to stdout; echo to stderr >&2").start();
    let status = process.wait(LONG).await;

    assert!(status.success());
    assert!(process.log().contains("to stdout\n"), "{}", process.log());
    assert!(process.log().contains("to stderr\n"), "{}", process.log());
    assert!(!process.is_running());
}

#[tokio::test]
async fn the_environment_is_only_what_was_given() {
    let mut process = Process::program("/usr/bin/env")
        .env("RAMZ_GIVEN", "yes")
        .start();
    process.wait(LONG).await;

    let log = process.log();
    let mut names: Vec<&str> = log
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    names.sort_unstable();
    names.retain(|name| *name != "HOME");
    assert_eq!(names, ["PATH", "RAMZ_GIVEN"]);
    assert!(log.contains("RAMZ_GIVEN=yes\n"), "{log}");
}

#[tokio::test]
async fn a_terminated_process_may_finish_its_work() {
    let script = "trap 'echo finished; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut process = shell(script).start();
    process.wait_for_log("ready", LONG).await;
    assert!(process.is_running());

    process.terminate();
    let status = process.wait(LONG).await;

    assert_eq!(status.code(), Some(3));
    assert!(process.log().contains("finished"), "{}", process.log());
}

#[tokio::test]
async fn a_killed_process_may_not() {
    let script = "trap 'echo finished' TERM EXIT; echo ready; while :; do sleep 0.05; done";
    let mut process = shell(script).start();
    process.wait_for_log("ready", LONG).await;

    process.kill();

    assert_eq!(process.wait(LONG).await.signal(), Some(9));
    assert!(!process.log().contains("finished"), "{}", process.log());
}

#[tokio::test]
async fn a_command_starts_again_after_a_kill() {
    let command = shell("echo ready; exec sleep 600");
    let mut first = command.start();
    first.wait_for_log("ready", LONG).await;
    first.kill();

    let mut second = command.start();
    second.wait_for_log("ready", LONG).await;

    assert_ne!(first.directory(), second.directory());
    assert!(second.is_running());
}

#[tokio::test]
async fn a_dropped_process_is_gone() {
    let process = shell("exec sleep 600").start();
    let path = format!("/proc/{}", process.pid());
    assert!(fs::exists(&path).unwrap());

    drop(process);

    assert!(!fs::exists(&path).unwrap());
}

#[tokio::test]
#[should_panic(expected = "ended (exit status: 7) before \"ready\" in its log")]
async fn waiting_for_a_log_line_ends_with_the_process() {
    shell("exit 7").start().wait_for_log("ready", LONG).await;
}

#[tokio::test]
#[should_panic(expected = "still runs after 0 s")]
async fn waiting_for_the_end_gives_up() {
    shell("exec sleep 600").start().wait(Duration::ZERO).await;
}

#[test]
#[should_panic(expected = "run cargo build --workspace --bins first")]
fn a_missing_binary_says_how_to_build_it() {
    let _ = Process::ramz("no-such-binary");
}

#[tokio::test]
async fn the_python_of_the_tests_can_check_tokens() {
    let mut process = Process::program(python())
        .args(["-c", "import jwt, cryptography"])
        .start();
    let status = process.wait(LONG).await;

    assert!(status.success(), "{}", process.log());
}
