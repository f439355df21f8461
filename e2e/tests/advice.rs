//! What operators are told to do: in the pages for them, in errors at the start and in warnings. Whatever
//! is named there exists, and whatever can be run is run.

mod commands;
mod names;
mod page;
mod running;
mod sources;
mod start_errors;
mod texts;
