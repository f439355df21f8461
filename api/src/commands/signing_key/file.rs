//! The file of the signing keys.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::super::whole_file::{WholeFile, WholeFileError};
use super::rotation::{Rotation, RotationError};

/// Why the file cannot be used or stays as it is. Holds no key material.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyFileError {
    #[error(transparent)]
    File(#[from] WholeFileError),
    #[error("{path}: {refusal}")]
    Refused {
        path: PathBuf,
        refusal: RotationError,
    },
}

/// A file of keys. Other runs of the command wait until it is dropped.
pub(super) struct KeyFile(WholeFile);

impl KeyFile {
    /// Opens and reads. A file that is not there has no keys.
    pub(super) fn open(path: &Path, now: DateTime<Utc>) -> Result<(Self, Rotation), KeyFileError> {
        let (file, text) = WholeFile::open(path)?;
        let modified = file
            .metadata()
            .and_then(|metadata| metadata.modified().ok())
            .map_or(now, DateTime::from);
        let file = Self(file);
        let rotation = Rotation::parse(&text, modified);
        let rotation = rotation.map_err(|refusal| file.refused(refusal))?;
        Ok((file, rotation))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn exists(&self) -> bool {
        self.0.metadata().is_some()
    }

    /// Whether others than its owner may read it.
    pub(super) fn is_open_to_others(&self) -> bool {
        self.0.is_open_to_others()
    }

    pub(super) fn refused(&self, refusal: RotationError) -> KeyFileError {
        KeyFileError::Refused {
            path: self.path().to_owned(),
            refusal,
        }
    }

    /// Replaces the whole file, or leaves it as it was; the owner and the permissions stay.
    pub(super) fn replace(&self, rotation: &Rotation) -> Result<(), KeyFileError> {
        Ok(self.0.replace(&rotation.render())?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

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
