//! The commands of the binary `api`, as an operator runs them: the real binary on real stores.

mod key_drill;
mod stage;
