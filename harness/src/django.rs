//! Password hashes made by Django itself.

use std::process::Command;

use crate::python;

/// Prints a hash of its first argument by each hasher that the others name.
const SCRIPT: &str = r#"
import sys
from django.conf import settings
hashers = ["PBKDF2PasswordHasher", "PBKDF2SHA1PasswordHasher", "Argon2PasswordHasher",
           "BCryptSHA256PasswordHasher", "ScryptPasswordHasher"]
settings.configure(PASSWORD_HASHERS=["django.contrib.auth.hashers." + name for name in hashers])
from django.contrib.auth.hashers import make_password
for hasher in sys.argv[2:]:
    print(make_password(sys.argv[1], hasher=hasher))
"#;

/// What Django's `make_password` stores of a password by each of these hashers, such as `argon2`.
///
/// # Panics
///
/// When Django cannot make one.
pub fn make_django_password(password: &str, hashers: &[&str]) -> Vec<String> {
    let output = Command::new(python())
        .args(["-c", SCRIPT, password])
        .args(hashers)
        .env("PYTHONUTF8", "1")
        .output()
        .unwrap_or_else(|error| panic!("Python does not start: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let hashes = String::from_utf8_lossy(&output.stdout);
    hashes.lines().map(str::to_owned).collect()
}
