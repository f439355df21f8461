//! Ramz's own binaries as separate processes, to be stopped and killed like in production.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    child::{self, Child},
    scratch,
};

/// What to start: a program, its arguments and its whole environment.
///
/// Can be kept and started again, to bring back a process that a test has killed.
#[derive(Clone, Debug)]
pub struct ProcessCommand {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl ProcessCommand {
    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets one environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets environment variables.
    #[must_use]
    pub fn envs<N, V>(self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        variables
            .into_iter()
            .fold(self, |command, (name, value)| command.env(name, value))
    }

    /// Starts the process in an empty working folder of its own. Its environment has `PATH`,
    /// `HOME` and what this command sets, nothing else.
    ///
    /// # Panics
    ///
    /// When the program cannot be started.
    pub fn start(&self) -> Process {
        let directory = scratch::directory();
        let mut command = child::command(&self.program);
        command
            .args(&self.arguments)
            .current_dir(directory.path())
            .env_clear();
        for name in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let name = self
            .program
            .file_name()
            .unwrap_or(self.program.as_os_str())
            .to_string_lossy();
        let child = Child::start(&name, command, &directory.path().join("output.log"));
        Process { child, directory }
    }
}

/// A running program, killed when it is dropped.
pub struct Process {
    // Before the folder: fields are dropped in this order.
    child: Child,
    directory: TempDir,
}

impl Process {
    /// The Ramz binary of this name, built beside the running test.
    ///
    /// # Panics
    ///
    /// When it has not been built.
    pub fn ramz(name: &str) -> ProcessCommand {
        let program = build_directory().join(name);
        assert!(
            program.is_file(),
            "{} is missing: run cargo build --workspace --bins first",
            program.display()
        );
        Self::program(program)
    }

    /// Any program, by its path.
    pub fn program(path: impl Into<PathBuf>) -> ProcessCommand {
        ProcessCommand {
            program: path.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// The working folder, removed with the process.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Everything that the process has printed, on standard output and standard error.
    ///
    /// # Panics
    ///
    /// When the log file cannot be read.
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// Waits until the process has printed `text`.
    ///
    /// # Panics
    ///
    /// When the process ends without it, or after `timeout`.
    pub async fn wait_for_log(&mut self, text: &str, timeout: Duration) {
        self.child
            .wait_until(&format!("{text:?} in its log"), timeout, async |child| {
                child.log().contains(text).then_some(())
            })
            .await;
    }

    /// Asks the process to end (SIGTERM) and returns at once.
    ///
    /// # Panics
    ///
    /// When the state of the process cannot be read.
    pub fn terminate(&mut self) {
        self.child.signal(Signal::TERM);
    }

    /// Waits until the process has ended.
    ///
    /// # Panics
    ///
    /// When it still runs after `timeout`.
    pub async fn wait(&mut self, timeout: Duration) -> ExitStatus {
        self.child.wait(timeout).await
    }

    /// Whether the process has not ended yet.
    ///
    /// # Panics
    ///
    /// When the state of the process cannot be read.
    pub fn is_running(&mut self) -> bool {
        self.child.exit_status().is_none()
    }

    /// Ends the process with SIGKILL and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When it cannot be waited for.
    pub fn kill(&mut self) {
        self.child.kill();
    }

    /// Stops the process (SIGSTOP) without ending it: its connections stay open.
    ///
    /// # Panics
    ///
    /// When the state of the process cannot be read.
    pub fn pause(&mut self) {
        self.child.signal(Signal::STOP);
    }

    /// Lets a paused process go on.
    ///
    /// # Panics
    ///
    /// When the state of the process cannot be read.
    pub fn resume(&mut self) {
        self.child.signal(Signal::CONT);
    }
}

/// The Python of the tests, with the packages of `scripts/test-requirements.txt`.
///
/// # Panics
///
/// When it has not been made.
pub fn python() -> PathBuf {
    let build = build_directory();
    let python = build
        .parent()
        .unwrap_or(&build)
        .join("test-venv/bin/python");
    assert!(
        python.is_file(),
        "{} is missing: run scripts/install-test-tools first",
        python.display()
    );
    python
}

/// The folder of Cargo's profile, such as `target/debug`: tests are in its `deps` folder.
pub(crate) fn build_directory() -> PathBuf {
    let test = std::env::current_exe()
        .unwrap_or_else(|error| panic!("the running test has no path: {error}"));
    let folder = test.parent().unwrap_or(&test);
    let nested = folder
        .file_name()
        .is_some_and(|name| name == "deps" || name == "examples");
    folder
        .parent()
        .filter(|_| nested)
        .unwrap_or(folder)
        .to_owned()
}
