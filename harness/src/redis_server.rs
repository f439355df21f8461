//! A Redis server with the durability that production has.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    child::{self, Child},
    port::free_port,
    scratch,
    wait::eventually,
};

const BALLAST: u32 = 32 * 1024 * 1024;
const START: Duration = Duration::from_mins(1);
/// Beside the data; a server whose folder has it knows these users.
const USERS: &str = "users.acl";
/// Questions of the harness itself need no password, with or without users.
const OWN_USER: &str = "user default on nopass ~* &* +@all\n";

/// A Redis server of one test: append-only file synced every second, no eviction, no snapshots.
pub struct RedisServer {
    // Before the folder: fields are dropped in this order, and the server writes there.
    child: Child,
    directory: TempDir,
    port: u16,
}

impl RedisServer {
    /// Starts an empty server and waits until it answers.
    ///
    /// # Panics
    ///
    /// When `redis-server` is not installed or does not come up.
    pub async fn start() -> Self {
        Self::start_in(scratch::directory()).await
    }

    /// The same with users beside the one who may do everything: lines of an ACL file.
    ///
    /// # Panics
    ///
    /// When `redis-server` is not installed, or does not come up with these users.
    pub async fn start_with_users(users: &str) -> Self {
        let directory = scratch::directory();
        let file = directory.path().join(USERS);
        fs::write(&file, format!("{OWN_USER}{users}"))
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", file.display()));
        Self::start_in(directory).await
    }

    async fn start_in(directory: TempDir) -> Self {
        let port = free_port();
        let child = launch(directory.path(), port);
        let mut server = Self {
            child,
            directory,
            port,
        };
        server.wait_until_ready().await;
        server
    }

    /// The address for a client, database 0.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The address for a client with this user and password.
    pub fn url_of(&self, user: &str, password: &str) -> String {
        format!("redis://{user}:{password}@127.0.0.1:{}/", self.port)
    }

    /// Whether it was started with users.
    pub fn has_users(&self) -> bool {
        self.directory.path().join(USERS).exists()
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port on 127.0.0.1; it stays the same over restarts.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The pid of the running server; a restart changes it.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Ends the server with SIGKILL. Every write that was answered is kept for a restart.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// Starts the server again on the same port with the data that it had. A running server is
    /// killed first.
    ///
    /// # Panics
    ///
    /// When the server does not come up.
    pub async fn restart(&mut self) {
        self.child.kill();
        self.child = launch(self.directory.path(), self.port);
        self.wait_until_ready().await;
    }

    /// Stops the server's clock: connections stay open and nothing is answered.
    pub fn pause(&mut self) {
        self.child.signal(Signal::STOP);
    }

    /// Lets a paused server go on.
    pub fn resume(&mut self) {
        self.child.signal(Signal::CONT);
    }

    /// Gives the server so much memory that what it holds now is this part of it, so that 1 is full.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn is_full_to(&self, part: f64) {
        self.has_room().await;
        // So much that a connection more or less makes no difference.
        let mut weight = redis::cmd("SETRANGE");
        weight.arg("ballast").arg(BALLAST).arg("1");
        self.told::<()>(&weight).await;
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let memory: String = self.told(&info).await;
        let mut lines = memory.lines();
        let used = lines.find_map(|line| line.strip_prefix("used_memory:")?.trim().parse().ok());
        let Some(used) = used else {
            panic!("redis-server tells no used_memory: {memory}");
        };
        let used: f64 = used;
        self.limit_memory(&format!("{:.0}", used / part)).await;
    }

