//! What all calls of the gateway share: their limit, and their spans. Its address holds the key, so
//! none of it is ever in one.

use std::time::Duration;

use gateway::Method;
use shared::traces::Span;

/// The limit of one call, above the client's own: when it strikes, the call is aborted. It stays
/// below the time after which a silent job is taken for orphaned. Waiting for the ledger is not
/// under it, because a job that waits there is kept alive.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(8);

/// One call.
pub(crate) fn call_span(method: Method) -> Span {
    let span = Span::client(match method {
        Method::Lookup => "gateway verify/lookup",
        Method::Send => "gateway sms/send",
        Method::StatusByLocalId => "gateway sms/statuslocalmessageid",
        Method::StatusByReceptor => "gateway sms/statusbyreceptor",
        _ => "gateway",
    });
    span.set("peer.service", "kavenegar");
    span
}

/// What came of it: `return.status` of the answer, and the kind of failure.
pub(crate) fn answered(span: &Span, gateway_status: Option<i32>, failure: Option<&'static str>) {
    if let Some(status) = gateway_status {
        span.set("ramz.gateway.status", i64::from(status));
    }
    match failure {
        Some(class) => span.fail(class),
        None => span.set("ramz.outcome", "accepted"),
    }
}
