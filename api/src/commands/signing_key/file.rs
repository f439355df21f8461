//! The file of the signing keys: read, and replaced as a whole.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::rotation::{Refusal, Rotation};

/// Only the owner may read a new file.
const PRIVATE: u32 = 0o600;

/// Why the file cannot be used or stays as it is. Holds no key material.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyFileError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path}: {refusal}")]
    Refused { path: PathBuf, refusal: Refusal },
    #[error("{path} cannot be replaced, and is unchanged: {source}")]
    Replace { path: PathBuf, source: io::Error },
}

/// A file of keys. Other runs of the command wait until it is dropped.
pub(super) struct KeyFile {
    /// The file itself, behind symbolic links.
    path: PathBuf,
    folder: File,
    /// Owner, group and permissions; nothing for a file that is not there yet.
    metadata: Option<fs::Metadata>,
}

impl KeyFile {
    /// Opens and reads. A file that is not there has no keys.
    pub(super) fn open(path: &Path, now: DateTime<Utc>) -> Result<(Self, Rotation), KeyFileError> {
        let failed = |source| KeyFileError::File {
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
        let modified = metadata
            .as_ref()
            .and_then(|metadata| metadata.modified().ok())
            .map_or(now, DateTime::from);
        let file = Self {
            path: path.clone(),
            folder,
            metadata,
        };
        let rotation = Rotation::parse(&text, modified);
        let rotation = rotation.map_err(|refusal| file.refused(refusal))?;
        Ok((file, rotation))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn exists(&self) -> bool {
        self.metadata.is_some()
    }

    /// Whether others than its owner may read it.
    pub(super) fn is_open_to_others(&self) -> bool {
        let mode = self.metadata.as_ref().map_or(PRIVATE, fs::Metadata::mode);
        mode & 0o007 != 0
    }

    pub(super) fn refused(&self, refusal: Refusal) -> KeyFileError {
        KeyFileError::Refused {
            path: self.path.clone(),
            refusal,
        }
    }

    /// Replaces the whole file, or leaves it as it was; the owner and the permissions stay.
    pub(super) fn replace(&self, rotation: &Rotation) -> Result<(), KeyFileError> {
        let unfinished = unfinished(&self.path);
        let written = self.write(&unfinished, &rotation.render());
        written.map_err(|source| {
            // The new keys must not lie about; that they cannot be removed would be no news.
            let _ = fs::remove_file(&unfinished);
            let path = self.path.clone();
            KeyFileError::Replace { path, source }
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

#[cfg(test)]
mod tests {
    use domain::random::Random;

    use super::*;

    fn changed(path: &Path) -> Result<(), KeyFileError> {
        let now = DateTime::UNIX_EPOCH;
        let (file, mut rotation) = KeyFile::open(path, now)?;
        let added = rotation.add(&Random::operating_system(), now);
        added.map_err(|refusal| file.refused(refusal))?;
        file.replace(&rotation)
    }

    fn keys(path: &Path) -> usize {
        let opened = KeyFile::open(path, DateTime::UNIX_EPOCH);
        opened.expect("readable").1.keys().len()
    }

    #[test]
    fn a_new_file_is_private_and_an_old_one_keeps_its_permissions_and_its_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("keys.pem"), folder.path().join("link"));
        changed(&path).expect("made");
        let mode = || fs::metadata(&path).expect("a file").mode() & 0o7777;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("set");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        fs::write(folder.path().join("keys.pem.unfinished"), "half").expect("written");
        changed(&link).expect("changed");
        assert_eq!((mode(), keys(&path)), (0o640, 2));
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).expect("a list").count(), 2);
    }

    #[test]
    fn runs_at_once_lose_no_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = &folder.path().join("keys.pem");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| changed(path).expect("added"));
            }
        });
        assert_eq!(keys(path), 8);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = changed(folder.path()).expect_err("a folder is no file");
        let path = fs::canonicalize(folder.path()).expect("a path");
        assert!(error.to_string().contains(&path.display().to_string()));
        let path = folder.path().join("keys.pem");
        fs::write(&path, "nothing").expect("written");
        assert!(changed(&path).is_err());
        assert_eq!(fs::read_to_string(&path).expect("read"), "nothing");
    }
}
