//! The console of a running installation.

mod role;
