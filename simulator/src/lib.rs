#![doc = include_str!("../README.md")]

mod admin;
mod clock;
mod faults;
mod gateway;
mod host;
mod inbox;
mod journal;
mod random;
mod reports;
mod simulator;
mod stats;
mod store;
pub mod tls;

pub use crate::{
    clock::{Clock, UnixMillis},
    faults::{Fault, FaultRule, ResetConnection, ResettableAcceptor},
    simulator::{Simulator, SimulatorConfig},
    store::{
        account::{
            Account, AccountKind, ApiLogs, CallbackMethod, CallbackSettings, EmptyReads,
            HttpStatusMode, Plan, Template,
        },
        delivery::{DeliveryRule, DeliverySettings, DeliveryStatus},
        message::ReceivedMessage,
    },
};
