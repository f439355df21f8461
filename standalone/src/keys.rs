//! Keys that standalone makes for itself on its first start and keeps beside its database.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::otp::KeyRing;
use domain::random::Random;
use domain::tokens::{SigningKeys, SigningKeysError};
use secrecy::{ExposeSecret as _, SecretString};

const OTP_KEY_FILE: &str = "otp_key";
const JWT_KEY_FILE: &str = "jwt_private_key.pem";
/// In a file of its own, so that the release before, which knows no RSA, goes on with the other one.
const ID_TOKEN_KEY_FILE: &str = "id_token_rsa_key.pem";

/// Why a key file cannot be used. Holds no key material.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyFileError {
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("{path}: the cryptographic library makes no RSA key")]
    NotMade { path: PathBuf },
    #[error(
        "{path}: {problem}; restore the file from a backup, or remove it to make a new key \
         (codes and tokens of the old one are refused then)"
    )]
    Unreadable { path: PathBuf, problem: String },
}

/// The key of codes, made if there is none.
pub(crate) fn otp_keys(data_dir: &Path, random: &Random) -> Result<KeyRing, KeyFileError> {
    let path = data_dir.join(OTP_KEY_FILE);
    let text = read_or_make(&path, || {
        format!("k1:{}\n", STANDARD.encode(random.bytes::<32>())).into()
    })?;
    KeyRing::parse(text.expose_secret().trim()).map_err(|error| KeyFileError::Unreadable {
        path,
        problem: error.to_string(),
    })
}

/// The keys of access tokens and of ID tokens, made if there are none.
pub(crate) fn signing_keys(data_dir: &Path, random: &Random) -> Result<SigningKeys, KeyFileError> {
    let path = data_dir.join(JWT_KEY_FILE);
    let text = read_or_make(&path, || SigningKeys::generate_pem(random))?;
    let unreadable = |path, error: SigningKeysError| KeyFileError::Unreadable {
        path,
        problem: error.to_string(),
    };
    let keys = SigningKeys::from_pem(text.expose_secret());
    let keys = keys.map_err(|error| unreadable(path, error))?;
    if keys.has_rsa() {
        return Ok(keys);
    }
    let path = data_dir.join(ID_TOKEN_KEY_FILE);
    if !path.exists() {
        let made = SigningKeys::generate_rsa_pem();
        let made = made.map_err(|_| KeyFileError::NotMade { path: path.clone() })?;
        read_or_make(&path, || made)?;
    }
    let failed = |source| KeyFileError::File {
        path: path.clone(),
        source,
    };
    let text: SecretString = fs::read_to_string(&path).map_err(failed)?.into();
    keys.with_more(text.expose_secret())
        .map_err(|error| unreadable(path, error))
}

fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> SecretString,
) -> Result<SecretString, KeyFileError> {
    let failed = |source| KeyFileError::File {
        path: path.to_owned(),
        source,
    };
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = make();
            write_private(path, key.expose_secret()).map_err(failed)?;
            tracing::info!(file = %path.display(), "made a key; keep a copy of this file");
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Written under another name first, so that a crash leaves no half of a key; readable by its
/// owner only.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_made_once_kept_private_and_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, second) = (Random::seeded(1), Random::seeded(2));
        otp_keys(folder.path(), &first).expect("made");
        let made = signing_keys(folder.path(), &first).expect("made").jwks();
        let path = folder.path().join(OTP_KEY_FILE);
        let written = fs::read_to_string(&path).expect("a file");
        otp_keys(folder.path(), &second).expect("read");
        assert_eq!(fs::read_to_string(&path).expect("a file"), written);
        assert_eq!(
            signing_keys(folder.path(), &second).expect("read").jwks(),
            made
        );
        for file in [OTP_KEY_FILE, JWT_KEY_FILE, ID_TOKEN_KEY_FILE] {
            let mode = fs::metadata(folder.path().join(file))
                .expect("a file")
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_broken_key_file_is_named_and_never_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(OTP_KEY_FILE);
        fs::write(&path, "k1:c2hvcnQ=").expect("written");
        let error = otp_keys(folder.path(), &Random::seeded(1))
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("otp_key") && error.contains("shorter"),
            "{error}"
        );
        assert!(!error.contains("c2hvcnQ"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("a file"), "k1:c2hvcnQ=");
    }
}
