//! The guides in `docs/guides`: each of their files is taken out of the text as it stands there and
//! run against the real binary, with a real browser, JVM, Django, Node and nginx. And Swagger UI, which
//! is a guide too, in the same browser.

mod back_end;
mod browser;
mod django;
mod guide;
mod lossy_proxy;
mod mobile;
mod node;
mod other_origins;
mod service;
mod site;
mod swagger_ui;
mod tokens;
mod web;
