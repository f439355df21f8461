//! Proving once more who one is, by a code to one's own number, before what concerns the safety of an
//! account.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use domain::challenge::Channel;
use flows::Refusal;
use http::{HeaderMap, StatusCode};

use crate::account::{Account, AccountForm};
use crate::applications::who_asks;
use crate::asking::ask_for_number;
use crate::frame::{Frame, lead_to, page, page_of_refusal};
use crate::login::Asked;
use crate::pages::CONFIRM;
use crate::pending::{Intent, PendingSignIn};
use crate::state::{Look, PagesState};
use crate::trouble::Trouble;
use crate::verify::waiting_on;
use crate::visitor::{CallerOf, Visitor};
use crate::words::around;
use web::OwnPath;

/// The page that asks.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(crate) struct ConfirmPage {
    pub(crate) frame: Frame,
    pub(crate) number: String,
    pub(crate) lead: (String, String),
    pub(crate) next: Option<OwnPath>,
    pub(crate) trouble: Option<Trouble>,
}

impl ConfirmPage {
    pub(crate) fn new(look: &Look, visitor: &Visitor, number: &str, next: Option<OwnPath>) -> Self {
        let words = &visitor.words.account.confirm;
        let mut frame = Frame::new(look, visitor, words.title);
        frame.member = Some(number.to_owned());
        Self {
            frame,
            number: number.to_owned(),
            lead: around(words.lead, "{number}"),
            next,
            trouble: None,
        }
    }

    pub(crate) fn refused(mut self, refusal: &Refusal, visitor: &Visitor) -> Self {
        let wait = refusal.details.retry_after;
        let (code, words) = (refusal.code, visitor.words);
        let trouble = Trouble::of_refusal(code, wait, None, words, visitor.request_id);
        self.frame = self.frame.of_error();
        self.trouble = Some(trouble);
        self
    }
}

/// `GET /accounts/confirm/`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    account: Account,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let (number, next) = (account.number().unwrap_or_default(), Asked::next(asked));
    let asks = who_asks(&state, &headers, next.as_ref(), visitor.words).await;
    let mut shown = ConfirmPage::new(&state.look, &visitor, &number, next);
    shown.frame.asks = asks;
    account.answer(&state, page(&state, &visitor, StatusCode::OK, &shown))
}

/// `POST /accounts/confirm/`
pub(crate) async fn send(
    State(state): State<PagesState>,
    visitor: Visitor,
    CallerOf(caller): CallerOf,
    headers: HeaderMap,
    AccountForm { account, form }: AccountForm,
) -> Response {
    let next = OwnPath::parse(form.text("next"));
    let intent = Intent::Confirm;
    let Some(phone) = &account.member.user.phone else {
        return account.answer(&state, lead_to(CONFIRM));
    };
    let pending = PendingSignIn::read(&headers, state.site.cookies, &state.seal);
    let sent = ask_for_number(&state, caller, intent, None, phone.as_e164(), pending).await;
    let response = match sent {
        Ok(sent) => {
            let pending = PendingSignIn::after(&sent, Channel::Sms, intent, next, &state.flows);
            waiting_on(&state, &pending, None)
        }
        Err(refusal) => refused(&state, &visitor, &account, next, &refusal),
    };
    account.answer(&state, response)
}

fn refused(
    state: &PagesState,
    visitor: &Visitor,
    account: &Account,
    next: Option<OwnPath>,
    refusal: &Refusal,
) -> Response {
    let number = account.number().unwrap_or_default();
    let shown = ConfirmPage::new(&state.look, visitor, &number, next).refused(refusal, visitor);
    page_of_refusal(state, visitor, refusal, &shown)
}
