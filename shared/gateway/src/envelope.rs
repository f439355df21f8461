//! The lenient reading of the gateway's answers.
//!
//! The documented form is `{"return":{"status":200,"message":"…"},"entries":[…]}`, and the code
//! stands as HTTP status too. What has really been seen varies: entries as a list, as one object
//! or as `null`; numbers as text; names in other capitals; errors under HTTP 200. So names are
//! compared without regard to case and types are converted, but nothing is assumed that is not
//! there. The texts of an answer are never looked at, and never kept: they hold the code.

use serde_json::{Map, Value};

use super::transport::{Answer, UnknownReason};

/// The code of a call that was carried out.
pub(super) const OK: i32 = 200;

/// What an answer says, before anybody asks what it means for the call.
#[derive(PartialEq)]
pub(super) enum Reply {
    /// HTTP 200 and code 200.
    Success(Entries),
    /// The gateway's own refusal, under whatever HTTP status.
    Failure(i32),
    /// A redirect, or a 4xx that is not the gateway's: something stands between us and it.
    Misdirected(u16),
    /// No answer that can be relied on.
    Unreadable(UnknownReason),
}

/// The `entries` of a successful answer. There is no `Debug`: they hold the message.
#[derive(PartialEq)]
pub(super) struct Entries(Value);

/// The fields of one entry that Ramz uses; what is missing or unreadable is `None`.
pub(super) struct Entry<'a>(&'a Map<String, Value>);

impl Reply {
    /// Reads an answer.
    ///
    /// The gateway's own code decides wherever there is one, except that 200 counts only under
    /// HTTP 200; otherwise the HTTP status decides.
    pub(super) fn read(answer: &Answer) -> Self {
        let http = answer.http;
        if (300..400).contains(&http) {
            return Self::Misdirected(http);
        }
        let envelope = parse(&answer.body);
        match (http, envelope) {
            (_, Ok((status, _))) if status != OK => Self::Failure(status),
            (200, Ok((_, entries))) => Self::Success(entries),
            (200, Err(reason)) => Self::Unreadable(reason),
            (400..500, _) => Self::Misdirected(http),
            (500..600, _) => Self::Unreadable(UnknownReason::ServerError(http)),
            _ => Self::Unreadable(UnknownReason::UnexpectedHttp(http)),
        }
    }
}

fn parse(body: &[u8]) -> Result<(i32, Entries), UnknownReason> {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if text.trim_ascii().is_empty() {
        return Err(UnknownReason::Empty);
    }
    let mut value: Value = serde_json::from_slice(text).map_err(|error| {
        if error.is_eof() {
            UnknownReason::CutJson
        } else {
            UnknownReason::NotJson
        }
    })?;
    let root = value.as_object_mut().ok_or(UnknownReason::NotJson)?;
    let status = field(root, "return")
        .and_then(Value::as_object)
        .and_then(|result| field(result, "status"))
        .and_then(integer)
        .and_then(|status| i32::try_from(status).ok())
        .ok_or(UnknownReason::NotJson)?;
    let entries = root
        .iter_mut()
        .find(|(name, _)| name.eq_ignore_ascii_case("entries"))
        .map_or(Value::Null, |(_, entries)| entries.take());
    Ok((status, Entries(entries)))
}

impl Entries {
    /// The entries, whether they came as a list or as a single object.
    pub(super) fn rows(&self) -> Vec<Entry<'_>> {
        match &self.0 {
            Value::Array(list) => list
                .iter()
                .filter_map(Value::as_object)
                .map(Entry)
                .collect(),
            Value::Object(single) => vec![Entry(single)],
            _ => Vec::new(),
        }
    }
}

