//! What Ramz speaks of, without any store, network or server.
//!
//! A newcomer's order of reading: [`phone`], [`challenge`] and [`otp`] are the life of a code,
//! [`password`] and [`tokens`] what comes after it, [`delivery`] what becomes of a message, [`limits`] how much of all this anybody may
//! have. [`clock`]
//! and [`random`] are how time and chance come in.

pub mod challenge;
pub mod client_address;
pub mod clock;
pub mod delivery;
pub mod limits;
pub mod loopback;
pub mod notice;
pub mod number_hash;
pub mod otp;
pub mod password;
pub mod phone;
pub mod random;
pub mod root;
pub mod sealed;
pub mod staff;
pub mod templates;
pub mod tokens;
pub mod trace_parent;
pub mod typed;
