//! What a stolen store gives to the one who does not have the key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::challenge::{Locale, NewChallenge};
use domain::otp::{KeyRing, Purpose, derive};
use domain::phone::PhoneNumber;
use domain::random::Random;

/// Everything that hot state keeps of a challenge, made by chance of this seed under this key.
fn stored(key: &str) -> (NewChallenge, KeyRing) {
    let ring = KeyRing::parse(key).expect("a key ring");
    let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
    let random = Random::seeded(44);
    let (_, challenge) = NewChallenge::begin(&random, &ring, phone, Purpose::SignIn, 6, Locale::Fa);
    (challenge, ring)
}

/// A store that keeps a hash of a code of six digits gives the code away: a million tries find it. Here the
/// same is stored whatever the key, and the code is another with every key, so there is nothing to try.
#[test]
fn a_44_what_is_stored_of_a_code_does_not_depend_on_the_key() {
    let keys = [1, 2, 3].map(|seed| {
        let bytes: [u8; 32] = Random::seeded(seed).bytes();
        format!("k1:{}", STANDARD.encode(bytes))
    });
    let mut codes = Vec::new();
    let mut kept = Vec::new();
    for key in &keys {
        let (challenge, ring) = stored(key);
        let root = &challenge.root;
        let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
        // Ten digits, so that two of them are not the same by chance.
        let code = derive(
            ring.newest(),
            Purpose::SignIn,
            &phone,
            root.id,
            &root.secret.salt,
            10,
        );
        codes.push(code.expose().to_owned());
        let salt = *root.secret.salt.as_bytes();
        kept.push((challenge.id, root.id, salt, root.secret.kid.clone()));
    }
    assert!(kept.windows(2).all(|pair| pair[0] == pair[1]));
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), keys.len());
}
