//! What strangers can write, drawn by chance: no text makes a reader panic, and what is taken is what it
//! means. As many cases as `PROPTEST_CASES` says, 256 without it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::challenge::SessionId;
use domain::client_address::TrustedProxies;
use domain::otp::{KeyRing, OtpCode};
use domain::password::{Password, PasswordHash};
use domain::phone::{AllowedCountries, PhoneNumber};
use domain::random::Random;
use domain::sealed::Seal;
use domain::tokens::{
    AccessTokenError, AccessTokens, AccessTokensSettings, RefreshToken, SigningKeys,
};
use domain::trace_parent::TraceParent;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use uuid::Uuid;

const NOW: i64 = 1_763_700_000_000;

/// The digits of some scripts, each from zero.
const ZEROS: [char; 6] = ['0', '۰', '٠', '०', '０', '০'];
/// What may stand between digits, seen or not.
const BETWEEN: [&str; 9] = [
    "", " ", "-", "\u{200f}", "\u{2066}", "\u{ad}", "\u{2009}", ".", "–",
];

fn in_script(digits: &str, zero: char) -> String {
    let write = |digit: char| char::from_u32(zero as u32 + digit.to_digit(10)?);
    digits.chars().filter_map(write).collect()
}

/// Digits with other scripts and marks mixed in, and now and then something that does not belong there.
fn nearly_digits() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => (0_usize..ZEROS.len(), 0_u32..10)
            .prop_map(|(script, digit)| in_script(&digit.to_string(), ZEROS[script])),
        2 => (0_usize..BETWEEN.len()).prop_map(|index| BETWEEN[index].to_owned()),
        1 => prop::sample::select(vec!["+", "(", ")", "tel:", ",", ";", "a", "\n", "\u{202e}", "½"])
            .prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn tokens() -> AccessTokens {
    let pem = SigningKeys::generate_pem(&Random::seeded(1));
    AccessTokens::new(
        SigningKeys::from_pem(pem.expose_secret()).expect("a key"),
        AccessTokensSettings {
            issuer: "https://ramz.example".to_owned(),
            audience: "https://shop.example".to_owned(),
            lifetime: Duration::from_mins(5),
        },
    )
}

