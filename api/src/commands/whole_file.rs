//! A file that commands change: read, and replaced as a whole or left as it was.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// Only the owner may read a new file.
const PRIVATE: u32 = 0o600;

/// Why the file cannot be used or stays as it is. Holds nothing of its contents.
#[derive(Debug, thiserror::Error)]
pub(super) enum WholeFileError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path} cannot be replaced, and is unchanged: {source}")]
    Replace { path: PathBuf, source: io::Error },
}

/// A file that is being changed. Other runs of the commands wait until it is dropped.
pub(super) struct WholeFile {
    /// The file itself, behind symbolic links.
    path: PathBuf,
    folder: File,
    /// Owner, group and permissions; nothing for a file that is not there yet.
    metadata: Option<fs::Metadata>,
}

impl WholeFile {
    /// Opens and reads. A file that is not there is empty.
    pub(super) fn open(path: &Path) -> Result<(Self, String), WholeFileError> {
        let failed = |source| WholeFileError::File {
            path: path.to_owned(),
            source,
        };
        let path = &match fs::canonicalize(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
            result => result.map_err(failed)?,
        };
        let folder = File::open(folder_of(path)).map_err(failed)?;
        folder.lock().map_err(failed)?;
        let (text, metadata) = match fs::read_to_string(path) {
            Ok(text) => (text, Some(fs::metadata(path).map_err(failed)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => (String::new(), None),
            Err(error) => return Err(failed(error)),
        };
        let file = Self {
            path: path.clone(),
            folder,
            metadata,
        };
        Ok((file, text))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the system says of it, if it is there.
    pub(super) fn metadata(&self) -> Option<&fs::Metadata> {
        self.metadata.as_ref()
    }

    /// Whether others than its owner and group may read it.
    pub(super) fn is_open_to_others(&self) -> bool {
        let mode = self.metadata.as_ref().map_or(PRIVATE, fs::Metadata::mode);
        mode & 0o007 != 0
    }

    /// Replaces the whole file, or leaves it as it was; the owner and the permissions stay.
    pub(super) fn replace(&self, text: &str) -> Result<(), WholeFileError> {
        let unfinished = unfinished(&self.path);
        self.write(&unfinished, text).map_err(|source| {
            // New secrets must not lie about; that they cannot be removed would be no news.
            let _ = fs::remove_file(&unfinished);
            let path = self.path.clone();
            WholeFileError::Replace { path, source }
        })
    }

    fn write(&self, unfinished: &Path, text: &str) -> io::Result<()> {
        // Left by a run that was killed; the folder is locked.
        match fs::remove_file(unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(unfinished)?;
        if let Some(old) = &self.metadata {
            let new = file.metadata()?;
            if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
                fchown(&file, Some(old.uid()), Some(old.gid()))?;
            }
            file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(unfinished, &self.path)?;
        self.folder.sync_all()
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".unfinished");
    path.with_file_name(name)
}
