//! One child process: it cannot outlive the tests, is signalled by its pid, and its output is kept.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{self, Command, ExitStatus, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal};

use crate::wait;

/// So many lines of a process are shown when a test fails.
const SHOWN: usize = 40;

/// A started process. Dropping it kills it.
pub(crate) struct Child {
    name: String,
    process: process::Child,
    log: PathBuf,
}

impl Child {
    /// Starts `command` (best made by [`command`]) with its output appended to the file `log`.
    pub(crate) fn start(name: &str, mut command: Command, log: &Path) -> Self {
        let output = open_log(log)
            .unwrap_or_else(|error| panic!("cannot write the log {}: {error}", log.display()));
        command
            .stdin(Stdio::null())
            .stdout(output.0)
            .stderr(output.1);
        let process = spawn(command).unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        wait_for_program(process.id());
        Self {
            name: name.to_owned(),
            process,
            log: log.to_owned(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Everything that the process has printed.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(&self.log)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", self.log.display()));
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Sends a signal; nothing happens when the process has ended.
    pub(crate) fn signal(&mut self, signal: Signal) {
        // An ended process that has been waited for may have given its pid to another one.
        if self.exit_status().is_none() {
            send(self.pid(), signal);
        }
    }

    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.process
            .try_wait()
            .unwrap_or_else(|error| panic!("cannot wait for {}: {error}", self.name))
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        if let Err(error) = self.process.wait() {
            panic!("cannot wait for {}: {error}", self.name);
        }
    }

    /// Waits until the process has ended by itself or by an earlier signal.
    pub(crate) async fn wait(&mut self, timeout: Duration) -> ExitStatus {
        match wait::poll(timeout, async || self.exit_status()).await {
            Some(status) => status,
            None => panic!("{} still runs after {} s", self.name, timeout.as_secs_f32()),
        }
    }

    /// Waits until `ready` gives a value.
    ///
    /// Panics with the end of the log when the process ends before that, or after `timeout`.
    pub(crate) async fn wait_until<T>(
        &mut self,
        what: &str,
        timeout: Duration,
        mut ready: impl AsyncFnMut(&Self) -> Option<T>,
    ) -> T {
        let outcome = wait::poll(timeout, async || {
            // Asked first: what it printed before its end must still be seen.
            let ended = self.exit_status();
            match (ready(self).await, ended) {
                (Some(value), _) => Some(Ok(value)),
                (None, Some(status)) => Some(Err(status)),
                (None, None) => None,
            }
        })
        .await;
        match outcome {
            Some(Ok(value)) => value,
            Some(Err(status)) => panic!("{} ended ({status}) before {what}", self.name),
            None => panic!(
                "{}: no {what} within {} s",
                self.name,
                timeout.as_secs_f32()
            ),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A panic inside a drop would end the whole test process: leave the process alone then.
        if let Ok(None) = self.process.try_wait() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
        if thread::panicking() {
            let log = fs::read(&self.log).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            let (before, tail) = lines.split_at(lines.len().saturating_sub(SHOWN));
            let troubles = before.iter().filter(|line| is_trouble(line)).take(SHOWN);
            let troubles: Vec<&str> = troubles.copied().collect();
            if !troubles.is_empty() {
                eprintln!("--- {} warned before:\n{}", self.name, troubles.join("\n"));
            }
            eprintln!("--- {} printed last:\n{}\n---", self.name, tail.join("\n"));
        }
    }
}

/// A warning or worse, in the logs of our programs.
fn is_trouble(line: &str) -> bool {
    [r#""level":"WARN""#, r#""level":"ERROR""#]
        .iter()
        .any(|level| line.contains(level))
}

/// A command for `program` that the kernel kills when this process ends in any way.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    match setpriv() {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        // Without util-linux only the drop ends the process.
        None => Command::new(program),
    }
}

/// The program of util-linux that asks the kernel for this.
fn setpriv() -> Option<&'static Path> {
    static SETPRIV: OnceLock<Option<PathBuf>> = OnceLock::new();
    SETPRIV
        .get_or_init(|| fs::canonicalize(find_in_path("setpriv")?).ok())
        .as_deref()
}

/// Waits until `setpriv` has become the program itself: before that its request to the kernel may
/// not be made, and a signal would end `setpriv` instead of reaching the program.
fn wait_for_program(pid: u32) {
    let program = format!("/proc/{pid}/exe");
    while setpriv().is_some() && fs::read_link(&program).ok().as_deref() == setpriv() {
        thread::sleep(Duration::from_millis(1));
    }
}

/// The first file of this name in `PATH`.
pub(crate) fn find_in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Sends a signal to a process, which may be gone.
pub(crate) fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Spawns from a thread that lives as long as this process.
///
/// The kernel's "parent death" is the death of the parent's *thread*: a server that several tests
/// share would otherwise be killed at the end of the test that happened to start it.
fn spawn(command: Command) -> io::Result<process::Child> {
    type Request = (Command, mpsc::Sender<io::Result<process::Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Request>> = OnceLock::new();

    let spawner = SPAWNER.get_or_init(|| {
        let (sender, requests) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for (mut command, answer) in requests {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    let (answer, started) = mpsc::channel();
    spawner.send((command, answer)).map_err(io::Error::other)?;
    started.recv().map_err(io::Error::other)?
}

fn open_log(path: &Path) -> io::Result<(File, File)> {
    let file = File::options().create(true).append(true).open(path)?;
    Ok((file.try_clone()?, file))
}
