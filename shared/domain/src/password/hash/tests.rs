use super::*;

const TYPED: &str = "correct horse battery";
const PERSIAN: &str = "سلام بر رمز ۱۲۳";

/// Made by Django 5.2.19 with `make_password(…, hasher=…)` and its default costs.
const MADE_BY_DJANGO: [(&str, &str); 12] = [
    (
        PERSIAN,
        "pbkdf2_sha256$1000000$Z6R8AfQcO17zVdmXIlO2sp$tiI+zYQDU4G4xg7/gtHdkOeGG6HAxnoxSQUr+tDtJaA=",
    ),
    (
        PERSIAN,
        "argon2$argon2id$v=19$m=102400,t=2,p=8$Q29rbzhZZGpOdWJDanU3ZDRoS3dMNw$q0urprMlMkIvUDEnyDyM3skKQ2QnYbM+iOQs6yD7IQA",
    ),
    (
        PERSIAN,
        "bcrypt_sha256$$2b$12$H92xI8r2UnnC2axy3AMNwOceS8UAErTdnbfK5pzzijplCDETPODa6",
    ),
    (
        TYPED,
        "argon2$argon2id$v=19$m=102400,t=2,p=8$N1Z6dXg3aU55c2tpcXJHVWtFVTdvOA$5UBEIpT14mMmIAt4atyet1qHASs38vySKKQT4i59UGE",
    ),
    (
        TYPED,
        "bcrypt_sha256$$2b$12$yShK.Y/CC6DKkZWUVLr/TeaQmEucwnjRVHuBUH2VIKubqh8Ss2Juu",
    ),
    (
        TYPED,
        "pbkdf2_sha1$1000000$7FKSvdDEihU18bQdWaKJlU$8jMiNAp8ksglg6uAZK7LTYe7QzU=",
    ),
    (
        PERSIAN,
        "pbkdf2_sha1$1000000$1Vgodbm32Rgw30UHZzHwms$rV9EKR+Hbbq2Dw4a2ho+8gSTOs0=",
    ),
    (
        TYPED,
        "scrypt$16384$18ARVwd2bawT26ARB4NiwN$8$5$ph68m04TbUNFQbL+Leq7kxzxqpiFVFcFzDCHjewMh4T42THmpYURDYb5IuTBk6pMyYPbx4ZiHFx7EgkFAxa4sg==",
    ),
    (
        PERSIAN,
        "scrypt$16384$5tiQSMa7O4PUtLV8vWivMB$8$5$JAscZr3FVhtfVz+BhfoChBHFSf3Mm+UC6IDeSe+a08cxoHMJoJbIrnkNeUu9+nXaPrpb49kmI5vsxo2Q8362rg==",
    ),
    // As releases before 5.1 wrote it.
    (
        TYPED,
        "scrypt$16384$salt$8$1$qcKKmOWyuv6DJM0uN0CoibMeONcnuRE50vyVtT0nVJ5zaiOWw5acWVFWUUhDTM7GC9z0ZbtqBL6P72WtMEssIw==",
    ),
    // A salt that is not ASCII, which Django allows.
    (
        TYPED,
        "pbkdf2_sha256$1000$saltéRamz$1O+K7p0bbVmGOzCiquSmAJ71rXzdy0mkN71NIExJJRY=",
    ),
    (
        TYPED,
        "scrypt$1024$saltéRamz$8$1$P+of510teYQZZh6bZ6+efRSwVLIdx9Zd5WLPS5wfRishZr9cZbRfmtobKtwxxdnfB2NYlw8AOVA6q+ncUEvYtQ==",
    ),
];

/// 64 bytes, as scrypt's hashes have.
const SCRYPT: &str =
    "qcKKmOWyuv6DJM0uN0CoibMeONcnuRE50vyVtT0nVJ5zaiOWw5acWVFWUUhDTM7GC9z0ZbtqBL6P72WtMEssIw==";