/// JSON of any shape.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// A parsed number prints as itself, and what prints is read back as the same number.
    #[test]
    fn fuzz_r_26_a_22_a_number_that_is_taken_reads_back_as_itself(typed in nearly_digits()) {
        let world = AllowedCountries::parse("IR,TR,DE,US,IQ,AF,GB,AE").expect("countries");
        if let Ok(phone) = PhoneNumber::parse(&typed, &world) {
            let printed = phone.as_e164().to_owned();
            prop_assert!(printed.len() <= 16 && printed[1..].bytes().all(|byte| byte.is_ascii_digit()));
            let again = PhoneNumber::parse(&printed, &world);
            prop_assert_eq!(again.as_ref(), Ok(&phone));
            let receptor = phone.gateway_receptor();
            prop_assert!(receptor.bytes().all(|byte| byte.is_ascii_digit()), "{}", receptor);
            let shown = format!("{phone} {phone:?}");
            prop_assert!(!shown.contains(phone.digits()));
        }
    }

    /// Every spelling of an Iranian mobile number is that number, whatever its script and its marks.
    #[test]
    fn fuzz_a_22_r_11_each_spelling_of_a_number_is_that_number(
        rest in 0_u32..100_000_000, script in 0_usize..6,
        prefix in prop::sample::select(vec!["0", "+98", "0098", "98", ""]),
        marks in prop::collection::vec(0_usize..7, 10),
    ) {
        let digits = format!("91{rest:08}");
        let mut typed = if let Some(plain) = prefix.strip_prefix('+') {
            format!("+{}", in_script(plain, ZEROS[script]))
        } else {
            in_script(prefix, ZEROS[script])
        };
        for (digit, mark) in digits.chars().zip(marks) {
            typed.push_str(BETWEEN[mark]);
            typed.push_str(&in_script(&digit.to_string(), ZEROS[script]));
        }
        let plain = PhoneNumber::parse(&format!("0{digits}"), &AllowedCountries::default());
        let parsed = PhoneNumber::parse(&typed, &AllowedCountries::default());
        prop_assert_eq!(parsed, plain, "{:?}", typed);
    }

    /// A code is digits and nothing else, and other digits of the same value are the same code.
    #[test]
    fn fuzz_a_code_is_its_digits_in_any_script(
        code in "[0-9]{4,10}", script in 0_usize..6, mark in 0_usize..9, typed in nearly_digits(), length in 4_u8..=10,
    ) {
        let digits = u8::try_from(code.len()).expect("short");
        let spread: Vec<String> = code.chars().map(|c| in_script(&c.to_string(), ZEROS[script])).collect();
        let other = OtpCode::parse(&spread.join(BETWEEN[mark]), digits);
        prop_assert!(other.is_ok_and(|other| other.expose() == code));
        if let Ok(taken) = OtpCode::parse(&typed, length) {
            prop_assert_eq!(taken.expose().len(), usize::from(length));
            prop_assert!(taken.expose().bytes().all(|byte| byte.is_ascii_digit()));
            prop_assert!(OtpCode::parse(taken.expose(), length).is_ok_and(|again| again.matches(&taken)));
        }
    }

    /// No text is a token but those that were issued, and reading one never panics.
    #[test]
    fn fuzz_a_29_no_text_is_a_token(
        header in any_json(), claims in any_json(), signature in prop::collection::vec(any::<u8>(), 0..80), text in "\\PC{0,60}",
    ) {
        let tokens = tokens();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let forged = format!("{}.{}.{}", part(&header), part(&claims), URL_SAFE_NO_PAD.encode(&signature));
        prop_assert!(tokens.verify(&forged, NOW).is_err());
        prop_assert!(tokens.verify(&text, NOW).is_err());
        let three_parts = format!("{text}.{text}.{text}");
        prop_assert!(tokens.verify(&three_parts, NOW).is_err());
    }

    /// A header beside ours is foreign, whatever stands in it; the signature is not even looked at.
    #[test]
    fn fuzz_a_29_a_member_more_in_the_header_is_foreign(name in "[a-z5#]{1,8}", value in any_json()) {
        let tokens = tokens();
        let issued = tokens.issue(Uuid::from_u128(1), Uuid::from_u128(2), NOW, &Random::seeded(3)).expect("signed");
        let (header, rest) = issued.expose().split_once('.').expect("three parts");
        let bytes = URL_SAFE_NO_PAD.decode(header).expect("base64url");
        let mut members: Value = serde_json::from_slice(&bytes).expect("JSON");
        prop_assert!(tokens.verify(issued.expose(), NOW).is_ok());
        let known = members.get(&name) == Some(&value);
        members[name.as_str()] = value;
        let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(members.to_string()));
        let told = tokens.verify(&forged, NOW);
        prop_assert!(known || told.is_err(), "{}", members);
        if !["typ", "alg", "kid"].contains(&name.as_str()) {
            prop_assert_eq!(told.err(), Some(AccessTokenError::ForeignHeader));
        }
    }

    /// One bit of a token that is not as it was makes it none.
    #[test]
    fn fuzz_a_29_a_token_with_one_other_bit_is_none(at in 0_usize..400, bit in 0_u8..7) {
        let tokens = tokens();
        let issued = tokens.issue(Uuid::from_u128(1), Uuid::from_u128(2), NOW, &Random::seeded(3)).expect("signed");
        let mut bytes = issued.expose().as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(text) = String::from_utf8(bytes) {
            prop_assert!(tokens.verify(&text, NOW).is_err(), "{}", text);
        }
    }

    /// Tokens and handles have one text form each: what is read prints as it was.
    #[test]
    fn fuzz_handles_have_one_text_form(text in prop_oneof!["\\PC{0,60}", "[A-Za-z0-9_=-]{40,44}", "[0-9a-fA-F-]{32,38}"]) {
        if let Some(token) = RefreshToken::parse(&text) {
            prop_assert_eq!(token.expose(), text.clone());
        }
        if let Ok(id) = text.parse::<SessionId>() {
            prop_assert_eq!(id.expose().parse::<SessionId>().map(SessionId::expose).ok(), Some(id.expose()));
        }
        if let Ok(parent) = text.parse::<TraceParent>() {
            prop_assert_eq!(parent.to_string().parse::<TraceParent>().ok(), Some(parent));
        }
    }

    /// What a browser brings back is opened only if it was sealed here.
    #[test]
    fn fuzz_a_36_nothing_that_was_not_sealed_is_opened(text in "\\PC{0,40}", other in "[A-Za-z0-9_-]{0,120}", cut in 1_usize..40) {
        let ring = KeyRing::parse("k1:hLxxhe5nOyCuYyClhTwtGyJz+MtReEIuMSQKLLczGAU=").expect("a key ring");
        let seal = Seal::new(&ring, "fuzz v1");
        let sealed = seal.seal(&text, &Random::operating_system()).expect("short");
        prop_assert_eq!(seal.open(&sealed), Some(text));
        prop_assert_eq!(seal.open(&other), None);
        let kept = sealed.len().saturating_sub(cut);
        prop_assert_eq!(seal.open(&sealed[..kept]), None);
    }

    /// Stored hashes of other systems, lists of proxies, keys and passwords: read or refused.
    #[test]
    fn fuzz_settings_and_stored_texts_are_read_or_refused(text in "\\PC{0,120}", near in "(argon2id|pbkdf2_sha256|bcrypt_sha256|scrypt|\\$argon2id)\\$[$A-Za-z0-9+/=.,]{0,80}") {
        for text in [&text, &near] {
            let _read_or_not = PasswordHash::from_stored(text).is_ok();
            let _read_or_not = KeyRing::parse(text).is_ok();
            let _read_or_not = TrustedProxies::parse(text).is_ok();
            let _read_or_not = SigningKeys::from_pem(text).is_ok();
            let _read_or_not = Password::parse(text.clone()).is_ok();
            let _read_or_not = AllowedCountries::parse(text).is_ok();
        }
        prop_assert!(json!(text).is_string());
    }
}
