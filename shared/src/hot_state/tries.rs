//! Tries at a secret that a number alone gives access to: its password, or a code without its
//! session id. Both count on one lock, so that neither gives new guesses to who has used up the
//! other's. A code with its session id has its own attempts and never counts here: a stranger can
//! lock a number, but not keep its owner out.
//!
//! A try is counted as a failure *before* anything is compared, in one step, and taken back when it
//! turns out right (THR-03). A refused try changes nothing.

/// How many failed tries are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TryLimits {
    /// So many failures lock a phone.
    pub phone_failures: u32,
    /// For how long a phone or an address stays locked after its last failure, in milliseconds.
    /// Fewer failures than lock are forgotten after the same time without another.
    pub lock_millis: i64,
    /// What is allowed to one client address.
    pub address: AddressTries,
}

/// How the failures of one client address are limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressTries {
    /// So many a second, and a few at once: made for addresses that many people share.
    Throttled {
        /// Failures a second in the long run.
        per_second: u32,
    },
    /// So many failures lock the address.
    Locked {
        /// How many.
        failures: u32,
    },
}

impl AddressTries {
    /// How many failures may come at once where they are throttled.
    pub const BURST: u32 = 10;
}

/// What refused a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRule {
    /// Too many failures for the phone.
    Phone,
    /// Too many failures from the address.
    Address,
}

impl TryRule {
    /// Every rule there is.
    pub const ALL: [Self; 2] = [Self::Phone, Self::Address];

    /// The name in metrics and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "failures_phone",
            Self::Address => "failures_address",
        }
    }
}

/// Whether a try may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Try {
    /// It is counted as a failure; compare now.
    Counted,
    /// Nothing was counted, and nothing may be compared.
    Refused {
        /// The rule that takes longest to allow a try.
        rule: TryRule,
        /// When it will, in milliseconds.
        retry_after_millis: i64,
    },
}
