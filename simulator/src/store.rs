//! What the simulated gateway remembers: one account and its messages.

pub(crate) mod account;
pub(crate) mod delivery;
pub(crate) mod inbound;
pub(crate) mod message;
pub(crate) mod messages;
