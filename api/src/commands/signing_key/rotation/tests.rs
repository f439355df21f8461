//! The rules of rotation, with the clock moved by hand.

use super::*;

const LIFETIME: TimeDelta = TimeDelta::minutes(5);

fn start() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-01T08:00:00Z")
        .expect("a time")
        .to_utc()
}

fn minutes(minutes: i64) -> DateTime<Utc> {
    start() + TimeDelta::minutes(minutes)
}

fn kids(rotation: &Rotation) -> Vec<String> {
    rotation.keys().iter().map(|key| key.kid.clone()).collect()
}

/// What another run of the command reads.
fn reread(rotation: &Rotation) -> Rotation {
    Rotation::parse(&rotation.render(), minutes(100_000)).expect("readable")
}

fn empty() -> Rotation {
    Rotation::parse("", start()).expect("no keys")
}

#[test]
fn a_rotation_waits_for_publication_and_for_the_death_of_old_tokens() {
    let random = Random::seeded(1);
    let mut keys = empty();
    let old = keys.add(&random, start()).expect("the first key");
    let new = reread(&keys).add(&random, minutes(60)).map(|_| ());
    assert_eq!(new, Ok(()), "a text that was written is read");
    let new = keys.add(&random, minutes(60)).expect("the second key");
    let mut keys = reread(&keys);
    assert_eq!(kids(&keys), [old.clone(), new.clone()], "the old one signs");
    assert!(keys.keys()[1].waits());

    let early = keys.promote(None, false, minutes(69)).expect_err("young");
    let from = "2026-03-01T09:10:00Z".to_owned();
    let kid = new.clone();
    assert_eq!(early, RotationError::TooYoung { kid, from });
    assert_eq!(keys.promote(None, false, minutes(70)), Ok(new.clone()));
    let mut keys = reread(&keys);
    assert_eq!(kids(&keys), [new.clone(), old.clone()], "the new one signs");
    assert_eq!(keys.keys()[0].signs_since, Some(minutes(70)));
    assert_eq!(keys.keys()[1].signed_until, Some(minutes(70)));

    let early = keys.retire(None, false, LIFETIME, minutes(84));
    let from = "2026-03-01T09:25:00Z".to_owned();
    let kid = old.clone();
    assert_eq!(early, Err(RotationError::StillUsed { kid, from }));
    let gone = keys.retire(None, false, LIFETIME, minutes(85));
    assert_eq!(gone, Ok(vec![old]));
    assert_eq!(kids(&reread(&keys)), [new]);
}

#[test]
fn an_emergency_waits_for_nothing() {
    let random = Random::seeded(1);
    let mut keys = empty();
    let old = keys.add(&random, start()).expect("a key");
    let new = keys.add(&random, start()).expect("a key");
    assert_eq!(keys.promote(None, true, start()), Ok(new.clone()));
    assert_eq!(
        keys.retire(None, true, LIFETIME, start()),
        Ok(vec![old.clone()])
    );
    assert_eq!(kids(&keys), [new]);
}

#[test]
fn a_second_promotion_does_not_go_back_unless_the_key_is_named() {
    let random = Random::seeded(1);
    let mut keys = empty();
    let old = keys.add(&random, start()).expect("a key");
    let new = keys.add(&random, start()).expect("a key");
    keys.promote(None, false, minutes(10)).expect("promoted");
    let again = keys.promote(None, false, minutes(20));
    assert_eq!(again, Err(RotationError::NoneWaits));
    let signing = keys.promote(Some(&new), false, minutes(20));
    assert_eq!(signing, Err(RotationError::SignsAlready(new.clone())));
    let back = keys.promote(Some(&old), false, minutes(20));
    assert_eq!(back, Ok(old.clone()), "it has been published all along");
    let mut keys = reread(&keys);
    assert_eq!(keys.keys()[0].signed_until, None);
    let gone = keys.retire(None, false, LIFETIME, minutes(40));
    assert_eq!(gone, Ok(vec![new]));
}

