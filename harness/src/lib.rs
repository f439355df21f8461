//! Starts real servers and Ramz processes for tests, breaks them on purpose, and leaves nothing
//! behind.
//!
//! Every server has its own port on 127.0.0.1 and its own directory, so tests run side by side.
//! Everything that is started ends with the value that started it, and also when the test process
//! itself is killed.
//!
//! This crate serves tests only: it panics, with a message that says what to do, wherever a test
//! could not go on.

mod child;
mod django;
mod on_each;
mod port;
mod postgres;
mod process;
mod redis_server;
mod relay;
mod scratch;
mod small_disk;
mod wait;
mod whole_lines;

pub use django::make_django_password;
pub use port::free_port;
pub use postgres::{PgBouncer, PostgresServer};
pub use process::{Process, ProcessCommand, python};
pub use redis_server::RedisServer;
pub use relay::Relay;
pub use small_disk::SmallDisk;
pub use wait::{eventually, wait_for_http};
pub use whole_lines::whole_lines;
