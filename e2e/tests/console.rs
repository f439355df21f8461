//! The console of a running installation.

mod browser;
mod role;