    /// Takes every limit of its memory away.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn has_room(&self) {
        self.limit_memory("0").await;
    }

    async fn limit_memory(&self, bytes: &str) {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(bytes);
        self.told::<()>(&set).await;
    }

    async fn told<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> T {
        self.query(command)
            .await
            .unwrap_or_else(|error| panic!("redis-server does not answer: {error}"))
    }

    /// Makes the server a replica of another, and waits until it has what the other has.
    ///
    /// # Panics
    ///
    /// When it does not become one.
    pub async fn follow(&self, primary: &Self) {
        self.replicate(&["127.0.0.1", &primary.port.to_string()])
            .await;
        let mut info = redis::cmd("INFO");
        info.arg("replication");
        eventually(START, async || {
            let state: String = self.query(&info).await.ok()?;
            state.contains("master_link_status:up").then_some(())
        })
        .await;
    }

    /// Makes the server a replica of another at once, without waiting for what the other has.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn step_down_for(&self, primary: &Self) {
        self.replicate(&["127.0.0.1", &primary.port.to_string()])
            .await;
    }

    /// Makes a replica a primary, with what it has.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn take_the_lead(&self) {
        self.replicate(&["NO", "ONE"]).await;
    }

    async fn replicate(&self, of: &[&str]) {
        let mut command = redis::cmd("REPLICAOF");
        command.arg(of);
        if let Err(error) = self.query::<()>(&command).await {
            panic!("redis-server did not take REPLICAOF: {error}");
        }
    }

    /// Waits until no sync of the append-only log is under way. With `everysec` Redis answers before
    /// it writes while one is, for up to two seconds, and a kill loses what it answered.
    ///
    /// # Panics
    ///
    /// When the disk does not keep up.
    pub async fn wait_for_written_log(&self) {
        let mut info = redis::cmd("INFO");
        info.arg("persistence");
        eventually(Duration::from_secs(30), async || {
            let state: String = self.query(&info).await.ok()?;
            state.contains("aof_pending_bio_fsync:0").then_some(())
        })
        .await;
    }

    /// Writes every change made so far to the append-only file and syncs it.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    pub async fn flush_aof(&self) {
        // In the `always` mode the buffer is written and synced before an answer goes out; the
        // reply to the second command comes after that of the first.
        for mode in ["always", "everysec"] {
            let mut set = redis::cmd("CONFIG");
            set.arg("SET").arg("appendfsync").arg(mode);
            if let Err(error) = self.query::<()>(&set).await {
                panic!("redis-server did not take appendfsync {mode}: {error}");
            }
        }
    }

    /// The files of the append-only log, for tests that look for what must not be stored. Call
    /// [`flush_aof`](Self::flush_aof) first.
    ///
    /// # Panics
    ///
    /// When the folder cannot be read.
    pub fn dump_files(&self) -> Vec<PathBuf> {
        let folder = self.directory.path().join("appendonlydir");
        let entries = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        files
    }

    /// Everything that the server has printed.
    ///
    /// # Panics
    ///
    /// When the log file cannot be read.
    pub fn log(&self) -> String {
        self.child.log()
    }

    async fn wait_until_ready(&mut self) {
        let url = self.url();
        self.child
            .wait_until("answer to PING", START, async |_| {
                query::<()>(&url, &redis::cmd("PING")).await.ok()
            })
            .await;
    }

    async fn query<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> redis::RedisResult<T> {
        query(&self.url(), command).await
    }
}

async fn query<T: redis::FromRedisValue>(url: &str, command: &redis::Cmd) -> redis::RedisResult<T> {
    let mut connection = redis::Client::open(url)?
        .get_multiplexed_async_connection()
        .await?;
    command.query_async(&mut connection).await
}

fn launch(directory: &Path, port: u16) -> Child {
    let Some(program) = child::find_in_path("redis-server") else {
        panic!("redis-server is not in PATH: apt-get install redis-server");
    };
    let mut command = child::command(program);
    command
        .current_dir(directory)
        .args(["--bind", "127.0.0.1", "--daemonize", "no", "--port"])
        .arg(port.to_string())
        .arg("--dir")
        .arg(directory)
        .args([
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
            "--save",
            "",
        ])
        .args(["--maxmemory-policy", "noeviction", "--databases", "256"])
        // A rewritten log keeps texts as they are, so that a search in it finds them.
        .args(["--rdbcompression", "no"]);
    let users = directory.join(USERS);
    if users.exists() {
        command.arg("--aclfile").arg(users);
    }
    Child::start("redis-server", command, &directory.join("redis.log"))
}
