//! A disk of a few megabytes, to be filled.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::scratch;

const BALLAST: &str = "ballast";
const BLOCK: usize = 4096;

/// A file system of its own in memory, gone with the value.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many megabytes; `None`, and a word why, where this process may not mount.
    pub fn mount(megabytes: u32) -> Option<Self> {
        let folder = scratch::directory();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "tmpfs"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self { folder });
        }
        eprintln!("skipped: only root can mount a small disk, and only where mounting is allowed");
        None
    }

    /// The root of the file system.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills it until so many kilobytes are free; what was filled before stays.
    ///
    /// # Panics
    ///
    /// When it cannot be written to.
    pub fn fill_but(&self, kilobytes: u64) {
        let Ok(mut ballast) = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
        else {
            panic!("cannot write to {}", self.path().display());
        };
        while self.free() > kilobytes * 1024 {
            if ballast.write_all(&[1; BLOCK]).is_err() {
                break;
            }
        }
    }

    /// Gives back what [`Self::fill_but`] took.
    pub fn empty(&self) {
        // One that was never filled has nothing to give back.
        let _ = fs::remove_file(self.ballast());
    }

    fn free(&self) -> u64 {
        rustix::fs::statvfs(self.path()).map_or(0, |space| space.f_bavail * space.f_frsize)
    }

    fn ballast(&self) -> PathBuf {
        self.path().join(BALLAST)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Files may still be open; the file system goes when the last is closed.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.folder.path())
            .status();
    }
}
