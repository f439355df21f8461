//! The trace that a request belongs to (W3C Trace Context, `traceparent`).

use http::HeaderMap;
use shared::random::Random;

const HEADER: &str = "traceparent";

/// The client's `traceparent` if it is valid, else the beginning of a new trace. It goes into the
/// job, so that one trace follows the message to the gateway.
pub(crate) fn of_request(headers: &HeaderMap, random: &Random) -> String {
    headers
        .get(HEADER)
        .and_then(|value| value.to_str().ok())
        .filter(|text| is_valid(text))
        .map_or_else(|| begin(random), str::to_owned)
}

fn begin(random: &Random) -> String {
    // A version 4 UUID is never all zero, which the standard forbids.
    let trace = random.uuid_v4().simple();
    let span = random.positive_i64();
    format!("00-{trace}-{span:016x}-01")
}

/// Version 00 exactly: `00-<32 hex>-<16 hex>-<2 hex>`, lower case, ids not all zero.
fn is_valid(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut hex = |length: usize| {
        parts.next().filter(|part| {
            part.len() == length
                && part
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let (version, trace, span, flags) = (hex(2), hex(32), hex(16), hex(2));
    let not_zero = |id: Option<&str>| id.is_some_and(|id| id.bytes().any(|byte| byte != b'0'));
    version == Some("00")
        && not_zero(trace)
        && not_zero(span)
        && flags.is_some()
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_valid_header_is_passed_on_and_any_other_begins_a_new_trace() {
        let random = Random::seeded(1);
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_static(VALID));
        assert_eq!(of_request(&headers, &random), VALID);
        for wrong in [
            "",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            r#"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333"-01"#,
        ] {
            headers.insert(HEADER, HeaderValue::from_static(wrong));
            let made = of_request(&headers, &random);
            assert!(is_valid(&made) && made != wrong, "{wrong}: {made}");
        }
    }
}
