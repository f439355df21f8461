//! A PostgreSQL server, with crashes and hangs on demand.

mod family;
mod installation;
mod pooler;
mod standby;
mod template;

use std::{
    path::Path,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::{child::Child, port::free_port, scratch, wait::eventually};
use installation::Installation;
pub use pooler::PgBouncer;

const START: Duration = Duration::from_mins(2);
const STOP: Duration = Duration::from_mins(1);

/// The superuser of every test server. Connections from 127.0.0.1 need no password.
const USER: &str = "ramz";

/// A PostgreSQL server of one test or of several, each with its own database.
pub struct PostgresServer {
    // Before the folder: fields are dropped in this order, and the server writes there.
    child: Child,
    directory: TempDir,
    installation: Installation,
    port: u16,
    fsync: bool,
    databases: AtomicU32,
}

impl PostgresServer {
    /// Starts an empty server that syncs every commit, as in production, and waits until it
    /// answers.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed or does not come up.
    pub async fn start() -> Self {
        Self::start_with(true).await
    }

    /// Starts an empty server that never syncs, for tests to which only speed matters. It still
    /// keeps every commit when its processes are killed.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is not installed or does not come up.
    pub async fn start_without_fsync() -> Self {
        Self::start_with(false).await
    }

    async fn start_with(fsync: bool) -> Self {
        Self::start_on(fsync, |installation, data| {
            template::copy(installation, data);
        })
        .await
    }

    /// Starts a standby of this server, which has everything and gets what is written from now on
    /// before the writer is told that it was committed.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub async fn start_standby(&self) -> Self {
        let port = self.port;
        let standby = Self::start_on(self.fsync, move |installation, data| {
            standby::copy(installation, data, port);
        })
        .await;
        // Where it comes up, it reads what this server sends. Databases are made elsewhere.
        for setting in [
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
            "SELECT pg_reload_conf()",
        ] {
            self.execute(setting).await;
        }
        standby
    }

    /// Makes a standby the primary.
    ///
    /// # Panics
    ///
    /// When it does not become one.
    pub async fn promote(&self) {
        self.execute("SELECT pg_promote()").await;
    }

    /// Ends the server in order and starts it again as a standby of another, which was a standby of
    /// this one and has been promoted, or will be.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub async fn restart_as_standby_of(&mut self, primary: &Self) {
        standby::follow(
            &self.installation,
            &self.directory.path().join("data"),
            primary.port,
        );
        self.restart().await;
    }

    /// Waits until clients have connected, as they do to a server that answers.
    ///
    /// # Panics
    ///
    /// When none does.
    pub async fn wait_for_clients(&self) {
        let clients = "SELECT count(*) FROM pg_stat_activity \
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        eventually(START, async || {
            let mut connection = PgConnection::connect(&self.url()).await.ok()?;
            let count: i64 = sqlx::query_scalar(clients)
                .fetch_one(&mut connection)
                .await
                .ok()?;
            (count > 0).then_some(())
        })
        .await;
    }

    /// Gives the server so many files of 16 MB for its log. One that has run for a while uses its old ones again; a new
    /// one makes each when it is needed, and commits wait for 16 MB of zeroes.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn make_log_files(&self, files: u32) {
        let megabytes = 16 * files;
        self.execute(&format!("ALTER SYSTEM SET min_wal_size = '{megabytes}MB'"))
            .await;
        self.execute("SELECT pg_reload_conf()").await;
        for _ in 0..files {
            // Without anything in it, it would go on with the same file.
            self.execute("SELECT txid_current()").await;
            self.execute("SELECT pg_switch_wal()").await;
        }
        self.execute("CHECKPOINT").await;
    }

    /// Makes the server refuse writes from now on, on the connections that it has too.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn close_for_writes(&self) {
        self.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            .await;
        self.execute("SELECT pg_reload_conf()").await;
    }

    /// Ends the server in order: everything is written, and standbys have it.
    ///
    /// # Panics
    ///
    /// When the server does not end.
    pub async fn stop(&mut self) {
        self.child.signal(Signal::INT);
        self.child.wait(STOP).await;
    }

    async fn execute(&self, statement: &str) {
        if let Err(error) = execute(&self.url(), statement.to_owned()).await {
            panic!("PostgreSQL did not take {statement}: {error}");
        }
    }

    async fn start_on(
        fsync: bool,
        prepare: impl FnOnce(&Installation, &Path) + Send + 'static,
    ) -> Self {
        let installation = Installation::find();
        let directory = scratch::directory();
        installation.give(directory.path());
        let data = directory.path().join("data");
        let prepared = {
            let installation = installation.clone();
            // Blocks for seconds when the template has to be made.
            tokio::task::spawn_blocking(move || prepare(&installation, &data)).await
        };
        if let Err(error) = prepared {
            std::panic::resume_unwind(error.into_panic());
        }

        let port = free_port();
        let child = launch(&installation, directory.path(), port, fsync);
        let databases = AtomicU32::new(0);
        let mut server = Self {
            child,
            directory,
            installation,
            port,
            fsync,
            databases,
        };
        server.wait_until_ready().await;
        server
    }

    /// Makes a new empty database and returns its URL.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn create_database(&self) -> String {
        let name = format!("ramz_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        // From template0, which nobody can be connected to, so that tests may do this at once.
        let statement = format!("CREATE DATABASE {name} TEMPLATE template0");
        if let Err(error) = execute(&self.url(), statement).await {
            panic!("PostgreSQL did not create a database: {error}");
        }
        self.database_url(&name)
    }

    /// Makes a role that can log in and has no rights yet, if there is none. Roles belong to the whole
    /// server.
    ///
    /// # Panics
    ///
    /// When the server refuses.
    pub async fn create_role(&self, name: &str) {
        // Of several at once one makes it; the others meet its row, or wait for it.
        let statement = format!(
            "DO $$ BEGIN CREATE ROLE {name} LOGIN; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        if let Err(error) = execute(&self.url(), statement).await {
            panic!("PostgreSQL did not create a role: {error}");
        }
    }

    /// Runs a script with `psql` as the superuser of the server, and returns what it printed.
    ///
    /// # Panics
    ///
    /// When `psql` cannot be run or ends with an error.
    pub async fn run_script(
        &self,
        database_url: &str,
        file: &Path,
        environment: &[(&str, &str)],
    ) -> String {
        let output = tokio::process::Command::new(self.installation.program("psql"))
            .args(["--no-psqlrc", "--quiet", "--dbname", database_url, "--file"])
            .arg(file)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap_or_else(|error| panic!("cannot run psql: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql failed: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned() + &errors
    }

    /// The URL of the maintenance database, for questions about the server itself. Tests keep
    /// their data in [`create_database`](Self::create_database).
    pub fn url(&self) -> String {
        self.database_url("postgres")
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1; it stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The pid of the postmaster; a restart changes it.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Everything that the server has printed.
    ///
    /// # Panics
    ///
    /// When the log file cannot be read.
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// Kills the postmaster and all its processes (SIGKILL) and waits until they are gone.
    ///
    /// # Panics
    ///
    /// When they do not go.
    pub fn kill(&mut self) {
        family::kill(&mut self.child);
    }

    /// Stops the server at once without a checkpoint (SIGQUIT, "immediate shutdown"): clients are
    /// told, and the next start recovers from the log.
    ///
    /// # Panics
    ///
    /// When the server does not end.
    pub async fn stop_immediate(&mut self) {
        self.child.signal(Signal::QUIT);
        self.child.wait(STOP).await;
    }

    /// Starts the server again on the same port with the data that it had. A running server is
    /// killed first.
    ///
    /// # Panics
    ///
    /// When the server does not come up.
    pub async fn restart(&mut self) {
        self.kill();
        self.child = launch(
            &self.installation,
            self.directory.path(),
            self.port,
            self.fsync,
        );
        self.wait_until_ready().await;
    }

    /// Stops the clock of all the server's processes: connections stay open and nothing is
    /// answered.
    ///
    /// # Panics
    ///
    /// When the processes cannot be listed.
    pub fn pause(&mut self) {
        family::signal(&mut self.child, Signal::STOP);
    }

    /// Lets a paused server go on.
    ///
    /// # Panics
    ///
    /// When the processes cannot be listed.
    pub fn resume(&mut self) {
        family::signal(&mut self.child, Signal::CONT);
    }

    /// All rows of a database as text (`pg_dump`), for tests that look for what must not be
    /// stored.
    ///
    /// # Panics
    ///
    /// When `pg_dump` fails.
    pub async fn dump(&self, database_url: &str) -> String {
        let output = tokio::process::Command::new(self.installation.program("pg_dump"))
            .arg(format!("--dbname={database_url}"))
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap_or_else(|error| panic!("cannot run pg_dump: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pg_dump failed: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn database_url(&self, name: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{name}", self.port)
    }

    async fn wait_until_ready(&mut self) {
        let url = self.url();
        self.child
            .wait_until("answer to a query", START, async |_| {
                execute(&url, "SELECT 1".to_owned()).await.ok()
            })
            .await;
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // The other processes go by themselves when the postmaster is gone, but not at once, and
        // meanwhile they would write to a folder that is being removed.
        family::kill_quietly(&mut self.child);
    }
}

async fn execute(url: &str, statement: String) -> sqlx::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await
}

fn launch(installation: &Installation, directory: &Path, port: u16, fsync: bool) -> Child {
    let mut command = installation.server_command("postgres");
    command
        .current_dir(directory)
        .arg("-D")
        .arg(directory.join("data"));
    let settings = [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".to_owned(),
        "unix_socket_directories=".to_owned(),
        format!("fsync={}", if fsync { "on" } else { "off" }),
        "max_connections=200".to_owned(),
        "logging_collector=off".to_owned(),
    ];
    for setting in settings {
        command.arg("-c").arg(setting);
    }
    Child::start("postgres", command, &directory.join("postgres.log"))
}
