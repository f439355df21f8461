//! Single values, as dumps write them.

use super::*;

fn converter() -> Converter {
    Converter {
        allowed_countries: AllowedCountries::default(),
        username_may_be_phone: true,
        drop_unknown_passwords: false,
        utc_offset: FixedOffset::east_opt(0).expect("an offset"),
        random: Random::seeded(1),
        now: DateTime::UNIX_EPOCH,
    }
}

fn fields(values: &[(Column, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (column, value) in values {
        fields.set((*column, 0), Value::from(*value));
    }
    fields
}

/// A row with a number and this value.
fn with(column: Column, value: &str) -> Result<ImportedUser, RowRefusal> {
    let phone = (Column::Phone, "09123456789");
    converter().user(1, &fields(&[phone, (column, value)]))
}

#[test]
fn times_are_read_with_and_without_fraction_and_offset() {
    let tehran = FixedOffset::east_opt(12_600).expect("an offset");
    for (text, utc) in [
        ("2026-03-01T08:00:00Z", "2026-03-01T08:00:00Z"),
        ("2026-03-01T08:00:00.123Z", "2026-03-01T08:00:00.123Z"),
        (
            "2026-03-01 08:00:00.123456+00",
            "2026-03-01T08:00:00.123456Z",
        ),
        ("2026-03-01 08:00:00+03:30", "2026-03-01T04:30:00Z"),
        ("2026-03-01 08:00:00+0330", "2026-03-01T04:30:00Z"),
        ("2026-03-01T08:00:00.5-08", "2026-03-01T16:00:00.5Z"),
        ("2026-03-01 08:00:00", "2026-03-01T04:30:00Z"),
        ("2026-03-01 08:00", "2026-03-01T04:30:00Z"),
        ("2026-03-01", "2026-02-28T20:30:00Z"),
    ] {
        let expected: DateTime<Utc> = utc.parse().expect("a time");
        assert_eq!(parse_time(text, tehran), Some(expected), "{text}");
    }
    for text in [
        "",
        "yesterday",
        "2026-13-01",
        "1712345678",
        "0001-01-01 00:00:00",
        "12026-01-01",
    ] {
        assert_eq!(parse_time(text, tehran), None, "{text}");
    }
}

#[test]
fn a_number_is_found_in_its_column_or_as_the_user_name() {
    let phone = |values: &[(Column, &str)]| {
        let user = converter().user(1, &fields(values))?;
        Ok::<_, RowRefusal>((user.phone.as_e164().to_owned(), user.username))
    };
    let (number, e164) = ("۰۹۱۲ ۳۴۵ ۶۷۸۹", "+989123456789".to_owned());
    assert_eq!(phone(&[(Column::Phone, number)]), Ok((e164.clone(), None)));
    assert_eq!(
        phone(&[(Column::Username, number)]),
        Ok((e164.clone(), None))
    );
    let named = phone(&[(Column::Phone, number), (Column::Username, "maryam")]);
    assert_eq!(named, Ok((e164.clone(), Some("maryam".to_owned()))));
    let deleted = phone(&[(Column::Phone, number), (Column::Username, "deleted-1")]);
    assert_eq!(deleted, Ok((e164, None)), "the mark of deleted accounts");

    let refusal = phone(&[(Column::Username, "maryam")]).expect_err("refused");
    assert_eq!(refusal.reason, "there is no phone number");
    let refusal = phone(&[(Column::Phone, "0912345678"), (Column::Username, number)]);
    let refusal = refusal.expect_err("a wrong number is not passed over");
    assert_eq!(refusal.phone.as_deref(), Some("•••78"));
    let refusal = phone(&[(Column::Phone, "02188776655")]).expect_err("refused");
    assert_eq!(refusal.reason, "this is not a mobile number");
}

#[test]
fn i_05_passwords_are_taken_in_known_formats_and_never_repeated() {
    let stored = |stored: &str| with(Column::Password, stored);
    let known = "pbkdf2_sha256$1000$c2FsdA$eGFtcGxleGFtcGxleGFtcGxleGFtcGxleGFtcGxlZXg=";
    assert!(stored(known).expect("taken").password_hash.is_some());
    for none in ["", "!", "!RAnDoMcHaRaCtErS"] {
        assert!(
            stored(none).expect("taken").password_hash.is_none(),
            "{none}"
        );
    }
    for unknown in [
        "md5$salt$hash",
        "plain",
        "pbkdf2_sha256$99999999$c2FsdA$eA==",
    ] {
        let refusal = stored(unknown).expect_err("refused");
        assert_eq!(refusal.column, "password");
        assert_eq!(refusal.phone.as_deref(), Some("+98912•••6789"));
        assert!(!format!("{refusal:?}").contains(unknown));
        let mut dropping = converter();
        dropping.drop_unknown_passwords = true;
        let row = fields(&[(Column::Phone, "09123456789"), (Column::Password, unknown)]);
        let user = dropping.user(1, &row).expect("taken");
        assert!(user.password_hash.is_none());
    }
}

#[test]
fn values_that_the_database_could_not_hold_are_refused_with_their_column() {
    let long = "x".repeat(151);
    let address = format!("{}@example.com", "x".repeat(250));
    for (column, value) in [
        (Column::FirstName, long.as_str()),
        (Column::LastName, "a\0b"),
        (Column::Username, "a\u{1b}[31m"),
        (Column::Email, "nobody"),
        (Column::Email, "a@b@c"),
        (Column::Email, "a b@example.com"),
        (Column::Email, &address),
        (Column::IsActive, "maybe"),
        (Column::DateJoined, "soon"),
    ] {
        let refusal = with(column, value).expect_err("refused");
        assert_eq!(refusal.column, column.name(), "{value}");
        assert_eq!(refusal.phone.as_deref(), Some("+98912•••6789"));
    }
}

#[test]
fn inactive_users_are_blocked_and_absent_values_have_djangos_defaults() {
    let plain = converter().user(1, &fields(&[(Column::Phone, "09123456789")]));
    let plain = plain.expect("taken");
    assert_eq!(plain.blocked_at, None);
    assert_eq!(plain.created_at, converter().now);
    assert!(!plain.is_staff && !plain.is_superuser);
    for (text, active) in [
        ("False", false),
        ("f", false),
        ("0", false),
        ("t", true),
        ("True", true),
    ] {
        let user = with(Column::IsActive, text).expect("taken");
        assert_eq!(user.blocked_at.is_none(), active, "{text}");
    }
    assert!(with(Column::IsStaff, "1").expect("taken").is_staff);
}
