//! The console of Ramz for the people who run it, in Persian and English, whole without JavaScript.
//!
//! It is mounted on a listener of its own, never on the public one. A page reads an address or a form, calls a
//! use case of [`flows`] and renders the value or the refusal. A newcomer's order of reading: `console.rs` for the
//! routes, `staff/who.rs` for who is signed in and what they may do, `frame.rs` for what all pages share.
//!
//! | file | what it is for |
//! |---|---|
//! | `console.rs` | the routes; what handlers work with |
//! | `staff/` | signing in; who is signed in; who has which role |
//! | `overview/`, `users/`, `audit/`, `settings/` | one section each |
//! | `limits/`, `dead/`, `spending/` | what rules refused, what was not sent, what was spent |
//! | `visitor.rs`, `form.rs` | what comes in: language, forms |
//! | `frame.rs`, `fault.rs` | what goes out: pages, and pages about what is wrong |
//! | `hosts.rs` | under which names it answers at all |
//! | `sends/`, `number_page/`, `export/`, `search.rs` | lists of codes, one number, files, the field at the top |
//! | `times.rs` | moments and spans, in the calendar of the reader |
//! | `number.rs` | numbers, masked or whole |
//! | `words/` | texts in both languages; one that is missing does not compile |
//! | `assets.rs` | style, script and fonts |
//!
//! **A page more:** its texts in `words/`, a template that extends `frame.html`, a handler that takes
//! [`Staff`](staff::Staff), begins with `staff.may(…)?` and ends with [`frame::page`], a route in `console.rs`, a line
//! in `NAVIGATION` of `frame.rs` where it is a section. **An action:** a form with `token` and `reason`, a handler that takes
//! `Form` too and gives `staff.deed(form.reason()?)` to a use case, which writes it into the audit log.

mod assets;
mod audit;
mod console;
mod dead;
mod export;
mod fault;
mod form;
mod frame;
mod hosts;
mod limits;
mod number;
mod number_page;
mod overview;
mod search;
mod sends;
mod settings;
mod spending;
mod staff;
mod times;
mod users;
mod visitor;
mod words;

pub use console::Console;
