//! Faults that are injected on demand: which calls they hit and what they do to the answer.

pub(crate) mod answer;
mod connection;
mod rate;
mod rule;
mod rules;

pub use connection::{ResetConnection, ResettableAcceptor};
pub(crate) use rate::CallRate;
pub use rule::{Fault, FaultRule};
pub(crate) use rules::{ActiveRule, FaultRules};
