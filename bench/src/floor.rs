//! What Ramz is compared with: the least that somebody could write for the same purpose.

mod http;
mod redis_writes;
mod sends;
mod sign_ins;
mod sqlite_writes;

pub(crate) use http::serve;
pub(crate) use sends::{SendLoop, WithRecords};
pub(crate) use sign_ins::serve as serve_sign_ins;
