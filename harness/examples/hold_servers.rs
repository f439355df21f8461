//! Starts one of each, prints their pids on one line and holds them until its standard input ends.
//!
//! A test kills it to see that everything it started dies with it; by hand it is a way to have
//! servers to play with.

use std::io::{Write as _, stdin, stdout};

use harness::{PostgresServer, Process, RedisServer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let redis = RedisServer::start().await;
    let postgres = PostgresServer::start().await;
    let process = Process::program("/bin/sleep").arg("600").start();

    let mut output = stdout();
    writeln!(
        output,
        "{} {} {}",
        redis.pid(),
        postgres.pid(),
        process.pid()
    )?;
    output.flush()?;

    std::io::copy(&mut stdin(), &mut std::io::sink())?;
    Ok(())
}
