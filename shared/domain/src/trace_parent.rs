//! The place of a request in a trace (W3C Trace Context, header `traceparent`).

use std::fmt;
use std::str::FromStr;

use crate::random::Random;

/// Bit of the flags: somebody records this trace.
const SAMPLED: u8 = 1;

/// A trace, a span in it, and whether it is recorded. The text form is that of the header,
/// `00-<trace>-<span>-<flags>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    trace: u128,
    span: u64,
    flags: u8,
}

/// No `traceparent` of version 00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent of version 00")]
pub struct NoTraceParent;

impl TraceParent {
    /// A span of a trace, which nobody records; neither id is 0.
    pub fn new(trace: u128, span: u64) -> Self {
        Self {
            trace,
            span,
            flags: 0,
        }
    }

    /// The beginning of a new trace, which nobody records yet.
    pub fn begin(random: &Random) -> Self {
        Self {
            // A version 4 UUID is never all zero, which the standard forbids.
            trace: random.uuid_v4().as_u128(),
            span: random.positive_i64().unsigned_abs(),
            flags: 0,
        }
    }

    /// The trace, 32 hexadecimal digits in text.
    pub fn trace_id(self) -> TraceId {
        TraceId(self.trace)
    }

    /// The span, not 0.
    pub fn span_id(self) -> u64 {
        self.span
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The same place, recorded or not; other flags are dropped.
    #[must_use]
    pub fn sampled(self, sampled: bool) -> Self {
        let flags = if sampled { SAMPLED } else { 0 };
        Self { flags, ..self }
    }
}

impl FromStr for TraceParent {
    type Err = NoTraceParent;

    /// Version 00 exactly: `00-<32 hex>-<16 hex>-<2 hex>`, lower case, ids not all zero.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-');
        let mut next = |digits: usize| {
            let part = parts.next().filter(|part| {
                part.len() == digits
                    && part
                        .bytes()
                        .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            })?;
            u128::from_str_radix(part, 16).ok()
        };
        let (version, trace, span, flags) = (next(2), next(32), next(16), next(2));
        let (Some(0), Some(trace @ 1..), Some(span @ 1..), Some(flags), None) =
            (version, trace, span, flags, parts.next())
        else {
            return Err(NoTraceParent);
        };
        Ok(Self {
            trace,
            span: u64::try_from(span).map_err(|_| NoTraceParent)?,
            flags: u8::try_from(flags).map_err(|_| NoTraceParent)?,
        })
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, flags } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{flags:02x}")
    }
}

/// The id of a trace; its text form is 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceId(u128);

impl TraceId {
    /// The id as a number, not 0.
    pub fn as_u128(self) -> u128 {
        self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_valid_text_is_read_and_written_as_it_was() {
        let parent: TraceParent = VALID.parse().expect("valid");
        assert_eq!(parent.to_string(), VALID);
        assert_eq!(
            parent.trace_id().to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert_eq!(parent.span_id(), 0xb7ad_6b71_6920_3331);
        assert!(parent.is_sampled() && !parent.sampled(false).is_sampled());
        let other = TraceParent::new(0xab, 1).to_string();
        assert_eq!(
            other,
            "00-000000000000000000000000000000ab-0000000000000001-00"
        );
    }

    #[test]
    fn what_begins_here_is_valid_and_not_recorded() {
        let made = TraceParent::begin(&Random::seeded(1));
        assert_eq!(made.to_string().parse(), Ok(made));
        assert!(!made.is_sampled());
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            "",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            r#"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333"-01"#,
        ] {
            assert_eq!(wrong.parse::<TraceParent>(), Err(NoTraceParent), "{wrong}");
        }
    }
}
