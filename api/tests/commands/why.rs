//! `api why`: everything that can become of a code, told in words.

mod endings;
mod service;
mod stage;
mod subjects;

pub(crate) use endings::*;
pub(crate) use service::*;
pub(crate) use stage::Service;
pub(crate) use subjects::*;
