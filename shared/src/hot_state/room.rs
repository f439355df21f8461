//! Whether hot state has room for new requests.
//!
//! A store that is full to the last byte takes nothing more, not even what would make room. So new
//! requests are refused while there is a reserve, and what was accepted before goes its way in it. How full
//! the store is, is looked at in the background ([`super::HotState::measure_room`]); a request only reads
//! the answer.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::sqlite_file::DiskSpace;

/// New requests are refused from this part of Redis' `maxmemory` on, and taken again below the other.
const MEMORY_FULL: f64 = 0.9;
const MEMORY_ROOM: f64 = 0.85;
/// New requests are refused where the disk has less than this, or less than a fifth of a small one, and
/// taken again at a quarter more. The log of the file alone grows by some megabytes before it is
/// written back.
const DISK_RESERVE: u64 = 64 * 1024 * 1024;
const DISK_PART: u64 = 5;

/// How full a store is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// The used part of what it may hold, from 0 to 1.
    pub used: f64,
    /// Whether it is into the reserve, surely or surely not; in between it stays what it was.
    full: Option<bool>,
}

impl Fill {
    /// By the answer of Redis to `INFO memory`; nothing where it has no limit, or does not tell.
    pub(super) fn of_memory(info: &str) -> Option<Self> {
        let field = |name: &str| -> Option<u64> {
            let mut lines = info.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            value.trim().parse().ok()
        };
        let limit = field("maxmemory").filter(|limit| *limit > 0)?;
        // Buffers of replicas and of the append-only file do not count when Redis refuses.
        let uncounted = field("mem_not_counted_for_evict").unwrap_or_default();
        let used = part(field("used_memory")?.saturating_sub(uncounted), limit);
        let full = match used {
            MEMORY_FULL.. => Some(true),
            MEMORY_ROOM.. => None,
            _ => Some(false),
        };
        Some(Self { used, full })
    }

    /// By what is left of a disk.
    pub(super) fn of_disk(space: DiskSpace) -> Self {
        let reserve = DISK_RESERVE.min(space.total / DISK_PART);
        let full = if space.free < reserve {
            Some(true)
        } else if space.free < reserve + reserve / 4 {
            None
        } else {
            Some(false)
        };
        let used = part(space.total.saturating_sub(space.free), space.total);
        Self { used, full }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a part needs no more than three digits"
)]
fn part(used: u64, of: u64) -> f64 {
    used as f64 / of.max(1) as f64
}

/// What was found when the store was last looked at; until then it has room.
#[derive(Debug, Default)]
pub(super) struct Room {
    full: AtomicBool,
}

impl Room {
    /// A store without a limit has room.
    pub(super) fn judge(&self, fill: Option<Fill>) {
        if let Some(full) = fill.map_or(Some(false), |fill| fill.full) {
            self.full.store(full, Ordering::Relaxed);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn memory(used: u64, limit: u64, uncounted: u64) -> Option<Fill> {
        Fill::of_memory(&format!(
            "# Memory\r\nused_memory:{used}\r\nused_memory_human:1M\r\nmaxmemory:{limit}\r\n\
             maxmemory_human:1M\r\nmem_not_counted_for_evict:{uncounted}\r\n"
        ))
    }

    fn full(fills: impl IntoIterator<Item = Option<Fill>>) -> Vec<bool> {
        let room = Room::default();
        fills
            .into_iter()
            .map(|fill| {
                room.judge(fill);
                room.is_full()
            })
            .collect()
    }

    #[test]
    fn memory_is_full_from_nine_tenths_until_there_is_some_room_again() {
        let fills = [0, 850, 899, 900, 1_200, 899, 851, 849, 899, 900];
        let found = full(fills.map(|used| memory(used, 1_000, 0)));
        let wanted = [
            false, false, false, true, true, true, true, false, false, true,
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn buffers_that_redis_does_not_count_are_not_counted() {
        assert_eq!(full([memory(950, 1_000, 100)]), [false]);
        assert_eq!(full([memory(950, 1_000, 50)]), [true]);
    }

    #[test]
    fn without_a_limit_there_is_room() {
        assert_eq!(memory(1 << 40, 0, 0), None);
        assert_eq!(full([memory(950, 1_000, 0), None]), [true, false]);
        for nothing in ["", "maxmemory:\r\n", "maxmemory:1000\r\nused_memory:x\r\n"] {
            assert_eq!(Fill::of_memory(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_disk_keeps_a_reserve() {
        let of = |total, free| Some(Fill::of_disk(DiskSpace { total, free }));
        let large = 1024 * 1024 * MIB;
        let found = full([
            of(large, 64 * MIB),
            of(large, 64 * MIB - 1),
            of(large, 79 * MIB),
            of(large, 80 * MIB),
            of(large, 79 * MIB),
        ]);
        assert_eq!(found, [false, true, true, false, false]);
        let small = full([of(20 * MIB, 4 * MIB), of(20 * MIB, 4 * MIB - 1)]);
        assert_eq!(small, [false, true]);
        assert_eq!(full([of(0, 0)]), [false], "a disk that tells no size");
    }
}
