//! The pages of Ramz for people: sign in with a code, in Persian and English, whole without JavaScript.
//!
//! A page reads a form, calls one use case of the crate [`flows`] and renders the value or the refusal.
//! What a page finds missing belongs into `flows`, never here. A newcomer's order of reading: `pages.rs`
//! for the routes, `login.rs` and `verify.rs` for the two pages that matter, `frame.rs` for what all of
//! them share.
//!
//! | file | what it is for |
//! |---|---|
//! | `pages.rs`, `state.rs` | the routes; what handlers work with |
//! | `home.rs`, `login.rs`, `verify.rs`, `resend.rs`, `message.rs`, `log_out.rs`, `language.rs` | one page or form each |
//! | `code_page.rs` | everything that the page of the code can show |
//! | `elsewhere.rs` | addresses of others' pages, which lead to ours |
//! | `visitor.rs`, `member.rs` | who looks at a page; who is signed in |
//! | `pending.rs` | the sign-in under way, which the browser keeps sealed |
//! | `form.rs`, `own_path.rs` | what comes in: forms, and where to go afterwards |
//! | `frame.rs`, `fault.rs`, `trouble.rs` | what goes out: pages, pages about a request, refusals as people read them |
//! | `words/`, `times.rs`, `number.rs` | texts, moments and numbers in the language of the reader |
//! | `assets.rs`, `brand.rs` | style, script, fonts and logo; whose pages they are |
//!
//! **A page more:** its texts in `words/` (both languages, or it does not compile), a template that
//! extends `frame.html`, a handler that ends with [`frame::page`], a route in `pages.rs`, a scene in
//! `gallery/`. **A state more:** a scene beside it.

mod assets;
mod brand;
mod code_page;
mod elsewhere;
mod fault;
mod form;
mod frame;
pub mod gallery;
mod home;
mod language;
mod log_out;
mod login;
mod member;
mod message;
mod number;
mod own_path;
mod pages;
mod pending;
mod resend;
mod state;
mod times;
mod trouble;
mod verify;
mod visitor;
mod words;

pub use pages::Pages;
