use domain::challenge::{Channel, Locale, SessionId};
use domain::password::Password;
use flows::RefusalCode;
use serde::Deserialize;

use super::*;
use crate::error::ErrorCode;
use crate::json_body::{Change, device_name, typed, typed_or_none};

const HANDLE: &str = "6e1f0a52-6d0f-4b7c-9d0e-2f4a0c5b7d11";

/// One member of each sort.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EverySort {
    phone_number: Option<String>,
    #[serde(deserialize_with = "typed_or_none")]
    session_id: Option<SessionId>,
    #[serde(deserialize_with = "typed_or_none")]
    channel: Option<Channel>,
    #[serde(deserialize_with = "typed_or_none")]
    locale: Option<Locale>,
    #[serde(deserialize_with = "typed_or_none")]
    password: Option<Password>,
    all: Option<bool>,
    #[serde(deserialize_with = "device_name")]
    device_name: Option<String>,
    first_name: Change,
}

/// Members that must be there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Required {
    code: String,
    #[serde(deserialize_with = "typed")]
    session_id: SessionId,
}

fn read<T: DeserializeOwned>(json: impl AsRef<[u8]>) -> Result<T, ApiError> {
    Members::parse(json.as_ref())?.read()
}

fn refused<T: DeserializeOwned>(json: &str) -> ApiError {
    match read::<T>(json) {
        Ok(_) => panic!("{json} was read"),
        Err(error) => error,
    }
}

