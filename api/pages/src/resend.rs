//! The code once more, by SMS or by a call: a form of its own, so that a field with digits in it does
//! not become a wrong code.

use axum::extract::State;
use axum::response::Response;
use domain::challenge::Channel;
use flows::otp::CodeRequest;
use http::HeaderMap;

use crate::account::sign_in_for;
use crate::asking::ask;
use crate::fault::Fault;
use crate::form::Form;
use crate::frame::lead_to;
use crate::member::Membership;
use crate::pages::{HOME, VERIFY};
use crate::pending::{Event, PendingSignIn};
use crate::state::PagesState;
use crate::verify::{refused, waiting_on};
use crate::visitor::CallerOf;

/// `POST /accounts/verify/resend/`
pub(crate) async fn send_again(
    State(state): State<PagesState>,
    CallerOf(caller): CallerOf,
    membership: Membership,
    headers: HeaderMap,
    form: Form,
) -> Result<Response, Fault> {
    form.require_good()?;
    let Some(pending) = PendingSignIn::read(&headers, state.site.cookies, &state.seal) else {
        return Ok(lead_to(VERIFY));
    };
    let channel = match form.text("channel") {
        "call" => Channel::Call,
        _ => Channel::Sms,
    };
    let request = CodeRequest {
        phone_number: Some(pending.phone.as_e164().to_owned()),
        session: Some(pending.session),
        channel: Some(channel),
        locale: None,
    };
    let member = membership.member.as_ref();
    let answer = match ask(&state, caller, pending.intent, member, request).await {
        Ok(sent) => {
            let same = sent.session == pending.session;
            let (intent, next) = (pending.intent, pending.next);
            let mut next = PendingSignIn::after(&sent, channel, intent, next, &state.flows);
            next.event = match (sent.sent, channel, same) {
                (false, ..) => Event::SentBefore(channel),
                (true, Channel::Call, _) => Event::Called,
                (true, Channel::Sms, true) => Event::SentAgain,
                (true, Channel::Sms, false) => Event::Asked,
            };
            if !sent.sent {
                next.channel = pending.channel;
            }
            waiting_on(&state, &next, None)
        }
        Err(refusal) => match sign_in_for(&refusal, pending.intent.number_page().unwrap_or(HOME)) {
            Some(sign_in) => sign_in,
            None => refused(&state, pending, &refusal),
        },
    };
    Ok(membership.with_cookies(&state.site, answer))
}
