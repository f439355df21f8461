//! Hashes that a Django project brings along, made by Django itself.

use domain::password::{Password, PasswordHash, Passwords};
use domain::random::Random;
use harness::make_django_password;

const HASHERS: [&str; 5] = [
    "pbkdf2_sha256",
    "pbkdf2_sha1",
    "argon2",
    "bcrypt_sha256",
    "scrypt",
];

#[tokio::test]
async fn a_hash_made_by_django_verifies() {
    let passwords = Passwords::new(&Random::operating_system());
    // The last is longer than the 72 bytes that bcrypt alone would look at.
    let long = format!("{}tail", "long ".repeat(20));
    for typed in ["correct horse battery", "رمز ۱۲۳ é", &long] {
        let made = make_django_password(typed, &HASHERS);
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
