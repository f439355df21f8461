//! The end of an account, for anyone who types the word.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::challenge::Locale;
use domain::typed::visible_line;
use flows::profile;
use http::StatusCode;
use web::PageCookie;

use crate::account::{Account, AccountForm, sign_in_for};
use crate::fault::Fault;
use crate::frame::{Frame, lead_to, page, page_of_trouble};
use crate::home::Notice;
use crate::pages::{DELETE, HOME};
use crate::state::{Look, PagesState};
use crate::trouble::Trouble;
use crate::visitor::Visitor;
use crate::words::{Words, fill};

/// The page that asks for the word.
#[derive(Template)]
#[template(path = "delete.html")]
pub(crate) struct DeletePage {
    pub(crate) frame: Frame,
    pub(crate) label: String,
    pub(crate) trouble: Option<Trouble>,
}

impl DeletePage {
    pub(crate) fn new(look: &Look, visitor: &Visitor, number: Option<String>) -> Self {
        let words = &visitor.words.account.delete;
        let mut frame = Frame::new(look, visitor, words.title);
        frame.member = number;
        Self {
            frame,
            label: fill(words.label, "{word}", words.word),
            trouble: None,
        }
    }

    /// The same for anyone who typed something else.
    pub(crate) fn wrong(mut self, visitor: &Visitor) -> Self {
        let words = &visitor.words.account.delete;
        let (title, detail) = words.word_wrong;
        let detail = fill(detail, "{word}", words.word);
        self.frame = self.frame.of_error();
        self.trouble = Some(Trouble::of((title, &detail)));
        self
    }
}

/// Whether it is the word, in either language: the page may have been changed to another in between.
fn is_word(typed: &str) -> bool {
    let typed = visible_line(typed).to_lowercase();
    let typed = typed.trim_matches(['«', '»', '“', '”', '"', ' ']);
    [Locale::Fa, Locale::En]
        .into_iter()
        .any(|locale| Words::of(locale).account.delete.word == typed)
}

/// `GET /users/profile/delete/`
pub(crate) async fn show(
    State(state): State<PagesState>,
    visitor: Visitor,
    account: Account,
) -> Response {
    let fresh = account.member.fresh(&state.flows).map(|_| ());
    if let Err(refusal) = fresh
        && let Some(sign_in) = sign_in_for(&refusal, DELETE)
    {
        return account.answer(&state, sign_in);
    }
    let shown = DeletePage::new(&state.look, &visitor, account.number());
    account.answer(&state, page(&state, &visitor, StatusCode::OK, &shown))
}

/// `POST /users/profile/delete/`
pub(crate) async fn delete(
    State(state): State<PagesState>,
    visitor: Visitor,
    AccountForm { account, form }: AccountForm,
) -> Response {
    if !is_word(form.text("word")) {
        let shown = DeletePage::new(&state.look, &visitor, account.number()).wrong(&visitor);
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let response = page_of_trouble(&state, &visitor, status, "word_wrong", &shown);
        return account.answer(&state, response);
    }
    let deleted = async {
        let owner = account.member.fresh(&state.flows)?;
        profile::delete_account(&state.flows, owner).await
    };
    match deleted.await {
        Ok(()) => {
            let mut response = lead_to(HOME);
            let (headers, cookies) = (response.headers_mut(), state.site.cookies);
            cookies.take_back(headers);
            cookies.forget(headers, PageCookie::SignIn);
            cookies.forget(headers, PageCookie::Device);
            Notice::Deleted.keep(headers, cookies);
            response
        }
        Err(refusal) => {
            let sign_in = sign_in_for(&refusal, DELETE);
            let response = sign_in.unwrap_or_else(|| Fault::from(refusal).into_response());
            account.answer(&state, response)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_taken_as_people_type_it_and_no_other_is() {
        for typed in [
            "حذف",
            " حذف\u{200f}\n",
            "«حذف»",
            "delete",
            "Delete",
            "DELETE ",
            "“delete”",
        ] {
            assert!(is_word(typed), "{typed:?}");
        }
        for typed in [
            "",
            " ",
            "del",
            "deleted",
            "حذف حساب",
            "yes",
            "بله",
            "delete delete",
        ] {
            assert!(!is_word(typed), "{typed:?}");
        }
    }
}