fn stored(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn typed(text: &str) -> Password {
    Password::parse(text).expect("a password")
}

/// Whether the password belongs to the hash.
trait Matches {
    fn matches(&self, password: &Password) -> bool;
}

impl Matches for PasswordHash {
    fn matches(&self, password: &Password) -> bool {
        self.compare(password).is_right()
    }
}

#[test]
fn a_hash_of_what_was_typed_goes_on_working_and_is_to_be_replaced() {
    for (made_of, other_keyboard) in [
        ("cafe\u{301}-سلام", "café-سلام"),
        ("two\u{a0}words", "two words"),
    ] {
        // As the releases before made it.
        let phc = argon2()
            .hash_password_with_salt(made_of.as_bytes(), &[7; SALT_BYTES])
            .expect("a hash");
        let old = PasswordHash::from_stored(&phc.to_string()).expect("ours");
        assert_eq!(old.compare(&typed(made_of)), Match::Typed, "{made_of}");
        assert_eq!(old.compare(&typed("another")), Match::No);
        let new = PasswordHash::compute(&typed(made_of), [8; SALT_BYTES]);
        assert_eq!(new.compare(&typed(made_of)), Match::Prepared);
        assert_eq!(new.compare(&typed(other_keyboard)), Match::Prepared);
    }
}

#[test]
fn the_vectors_of_django_verify_and_want_an_upgrade() {
    for (text, made) in MADE_BY_DJANGO {
        let hash = stored(made);
        assert!(hash.matches(&typed(text)), "{made}");
        assert!(!hash.matches(&typed(&format!("{text}!"))), "{made}");
        assert!(hash.needs_upgrade(), "{made}");
        assert_eq!(hash.expose(), made);
    }
}

#[test]
fn a_hash_of_ours_is_argon2id_as_owasp_recommends_and_stays() {
    let hash = PasswordHash::compute(&typed(TYPED), [7; SALT_BYTES]);
    let start = "$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$";
    assert!(hash.expose().starts_with(start), "{}", hash.expose());
    assert!(!hash.needs_upgrade());
    let again = stored(hash.expose());
    assert!(!again.needs_upgrade());
    assert!(again.matches(&typed(TYPED)));
    assert!(!again.matches(&typed(PERSIAN)));
}

/// From the reference implementation's command line, see `src/test.c` of P-H-C/phc-winner-argon2.
#[test]
fn a_phc_text_of_others_verifies_and_other_costs_want_an_upgrade() {
    let hash = stored(
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    );
    assert!(hash.matches(&typed("password")));
    assert!(hash.needs_upgrade());
}

#[test]
fn a_changed_hash_or_salt_does_not_verify() {
    for (text, made) in MADE_BY_DJANGO {
        let mut bytes = made.as_bytes().to_vec();
        // Not the last: its low bits may be padding.
        let position = bytes.len() - 5;
        bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
        let changed = String::from_utf8(bytes).expect("ASCII for ASCII");
        assert!(!stored(&changed).matches(&typed(text)), "{changed}");
    }
}

#[test]
fn what_is_no_hash_of_ours_is_refused() {
    let bcrypt = "$2b$12$yShK.Y/CC6DKkZWUVLr/TeaQmEucwnjRVHuBUH2VIKubqh8Ss2Juu";
    let pbkdf2 = "tiI+zYQDU4G4xg7/gtHdkOeGG6HAxnoxSQUr+tDtJaA=";
    let argon2 = "Q29rbzhZZGpOdWJDanU3ZDRoS3dMNw$q0urprMlMkIvUDEnyDyM3skKQ2QnYbM+iOQs6yD7IQA";
    for text in [
        String::new(),
        "password".into(),
        // Django: no password can be right.
        "!F2mIzoayDJ3jBFMo1FvmZiOK1Q1IlSgkXJk9Wy1S".into(),
        "md5$salt$0123456789abcdef0123456789abcdef".into(),
        // The digest of another length.
        format!("pbkdf2_sha1$1000$salt${pbkdf2}"),
        "pbkdf2_sha1$999$salt$8jMiNAp8ksglg6uAZK7LTYe7QzU=".into(),
        "pbkdf2_sha1$1000$$8jMiNAp8ksglg6uAZK7LTYe7QzU=".into(),
        "pbkdf2_sha256$1000$salt$8jMiNAp8ksglg6uAZK7LTYe7QzU=".into(),
        format!("scrypt$0$salt$8$1${SCRYPT}"),
        format!("scrypt$1$salt$8$1${SCRYPT}"),
        format!("scrypt$16383$salt$8$1${SCRYPT}"),
        format!("scrypt$-16384$salt$8$1${SCRYPT}"),
        format!("scrypt$16384$$8$1${SCRYPT}"),
        format!("scrypt$16384$salt$0$1${SCRYPT}"),
        format!("scrypt$16384$salt$8$0${SCRYPT}"),
        format!("scrypt$16384$salt$8$1$1${SCRYPT}"),
        format!("scrypt$salt$16384$8$1${SCRYPT}"),
        format!("scrypt$16384$salt$8$1${pbkdf2}"),
        "scrypt$16384$salt$8$1$".into(),
        format!("pbkdf2_sha256$0$salt${pbkdf2}"),
        format!("pbkdf2_sha256$999$salt${pbkdf2}"),
        format!("pbkdf2_sha256$-1$salt${pbkdf2}"),
        format!("pbkdf2_sha256$+1000$salt${pbkdf2}"),
        format!("pbkdf2_sha256$$salt${pbkdf2}"),
        format!("pbkdf2_sha256$1000$${pbkdf2}"),
        format!("pbkdf2_sha256$1000$salt${pbkdf2}$"),
        "pbkdf2_sha256$1000$salt$c2hvcnQ=".into(),
        "pbkdf2_sha256$1000$salt$".into(),
        bcrypt.into(),
        format!("bcrypt${bcrypt}"),
        format!("bcrypt_sha256${}", bcrypt.replace("$2b$", "$2x$")),
        format!("bcrypt_sha256${}", bcrypt.replace("$12$", "$03$")),
        format!("bcrypt_sha256${}", &bcrypt[..50]),
        format!("argon2$argon2i$v=19$m=1024,t=2,p=1${argon2}"),
        format!("argon2$argon2id$v=16$m=1024,t=2,p=1${argon2}"),
        format!("argon2$argon2id$m=1024,t=2,p=1${argon2}"),
        format!("argon2$argon2id$v=19$m=1024,t=2,p=1,x=1${argon2}"),
        format!("argon2$argon2id$v=19$m=1,t=2,p=8${argon2}"),
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ".into(),
        "$argon2id$v=19$m=19456,t=2,p=1".into(),
        format!("$argon2id${}", "$".repeat(300)),
    ] {
        assert_eq!(
            PasswordHash::from_stored(&text).err(),
            Some(UnknownFormat),
            "{text}"
        );
    }
}

#[test]
fn a_hash_that_would_cost_minutes_or_gigabytes_is_refused() {
    let bcrypt = "yShK.Y/CC6DKkZWUVLr/TeaQmEucwnjRVHuBUH2VIKubqh8Ss2Juu";
    let pbkdf2 = "tiI+zYQDU4G4xg7/gtHdkOeGG6HAxnoxSQUr+tDtJaA=";
    let argon2 = "Q29rbzhZZGpOdWJDanU3ZDRoS3dMNw$q0urprMlMkIvUDEnyDyM3skKQ2QnYbM+iOQs6yD7IQA";
    for text in [
        format!("pbkdf2_sha256$2000001$salt${pbkdf2}"),
        format!("pbkdf2_sha256$4294967297$salt${pbkdf2}"),
        format!("pbkdf2_sha256$99999999999999999999999$salt${pbkdf2}"),
        "pbkdf2_sha1$2000001$salt$8jMiNAp8ksglg6uAZK7LTYe7QzU=".into(),
        // A gigabyte, and more of it.
        format!("scrypt$1048576$salt$8$1${SCRYPT}"),
        format!("scrypt$262144$salt$8$1${SCRYPT}"),
        format!("scrypt$131072$salt$9$1${SCRYPT}"),
        format!("scrypt$2147483648$salt$1$1${SCRYPT}"),
        format!("scrypt$99999999999999999999$salt$1$1${SCRYPT}"),
        // Minutes.
        format!("scrypt$131072$salt$8$3${SCRYPT}"),
        format!("scrypt$1024$salt$8$17${SCRYPT}"),
        // What is beside the table of `n` blocks.
        format!("scrypt$2$salt$33$1${SCRYPT}"),
        format!("scrypt$2$salt$4294967295$4294967295${SCRYPT}"),
        format!("scrypt$2$salt$1$1073741824${SCRYPT}"),
        format!("bcrypt_sha256$$2b$15${bcrypt}"),
        format!("bcrypt_sha256$$2b$31${bcrypt}"),
        format!("argon2$argon2id$v=19$m=131073,t=1,p=1${argon2}"),
        format!("$argon2id$v=19$m=4194304,t=1,p=1${argon2}"),
        format!("$argon2id$v=19$m=1024,t=9,p=1${argon2}"),
        format!("$argon2id$v=19$m=131072,t=8,p=1${argon2}"),
        format!("$argon2id$v=19$m=1024,t=1,p=17${argon2}"),
    ] {
        assert_eq!(
            PasswordHash::from_stored(&text).err(),
            Some(TooCostly),
            "{text}"
        );
    }
}

#[test]
fn the_costliest_hashes_that_are_taken_can_be_verified() {
    let argon2 = "Q29rbzhZZGpOdWJDanU3ZDRoS3dMNw$q0urprMlMkIvUDEnyDyM3skKQ2QnYbM+iOQs6yD7IQA";
    for text in [
        "pbkdf2_sha256$2000000$salt$tiI+zYQDU4G4xg7/gtHdkOeGG6HAxnoxSQUr+tDtJaA=".into(),
        "pbkdf2_sha1$2000000$salt$8jMiNAp8ksglg6uAZK7LTYe7QzU=".into(),
        format!("scrypt$131072$salt$8$2${SCRYPT}"),
        format!("scrypt$4096$salt$32$16${SCRYPT}"),
        "bcrypt_sha256$$2b$14$yShK.Y/CC6DKkZWUVLr/TeaQmEucwnjRVHuBUH2VIKubqh8Ss2Juu".into(),
        format!("$argon2id$v=19$m=131072,t=4,p=16${argon2}"),
    ] {
        assert!(!stored(&text).matches(&typed(TYPED)), "{text}");
    }
}

#[test]
fn i_05_debug_output_hides_the_hash() {
    let hash = stored(MADE_BY_DJANGO[0].1);
    assert_eq!(format!("{hash:?}"), "PasswordHash(••••)");
}