impl Entry<'_> {
    /// A whole number, written as such or as text.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        field(self.0, name).and_then(integer)
    }

    /// A small whole number.
    pub(super) fn code(&self, name: &str) -> Option<i32> {
        self.integer(name).and_then(|code| i32::try_from(code).ok())
    }

    /// An id: a whole number above zero.
    pub(super) fn id(&self, name: &str) -> Option<i64> {
        self.integer(name).filter(|&id| id > 0)
    }

    /// A text, or a number as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match field(self.0, name)? {
            Value::String(text) => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A switch: `true`, `1`, `"enabled"` and `"true"` are on.
    pub(super) fn switch(&self, name: &str) -> bool {
        match field(self.0, name) {
            Some(Value::Bool(on)) => *on,
            Some(Value::String(text)) => ["enabled", "true", "1"]
                .iter()
                .any(|on| text.trim().eq_ignore_ascii_case(on)),
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            _ => false,
        }
    }
}

fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(http: u16, body: impl AsRef<[u8]>) -> Reply {
        Reply::read(&Answer {
            http,
            body: body.as_ref().to_vec(),
        })
    }

    fn entries(body: &str) -> Entries {
        match read(200, body) {
            Reply::Success(entries) => entries,
            _ => panic!("not a success: {body}"),
        }
    }

    #[test]
    fn the_gateways_code_decides_under_any_http_status() {
        let body = r#"{"return":{"status":424,"message":"الگو"},"entries":null}"#;
        for http in [200, 201, 400, 404, 424, 500, 502, 607] {
            assert!(read(http, body) == Reply::Failure(424), "{http}");
        }
    }

    #[test]
    fn code_200_counts_only_under_http_200() {
        let body = r#"{"return":{"status":200,"message":""},"entries":[]}"#;
        let unreadable = Reply::Unreadable;
        assert!(matches!(read(200, body), Reply::Success(_)));
        assert!(read(404, body) == Reply::Misdirected(404));
        assert!(read(503, body) == unreadable(UnknownReason::ServerError(503)));
        assert!(read(202, body) == unreadable(UnknownReason::UnexpectedHttp(202)));
    }

    #[test]
    fn without_an_envelope_the_http_status_decides() {
        let html = "<html>502 Bad Gateway</html>";
        let unreadable = Reply::Unreadable;
        assert!(read(502, html) == unreadable(UnknownReason::ServerError(502)));
        assert!(read(404, html) == Reply::Misdirected(404));
        assert!(read(200, html) == unreadable(UnknownReason::NotJson));
        assert!(read(204, "") == unreadable(UnknownReason::UnexpectedHttp(204)));
        assert!(read(307, "") == Reply::Misdirected(307));
        assert!(read(607, html) == unreadable(UnknownReason::UnexpectedHttp(607)));
    }

    #[test]
    fn useless_bodies_under_http_200_are_told_apart() {
        let cases: [(&[u8], UnknownReason); 9] = [
            (b"", UnknownReason::Empty),
            (b" \r\n", UnknownReason::Empty),
            (br#"{"return":{"status":2"#, UnknownReason::CutJson),
            (b"{}", UnknownReason::NotJson),
            (b"[1]", UnknownReason::NotJson),
            (b"\"ok\"", UnknownReason::NotJson),
            (br#"{"return":{"status":"fine"}}"#, UnknownReason::NotJson),
            (br#"{"return":200}"#, UnknownReason::NotJson),
            (b"\xff\xfe{", UnknownReason::NotJson),
        ];
        for (body, reason) in cases {
            assert!(read(200, body) == Reply::Unreadable(reason), "{body:?}");
        }
    }

    #[test]
    fn names_in_other_capitals_numbers_as_text_and_a_byte_order_mark_are_read() {
        let body = "\u{feff}{\"Return\":{\"Status\":\"200\"},\"Entries\":[{\"MessageId\":\" 2890114507 \",\"Status\":\"5\"}]}";
        let entries = entries(body);
        let rows = entries.rows();
        assert_eq!(rows[0].id("messageid"), Some(2_890_114_507));
        assert_eq!(rows[0].code("status"), Some(5));
    }

    #[test]
    fn entries_may_be_a_list_one_object_or_nothing() {
        let rows = |entries_text: &str| {
            entries(&format!(
                r#"{{"return":{{"status":200}},"entries":{entries_text}}}"#
            ))
            .rows()
            .len()
        };
        assert_eq!(rows(r#"[{"messageid":1},{"messageid":2}]"#), 2);
        assert_eq!(rows(r#"{"messageid":1}"#), 1);
        assert_eq!(rows("[]"), 0);
        assert_eq!(rows("null"), 0);
        assert_eq!(rows(r#"[null,7,"x"]"#), 0);
        assert_eq!(entries(r#"{"return":{"status":200}}"#).rows().len(), 0);
    }

    #[test]
    fn ids_beyond_32_bits_are_kept_and_useless_ones_are_none() {
        let entries = entries(
            r#"{"return":{"status":200},"entries":[{"a":9223372036854775807,"b":0,"c":-5,"d":null,"e":1.5,"f":"x","g":99999999999}]}"#,
        );
        let rows = entries.rows();
        assert_eq!(rows[0].id("a"), Some(i64::MAX));
        for name in ["b", "c", "d", "e", "f", "absent"] {
            assert_eq!(rows[0].id(name), None, "{name}");
        }
        assert_eq!(rows[0].code("g"), None);
    }

    #[test]
    fn switches_are_read_in_every_spelling() {
        let entries = entries(
            r#"{"return":{"status":200},"entries":{"a":"Enabled","b":"true","c":true,"d":1,"e":"disabled","f":"false","g":0,"h":null}}"#,
        );
        let rows = entries.rows();
        for on in ["a", "b", "c", "d"] {
            assert!(rows[0].switch(on), "{on}");
        }
        for off in ["e", "f", "g", "h", "absent"] {
            assert!(!rows[0].switch(off), "{off}");
        }
    }

    /// JSON of any shape, with the names of the gateway among those of its members.
    fn any_json() -> impl Strategy<Value = Value> {
        let name = prop_oneof![
            prop::sample::select(vec![
                "return",
                "Return",
                "entries",
                "status",
                "messageid",
                "receptor"
            ])
            .prop_map(str::to_owned),
            "[a-z]{1,5}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            Just(Value::from(200)),
            any::<String>().prop_map(Value::from),
            "[ +-]?[0-9]{1,22}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever the entries are like, an id is above zero, and a refusal is never read as a success.
        #[test]
        fn fuzz_f_09_answers_of_any_shape_are_read_or_left(
            http in 100_u16..1_000, status in prop_oneof![Just(200_i64), any::<i64>()], entries in any_json(), whole in any_json(),
        ) {
            let body = serde_json::json!({ "return": { "status": status }, "entries": entries });
            let read_as = read(http, body.to_string());
            if let Reply::Success(entries) = &read_as {
                prop_assert!(http == 200 && status == 200);
                for row in entries.rows() {
                    for name in ["messageid", "status", "cost", "receptor", "localid"] {
                        prop_assert!(row.id(name).is_none_or(|id| id > 0));
                        let _read_or_not = (row.code(name), row.text(name), row.switch(name));
                    }
                }
            }
            let of_any = read(http, whole.to_string());
            prop_assert!(!matches!(of_any, Reply::Success(_)) || http == 200);
        }

        #[test]
        fn fuzz_f_09_no_body_makes_the_reader_panic(http in 100_u16..1_000, body in prop::collection::vec(any::<u8>(), 0..200)) {
            let success = matches!(read(http, &body), Reply::Success(_));
            prop_assert!(!success || http == 200);
        }

        #[test]
        fn fuzz_f_09_a_cut_answer_is_never_a_success(cut in 1_usize..160) {
            let whole = r#"{"return":{"status":200,"message":"تایید شد"},"entries":[{"messageid":2890114507,"message":"کد ورود: 40917","status":1,"receptor":"09123004501"}]}"#;
            let kept = &whole.as_bytes()[..whole.len().saturating_sub(cut)];
            prop_assert!(matches!(read(200, kept), Reply::Unreadable(_)));
        }
    }
}
