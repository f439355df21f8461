//! `api why`: each way in which a code can fare, told in words.

mod endings;
mod service;
mod stage;
mod subjects;

pub(crate) use endings::*;
pub(crate) use service::*;
pub(crate) use stage::Service;
pub(crate) use subjects::*;
