//! Where figures come from: they belong to one machine, one build and one set of servers.

use std::process::Command;

use domain::clock::Clock;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// A machine and what runs on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Model of the processor.
    pub(crate) processor: String,
    /// Cores that this program may use.
    pub(crate) cores: usize,
    /// Mebibytes.
    pub(crate) memory_mib: u64,
    /// Release of the kernel.
    pub(crate) kernel: String,
    /// Version of Redis.
    pub(crate) redis: String,
    /// Version of PostgreSQL.
    pub(crate) postgres: String,
    /// Version of the compiler.
    pub(crate) rustc: String,
    /// The commit, and whether something was changed since.
    pub(crate) commit: String,
    /// How busy the machine was before the run: processes that wanted to run, over a minute.
    pub(crate) load_before: f64,
    /// Whether the binaries were optimised.
    pub(crate) optimised: bool,
    /// When, in UTC.
    pub(crate) date: String,
}

impl Machine {
    /// This one.
    pub(crate) fn describe() -> Result<Self, Failure> {
        let unknown = || "unknown".to_owned();
        let processors = read("/proc/cpuinfo");
        let memory = field(&read("/proc/meminfo"), "MemTotal").and_then(|text| {
            let kilobytes: u64 = text.trim_end_matches(" kB").parse().ok()?;
            Some(kilobytes / 1_024)
        });
        let load = read("/proc/loadavg");
        Ok(Self {
            processor: field(&processors, "model name").unwrap_or_else(unknown),
            cores: std::thread::available_parallelism()?.get(),
            memory_mib: memory.unwrap_or_default(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            redis: ask("redis-server", &["--version"])
                .and_then(|text| word_with(&text, "v=").map(str::to_owned))
                .unwrap_or_else(unknown),
            postgres: ask("psql", &["--version"])
                .and_then(|text| Some(text.split_whitespace().nth(2)?.to_owned()))
                .unwrap_or_else(unknown),
            rustc: ask("rustc", &["--version"]).unwrap_or_else(unknown),
            commit: commit().unwrap_or_else(unknown),
            load_before: first_number(&load).unwrap_or_default(),
            optimised: !cfg!(debug_assertions),
            date: Clock::system().now().format("%Y-%m-%d %H:%M").to_string(),
        })
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The value of the first line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn word_with<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.split_whitespace()
        .find_map(|word| word.strip_prefix(prefix))
}

fn first_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// The first line of what a program prints; nothing where it is not there.
fn ask(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next().unwrap_or_default().to_owned();
    output.status.success().then_some(line)
}

fn commit() -> Option<String> {
    let commit = ask("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changes = ask("git", &["status", "--porcelain", "--untracked-files=no"])?;
    let changed = if changes.is_empty() { "" } else { ", changed" };
    Some(format!("{commit}{changed}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_versions_are_found() {
        let processors = "processor\t: 0\nmodel name\t: A Processor @ 3 GHz\n";
        let model = field(processors, "model name");
        assert_eq!(model.as_deref(), Some("A Processor @ 3 GHz"));
        assert_eq!(field(processors, "model"), None);
        let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64";
        assert_eq!(word_with(redis, "v="), Some("7.0.15"));
        assert_eq!(first_number("0.25 0.10 0.05 1/200 77\n"), Some(0.25));
    }

    #[test]
    fn a_program_that_is_missing_is_no_failure() {
        assert_eq!(ask("a-program-that-nobody-has", &[]), None);
    }
}
