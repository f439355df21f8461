//! Pages for members only: anyone who is not signed in is led to the sign-in and back.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse as _, Response};
use flows::sessions::Authenticated;
use flows::{Refusal, RefusalCode};
use http::request::Parts;

use crate::fault::Fault;
use crate::form::Form;
use crate::frame::lead_to;
use crate::login::with_next;
use crate::member::Membership;
use crate::number::spaced;
use crate::pages::{CONFIRM, LOG_IN};
use crate::state::PagesState;
use web::OwnPath;

/// Somebody who is signed in, on a page that is theirs alone.
pub(crate) struct Account {
    pub(crate) member: Authenticated,
    /// Keeps what becomes of the cookies.
    pub(crate) membership: Membership,
}

/// A form of a member.
pub(crate) struct AccountForm {
    pub(crate) account: Account,
    pub(crate) form: Form,
}

impl Account {
    /// Their number, for the head of the page.
    pub(crate) fn number(&self) -> Option<String> {
        self.member.user.phone.as_ref().map(spaced)
    }

    /// Lets the browser have what belongs to the session now.
    pub(crate) fn answer(&self, state: &PagesState, response: Response) -> Response {
        self.membership.with_cookies(&state.site, response)
    }
}

/// Where a refusal leads that a sign-in would mend, and back from there to a page; `None` for any other.
pub(crate) fn sign_in_for(refusal: &Refusal, back_to: &str) -> Option<Response> {
    let next = OwnPath::parse(back_to);
    let place = match refusal.code.as_str() {
        "fresh_sign_in_required" | "code_sign_in_required" => CONFIRM,
        _ if refusal.code == RefusalCode::Unauthenticated => LOG_IN,
        _ => return None,
    };
    Some(lead_to(&with_next(place, next.as_ref())))
}

impl FromRequestParts<PagesState> for Account {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &PagesState) -> Result<Self, Response> {
        let membership = Membership::from_request_parts(parts, state).await;
        let mut membership = membership.map_err(Fault::into_response)?;
        let Some(member) = membership.member.take() else {
            let next = OwnPath::parse(parts.uri.path());
            let sign_in = lead_to(&with_next(LOG_IN, next.as_ref()));
            return Err(membership.with_cookies(&state.site, sign_in));
        };
        Ok(Self { member, membership })
    }
}

impl FromRequest<PagesState> for AccountForm {
    type Rejection = Response;

    async fn from_request(request: Request, state: &PagesState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        // The form first: what another site sends must not even renew a session.
        let request = Request::from_parts(parts.clone(), body);
        let form = Form::from_request(request, state).await;
        let form = form.map_err(Fault::into_response)?;
        form.require_good().map_err(Fault::into_response)?;
        let account = Account::from_request_parts(&mut parts, state).await?;
        Ok(Self { account, form })
    }
}
