//! The pages of Ramz for people: sign in, and see to the account, in Persian and English, whole without JavaScript.
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
//! | `password_log_in.rs`, `reset.rs` | logging in with a password; a new one by a code |
//! | `password.rs`, `profile.rs`, `phone.rs`, `devices.rs`, `delete.rs` | what members see and change of their account |
//! | `account.rs`, `confirm.rs` | pages for members only; proving once more who one is |
//! | `device_name.rs` | what people would call a device |
//! | `applications/` | people whom a site or an app has led here, and their way back |
//! | `asking.rs` | a code for whatever it is asked for |
//! | `code_page.rs` | everything that the page of the code can show |
//! | `elsewhere.rs` | addresses of others' pages, which lead to ours |
//! | `visitor.rs`, `member.rs` | who looks at a page; who is signed in |
//! | `pending.rs` | the sign-in under way, which the browser keeps sealed |
//! | `form.rs` | what comes in: forms |
//! | `frame.rs`, `fault.rs`, `trouble.rs` | what goes out: pages, pages about a request, refusals as people read them |
//! | `words/`, `times.rs`, `number.rs` | texts, moments and numbers in the language of the reader |
//! | `ready.rs` | pages that are made once, at the start |
//! | `assets.rs`, `brand.rs` | style, script, fonts and logo; whose pages they are |
//!
//! **A page more:** its texts in `words/` (both languages, or it does not compile), a template that
//! extends `frame.html`, a handler that ends with [`frame::page`], a route in `pages.rs`, a scene in
//! `gallery/`. **A state more:** a scene beside it.

mod account;
mod applications;
mod asking;
mod assets;
mod brand;
mod code_page;
mod confirm;
mod delete;
mod device_name;
mod devices;
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
mod pages;
mod password;
mod password_log_in;
mod pending;
mod phone;
mod profile;
mod ready;
mod resend;
mod reset;
mod state;
mod times;
mod trouble;
mod verify;
mod visitor;
mod words;

pub use pages::Pages;
