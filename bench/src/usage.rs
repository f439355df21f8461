//! What a process has used, as the kernel counts it (proc(5)).

use std::collections::HashMap;
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

/// The time of processors that these processes and all their children have used, those that have ended
/// included: servers that work in processes of their own (PostgreSQL, gunicorn).
pub(crate) fn processor_time_of_trees(roots: &[u32]) -> Result<Duration, Failure> {
    let mut all = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // One may have ended meanwhile.
        if let Some(family) = read(pid, "stat").ok().as_deref().and_then(family) {
            all.insert(pid, family);
        }
    }
    let ticks: u64 = all
        .iter()
        .filter(|(pid, _)| descends(&all, **pid, roots))
        .map(|(_, family)| family.ticks)
        .sum();
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_millis(ticks * 1_000 / per_second))
}

/// A process among others.
struct Family {
    parent: u32,
    /// User and system time, with that of children who have ended.
    ticks: u64,
}

fn descends(all: &HashMap<u32, Family>, pid: u32, roots: &[u32]) -> bool {
    let mut ancestors = std::iter::successors(Some(pid), |pid| Some(all.get(pid)?.parent));
    ancestors.any(|ancestor| roots.contains(&ancestor))
}

fn family(stat: &str) -> Option<Family> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let times = fields.get(11..15)?;
    let times: Option<Vec<u64>> = times.iter().map(|time| time.parse().ok()).collect();
    Some(Family {
        parent: fields.get(1)?.parse().ok()?,
        ticks: times?.iter().sum(),
    })
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
    fn children_count_with_their_parents() {
        let stat = "9 (a) b) S 7 7 7 0 -1 4194560 1 2 3 4 250 30 5 6 20 0 4 0 100";
        let child = family(stat).expect("a process");
        assert_eq!((child.parent, child.ticks), (7, 291));
        let parent = Family {
            parent: 1,
            ticks: 5,
        };
        let all = HashMap::from([(9, child), (7, parent)]);
        assert!(descends(&all, 9, &[7]) && descends(&all, 7, &[7]));
        assert!(!descends(&all, 7, &[9]));
        let itself = processor_time_of_trees(&[std::process::id()]).expect("a tree");
        assert!(itself >= processor_time(std::process::id()).expect("a process") / 2);
    }

    #[test]
    fn this_very_process_has_memory() {
        let memory = peak_memory(std::process::id()).expect("this process");
        assert!(memory > 100_000, "{memory}");
        assert!(processor_time(std::process::id()).is_ok());
    }
}
