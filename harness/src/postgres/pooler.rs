//! `PgBouncer` in front of a server: clients share its few connections.

use std::{fs, path::PathBuf};

use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tempfile::TempDir;

use super::{PostgresServer, START, USER};
use crate::{
    child::{self, Child},
    port::free_port,
    scratch,
};

/// So few that clients meet on each connection.
const CONNECTIONS: u32 = 4;

/// A `PgBouncer` in transaction mode over all databases of a server.
pub struct PgBouncer {
    // Before the folder: fields are dropped in this order, and the process writes there.
    child: Child,
    _directory: TempDir,
    port: u16,
}

impl PgBouncer {
    /// Starts it and waits until it answers.
    ///
    /// # Panics
    ///
    /// When `pgbouncer` is not installed or does not come up.
    pub async fn start(server: &PostgresServer) -> Self {
        // Debian keeps it out of a user's PATH.
        let of_debian = || {
            let program = PathBuf::from("/usr/sbin/pgbouncer");
            program.is_file().then_some(program)
        };
        let Some(program) = child::find_in_path("pgbouncer").or_else(of_debian) else {
            panic!("pgbouncer is neither in PATH nor in /usr/sbin: apt-get install pgbouncer");
        };
        let directory = scratch::directory();
        let port = free_port();
        let settings = directory.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n\
             * = host=127.0.0.1 port={} user={USER}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             default_pool_size = {CONNECTIONS}\n\
             max_client_conn = 500\n\
             server_idle_timeout = 2\n",
            server.port()
        );
        if let Err(error) = fs::write(&settings, text) {
            panic!("cannot write {}: {error}", settings.display());
        }
        server.installation.give(directory.path());
        let mut command = server.installation.command_of_its_user(&program);
        command.current_dir(directory.path()).arg(&settings);
        let log = directory.path().join("pgbouncer.log");
        let child = Child::start("pgbouncer", command, &log);
        let mut pooler = Self {
            child,
            _directory: directory,
            port,
        };
        let url = pooler.in_place_of(server, &server.url());
        let connect = async |_: &Child| {
            let connection = PgConnection::connect_with(&without_extras(&url))
                .await
                .ok()?;
            connection.close().await.ok()
        };
        pooler
            .child
            .wait_until("answer to a client", START, connect)
            .await;
        pooler
    }

    /// The same database through it.
    #[must_use]
    pub fn in_place_of(&self, server: &PostgresServer, url: &str) -> String {
        let own = format!("127.0.0.1:{}", self.port);
        url.replacen(&server.address(), &own, 1)
    }
}

fn without_extras(url: &str) -> PgConnectOptions {
    let options: PgConnectOptions = url
        .parse()
        .unwrap_or_else(|error| panic!("not the URL of a database: {error}"));
    options.extra_float_digits(None)
}
