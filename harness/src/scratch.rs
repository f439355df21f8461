//! Folders for the servers' files, removed at the end.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Once,
};

use tempfile::TempDir;

const PREFIX: &str = "ramz-test-";

/// A new empty folder, removed with the value. What a killed test process could not remove is
/// removed by the next ones, beside their tests: some hundred databases take long.
pub(crate) fn directory() -> TempDir {
    static SWEEP: Once = Once::new();
    SWEEP.call_once(|| {
        std::thread::spawn(|| sweep(&std::env::temp_dir()));
    });

    let prefix = format!("{PREFIX}{}-", std::process::id());
    tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir()
        .unwrap_or_else(|error| panic!("cannot make a temporary folder: {error}"))
}

/// A folder that all test processes of this user share.
pub(crate) fn shared_directory(purpose: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("ramz-{purpose}-{}", current_user()));
    fs::create_dir_all(&path)
        .unwrap_or_else(|error| panic!("cannot make {}: {error}", path.display()));
    path
}

/// The user id that this process runs under.
pub(crate) fn current_user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Removes the folders of test processes of this user that are gone.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'))
            .and_then(|(pid, _)| pid.parse::<u32>().ok());
        let Some(owner) = owner else { continue };
        let alive = Path::new("/proc").join(owner.to_string()).exists();
        // PostgreSQL's folders belong to its own user; only root makes those and may remove them.
        let ours = entry
            .metadata()
            .is_ok_and(|metadata| metadata.uid() == current_user() || current_user() == 0);
        if ours && !alive {
            // Another test process may be removing the same folder.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_processes_that_are_gone_are_swept() {
        let parent = directory();
        // Linux never gives out a pid this high.
        let gone = parent.path().join(format!("{PREFIX}4294967295-abc"));
        let alive = parent
            .path()
            .join(format!("{PREFIX}{}-abc", std::process::id()));
        let foreign = parent.path().join("something-else");
        for folder in [&gone, &alive, &foreign] {
            fs::create_dir(folder).unwrap();
        }

        sweep(parent.path());

        assert!(!gone.exists());
        assert!(alive.exists());
        assert!(foreign.exists());
    }
}
