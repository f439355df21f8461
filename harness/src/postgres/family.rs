//! The postmaster together with the processes that it has forked.
//!
//! They are not in its process group (each starts its own session), so they are found by their
//! parent.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::child::{self, Child};

const GONE: Duration = Duration::from_mins(1);

/// Sends a signal to the postmaster and to all its processes.
pub(super) fn signal(postmaster: &mut Child, signal: Signal) {
    // Before its children when they are stopped: a stopped parent forks no new ones.
    postmaster.signal(signal);
    for process in children(postmaster) {
        child::send(process.pid, signal);
    }
}

/// Kills the postmaster and all its processes, and waits until they are gone.
pub(super) fn kill(postmaster: &mut Child) {
    assert!(
        kill_quietly(postmaster),
        "processes of PostgreSQL outlived SIGKILL"
    );
}

/// The same without a panic; whether all are gone.
pub(super) fn kill_quietly(postmaster: &mut Child) -> bool {
    // Stopped first: a process forked after the list was made would be missed.
    postmaster.signal(Signal::STOP);
    let children = children(postmaster);
    postmaster.kill();
    for process in &children {
        // The pid of one that has ended meanwhile may be somebody else's by now.
        if process.is_alive() {
            child::send(process.pid, Signal::KILL);
        }
    }
    let deadline = Instant::now() + GONE;
    while children.iter().any(Process::is_alive) {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// One process. The start time tells it from a later one with the same pid.
#[derive(PartialEq, Eq)]
struct Process {
    pid: u32,
    parent: u32,
    zombie: bool,
    started: u64,
}

impl Process {
    /// Reads `/proc/PID/stat`, see proc(5); `None` when there is no such process.
    fn read(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name, in brackets, may have spaces and brackets itself.
        let (_, rest) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        Some(Self {
            pid,
            zombie: matches!(*fields.first()?, "Z" | "X"),
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    /// A zombie counts as gone: nobody may ever collect it where pid 1 does not.
    fn is_alive(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started && !now.zombie)
    }
}

/// The living processes that the postmaster has forked; none when it has ended.
fn children(postmaster: &mut Child) -> Vec<Process> {
    if postmaster.exit_status().is_some() {
        // Its pid may be somebody else's by now.
        return Vec::new();
    }
    let parent = postmaster.pid();
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Process::read(entry.file_name().to_str()?.parse().ok()?))
        .filter(|process| process.parent == parent && !process.zombie)
        .collect()
}
