//! The console over HTTP, on a listener of its own.

pub(crate) mod desk;
pub(crate) mod door;
pub(crate) mod gates;
pub(crate) mod lists;
pub(crate) mod people;
pub(crate) mod roles;
pub(crate) mod sign_in;

pub(crate) use desk::Desk;