#[test]
fn a_key_that_waits_is_removed_only_by_name_and_then_at_once() {
    let random = Random::seeded(1);
    let mut keys = empty();
    let signing = keys.add(&random, start()).expect("a key");
    let waiting = keys.add(&random, start()).expect("a key");
    let none = keys.retire(None, true, LIFETIME, minutes(500));
    assert_eq!(none, Err(RotationError::NoneStopped));
    let first = keys.retire(Some(&signing), true, LIFETIME, start());
    assert_eq!(first, Err(RotationError::Signs(signing.clone())));
    let unknown = keys.retire(Some("x\n"), true, LIFETIME, start());
    assert_eq!(unknown, Err(RotationError::NoSuchKey("x\\n".to_owned())));
    let gone = keys.retire(Some(&waiting), false, LIFETIME, start());
    assert_eq!(gone, Ok(vec![waiting]), "it has signed nothing");
    assert_eq!(kids(&keys), [signing]);
}

#[test]
fn keys_of_another_hand_count_from_the_last_change_of_the_file() {
    let (first, second) = (Random::seeded(1), Random::seeded(2));
    let pem = |random| SigningKeys::generate_pem(random).expose_secret().to_owned();
    let text = format!(
        "made by hand\r\n{}# of the old data centre\n{}the end\n",
        pem(&first),
        pem(&second).replace('\n', "\\n")
    );
    let mut keys = Rotation::parse(&text, start()).expect("readable");
    let (a, b) = (keys.keys()[0].kid.clone(), keys.keys()[1].kid.clone());
    let early = keys.promote(None, false, minutes(9)).expect_err("young");
    assert!(matches!(early, RotationError::TooYoung { kid, .. } if kid == b));
    keys.add(&Random::seeded(3), minutes(9)).expect("a key");
    // Writing the file has changed it; the times must not be lost by that.
    let mut keys = reread(&keys);
    let rendered = keys.render();
    for remark in ["made by hand", "# of the old data centre", "the end"] {
        assert_eq!(rendered.matches(remark).count(), 1, "{rendered}");
    }
    let promoted = keys.promote(Some(&b), false, minutes(10));
    assert_eq!(promoted, Ok(b), "it was there before the file was written");
    let gone = keys.retire(None, false, LIFETIME, minutes(25));
    assert_eq!(gone, Ok(vec![a]), "the one that waits stays");
    assert_eq!(keys.keys().len(), 2);
}

#[test]
fn a_file_that_the_api_would_refuse_is_not_touched() {
    let whole = SigningKeys::generate_pem(&Random::seeded(1));
    let whole = whole.expose_secret();
    let error = |text: &str| {
        Rotation::parse(text, start())
            .map(|_| ())
            .expect_err("refused")
    };
    assert_eq!(
        error("no key"),
        RotationError::Keys(SigningKeysError::NoKey)
    );
    let twice = format!("{whole}{whole}");
    assert_eq!(
        error(&twice),
        RotationError::Keys(SigningKeysError::Twice(2))
    );
}

#[test]
fn an_rsa_key_has_no_part_in_the_rotation() {
    let now = DateTime::from_timestamp_millis(1_763_700_000_000).expect("a time");
    let first = SigningKeys::generate_pem(&Random::seeded(1));
    let rsa = SigningKeys::generate_rsa_pem().expect("a key");
    let text = format!("{}{}", first.expose_secret(), rsa.expose_secret());
    let mut rotation = Rotation::parse(&text, now).expect("two keys");
    let kid = rotation.keys()[1].kid.clone();
    assert!(rotation.keys()[1].is_rsa());
    assert_eq!(
        rotation.promote(Some(&kid), true, now),
        Err(RotationError::Rsa(kid.clone()))
    );
    assert_eq!(
        rotation.promote(None, true, now),
        Err(RotationError::NoneWaits)
    );
    let lifetime = TimeDelta::minutes(5);
    assert_eq!(
        rotation.retire(None, true, lifetime, now),
        Err(RotationError::NoneStopped)
    );
    // Another one that is named signs, and the RSA key stays where it is.
    let added = rotation.add(&Random::seeded(2), now).expect("added");
    assert_eq!(rotation.promote(Some(&added), true, now), Ok(added.clone()));
    assert_eq!(rotation.keys()[0].kid, added);
    assert!(SigningKeys::from_pem(&rotation.render()).is_ok_and(|keys| keys.has_rsa()));
    assert_eq!(
        rotation.retire(Some(&kid), true, lifetime, now),
        Ok(vec![kid])
    );
}
