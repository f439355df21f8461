//! What a process has used, as the kernel counts it (proc(5)).

use std::time::Duration;

use crate::Failure;

/// The most memory that this process ever had resident, in bytes.
pub(crate) fn peak_memory(pid: u32) -> Result<u64, Failure> {
    let status = read(pid, "status")?;
    memory_field(&status, "VmHWM").ok_or_else(|| format!("process {pid} has no VmHWM").into())
}

/// The time of processors that this process has used.
pub(crate) fn processor_time(pid: u32) -> Result<Duration, Failure> {
    let stat = read(pid, "stat")?;
    let ticks = ticks(&stat).ok_or_else(|| format!("process {pid} has no times"))?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_millis(ticks * 1_000 / per_second))
}

fn read(pid: u32, file: &str) -> Result<String, Failure> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}").into())
}

/// A field of `status` in bytes; the kernel writes kilobytes.
fn memory_field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes = line.trim_start_matches(':').trim().strip_suffix("kB")?;
    Some(kilobytes.trim().parse::<u64>().ok()? * 1_024)
}

/// User and system time of `stat`, in ticks. The name of the program before them may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let status = "Name:\tapi\nVmPeak:\t  900 kB\nVmHWM:\t   12 kB\nVmRSS:\t    9 kB\n";
        assert_eq!(memory_field(status, "VmHWM"), Some(12 * 1_024));
        assert_eq!(memory_field(status, "VmSwap"), None);
    }

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 1 2 3 4 250 30 5 6 20 0 4 0 100";
        assert_eq!(ticks(stat), Some(280));
    }

    #[test]
    fn this_very_process_has_memory() {
        let memory = peak_memory(std::process::id()).expect("this process");
        assert!(memory > 100_000, "{memory}");
        assert!(processor_time(std::process::id()).is_ok());
    }
}
