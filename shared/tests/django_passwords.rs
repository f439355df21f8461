//! Hashes that a Django project brings along, made by Django itself.

use std::process::Command;

use shared::password::{Password, PasswordHash, Passwords};
use shared::random::Random;

/// Prints one hash of its first argument for each of the other arguments, which name hashers.
const SCRIPT: &str = r#"
import sys
from django.conf import settings
hashers = ["PBKDF2PasswordHasher", "Argon2PasswordHasher", "BCryptSHA256PasswordHasher"]
settings.configure(PASSWORD_HASHERS=["django.contrib.auth.hashers." + name for name in hashers])
from django.contrib.auth.hashers import make_password
for hasher in sys.argv[2:]:
    print(make_password(sys.argv[1], hasher=hasher))
"#;

const HASHERS: [&str; 3] = ["pbkdf2_sha256", "argon2", "bcrypt_sha256"];

fn make_password(password: &str) -> Vec<String> {
    let output = Command::new(harness::python())
        .args(["-c", SCRIPT, password])
        .args(HASHERS)
        .env("PYTHONUTF8", "1")
        .output()
        .expect("Python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let hashes = String::from_utf8(output.stdout).expect("text");
    hashes.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_hash_made_by_django_verifies() {
    let passwords = Passwords::new(&Random::operating_system());
    // The last is longer than the 72 bytes that bcrypt alone would look at.
    let long = format!("{}tail", "long ".repeat(20));
    for typed in ["correct horse battery", "رمز ۱۲۳ é", &long] {
        let made = make_password(typed);
        assert_eq!(made.len(), HASHERS.len());
        let right = Password::parse(typed).expect("a password");
        let wrong = Password::parse(&typed[..typed.len() - 2]);
        let wrong = wrong.expect("a password");
        for (stored, hasher) in made.iter().zip(HASHERS) {
            assert!(stored.starts_with(hasher), "{stored}");
            let hash = PasswordHash::from_stored(stored).expect("a known format");
            assert!(hash.needs_upgrade());
            assert_eq!(passwords.verify(&right, Some(&hash)).await, Ok(true));
            assert_eq!(passwords.verify(&wrong, Some(&hash)).await, Ok(false));
        }
    }
}