#[test]
fn a_39_malformed_deep_and_repeated_json_is_told_apart() {
    let deep = "[".repeat(200);
    for (json, code) in [
        ("", RequestFault::JsonMalformed),
        ("{", RequestFault::JsonMalformed),
        ("{\"a\":1}{}", RequestFault::JsonMalformed),
        ("{a:1}", RequestFault::JsonMalformed),
        ("\u{feff}", RequestFault::JsonMalformed),
        ("{}\u{feff}", RequestFault::JsonMalformed),
        ("\u{feff}\u{feff}{}", RequestFault::JsonMalformed),
        ("\u{feff}[]", RequestFault::BodyNotObject),
        ("[]", RequestFault::BodyNotObject),
        ("\"text\"", RequestFault::BodyNotObject),
        ("null", RequestFault::BodyNotObject),
        (r#"{"a":"1","a":"2"}"#, RequestFault::FieldRepeated),
        (r#"{"a":"1","\u0061":"2"}"#, RequestFault::FieldRepeated),
        (&format!("{{\"a\":{deep}"), RequestFault::JsonMalformed),
    ] {
        assert_eq!(refused::<EverySort>(json).code, code.into(), "{json}");
    }
    let not_utf8 = read::<EverySort>(b"{\"a\":\"\xff\"}")
        .err()
        .expect("refused");
    assert_eq!(not_utf8.code, RequestFault::JsonMalformed.into());
}

#[test]
fn what_clients_spell_in_their_own_way_is_understood() {
    let json = "\u{feff}{\"channel\":\" SMS\",\"locale\":\"en_US\",\"device_name\":\" Pixel\u{202e} 9\u{200f}\"}";
    let all: EverySort = read(json).expect("a body");
    assert_eq!(all.channel, Some(Channel::Sms));
    assert_eq!(all.locale, Some(Locale::En));
    assert_eq!(all.device_name.as_deref(), Some("Pixel 9"));
    let long = format!("{{\"device_name\":\"{}\"}}", "آ".repeat(100));
    let all: EverySort = read(long).expect("a body");
    assert_eq!(all.device_name, Some("آ".repeat(64)));
    let all: EverySort = read(r#"{"device_name":" "}"#).expect("a body");
    assert_eq!(all.device_name, None);
}

#[test]
fn what_is_wrong_is_told_with_the_name_of_its_member() {
    let too_long = format!(r#"{{"password":"{}"}}"#, "a".repeat(129));
    for (json, error) in [
        (r#"{"phone_number":1}"#, ApiError::not_text("phone_number")),
        (
            r#"{"phone_number":true}"#,
            ApiError::not_text("phone_number"),
        ),
        (r#"{"session_id":{}}"#, ApiError::not_text("session_id")),
        (r#"{"first_name":[]}"#, ApiError::not_text("first_name")),
        (r#"{"device_name":1}"#, ApiError::not_text("device_name")),
        (r#"{"channel":"pigeon"}"#, ApiError::invalid("channel")),
        (r#"{"locale":"de"}"#, ApiError::invalid("locale")),
        (r#"{"session_id":"6e1f"}"#, ApiError::invalid("session_id")),
        (r#"{"all":"true"}"#, ApiError::invalid("all")),
        (r#"{"all":1}"#, ApiError::invalid("all")),
        (r#"{"password":""}"#, ApiError::missing("password")),
        (
            &too_long,
            ApiError::field(RefusalCode::PasswordTooLong, "password"),
        ),
        (
            r#"{"more":{}}"#,
            ApiError::field(RequestFault::FieldUnknown, "more"),
        ),
    ] {
        assert_eq!(refused::<EverySort>(json), error, "{json}");
    }
    for (json, error) in [
        ("{}", ApiError::missing("code")),
        (r#"{"code":null}"#, ApiError::missing("code")),
        (r#"{"code":""}"#, ApiError::missing("session_id")),
        (
            r#"{"code":"","session_id":null}"#,
            ApiError::missing("session_id"),
        ),
        (
            r#"{"code":"","session_id":7}"#,
            ApiError::not_text("session_id"),
        ),
    ] {
        assert_eq!(refused::<Required>(json), error, "{json}");
    }
}

#[test]
fn of_several_faults_that_of_the_first_field_is_told_and_an_unknown_member_last() {
    let told = |json: &str| {
        let error = refused::<Required>(json);
        let field = error.members.field.unwrap_or_default();
        (error.code, field.into_string())
    };
    let missing = ErrorCode::from(RefusalCode::InputMissing);
    for json in [
        r#"{"more":1,"session_id":7}"#,
        r#"{"session_id":7,"code":null}"#,
        r#"{"session_id":"","more":1}"#,
    ] {
        assert_eq!(told(json), (missing, "code".to_owned()), "{json}");
    }
    let repeated = r#"{"code":1,"more":1,"more":2}"#;
    let code = RequestFault::FieldRepeated.into();
    assert_eq!(told(repeated), (code, "more".to_owned()));
    let unknown = format!(r#"{{"more":1,"session_id":"{HANDLE}","code":"b"}}"#);
    let code = RequestFault::FieldUnknown.into();
    assert_eq!(told(&unknown), (code, "more".to_owned()));
}

#[test]
fn absent_null_and_empty_are_told_apart_where_it_matters() {
    for (json, change) in [
        ("{}", Change::Absent),
        (r#"{"first_name":null}"#, Change::Null),
        (r#"{"first_name":""}"#, Change::Text(String::new())),
    ] {
        let all: EverySort = read(json).expect("a body");
        assert_eq!(all.first_name, change, "{json}");
    }
    let all: EverySort =
        read(r#"{"phone_number":null,"all":null,"password":null}"#).expect("a body");
    assert_eq!((all.phone_number, all.all), (None, None));
    assert!(all.password.is_none());
    let all: EverySort = read(r#"{"all":true,"phone_number":"\u0031"}"#).expect("a body");
    assert_eq!(
        (all.phone_number.as_deref(), all.all),
        (Some("1"), Some(true))
    );
    let body = format!(r#"{{"session_id":"{HANDLE}","code":"1"}}"#);
    let required: Required = read(&body).expect("a body");
    assert_eq!(required.code, "1");
    assert_eq!(Ok(required.session_id), HANDLE.parse());
    let body = format!(r#"{{"session_id":"{HANDLE}"}}"#);
    let all: EverySort = read(body).expect("a body");
    assert_eq!(all.session_id, Some(required.session_id));
}

proptest::proptest! {
    /// No bytes make the reader panic, and a member that nobody asked for is never passed over.
    #[test]
    fn fuzz_a_39_no_body_makes_the_reader_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120),
        name in "[a-z_]{1,12}",
        value in "(null|true|-?[0-9]{1,20}|\"[a-z۰-۹ \\\\n]{0,20}\"|\\[{0,140}|\\{\\}|1e9{1,3})",
    ) {
        let _read_or_not = read::<EverySort>(&bytes);
        let _read_or_not = read::<EverySort>([b"{", bytes.as_slice(), b"}"].concat());
        let body = format!("{{\"{name}\":{value}}}");
        let known = [
            "session_id", "channel", "locale", "password", "all", "device_name", "first_name", "phone_number",
        ];
        if !known.contains(&name.as_str()) {
            proptest::prop_assert!(read::<EverySort>(&body).is_err(), "{}", body);
        }
        let twice = format!("{{\"{name}\":1,\"{name}\":1}}");
        let told = Members::parse(twice.as_bytes()).expect_err("repeated").code;
        proptest::prop_assert_eq!(told, RequestFault::FieldRepeated.into());
    }
}
