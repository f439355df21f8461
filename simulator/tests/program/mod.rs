//! The simulator as a program on free ports.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// A running simulator; it is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) url: String,
    pub(crate) tls_url: String,
    pub(crate) ca_file: PathBuf,
}

impl Program {
    /// Starts it with https and waits until it has said where it listens.
    pub(crate) fn start(tls_dir: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_simulator"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--tls-listen",
                "127.0.0.1:0",
                "--tls-dir",
            ])
            .arg(tls_dir)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut lines = output.lines().map(Result::unwrap);
        let mut after = |start: &str| {
            let line = lines.next().unwrap();
            let rest = line.strip_prefix(start).map(str::to_owned);
            rest.unwrap_or_else(|| panic!("{line:?} does not start with {start:?}"))
        };
        let url = after("simulator: inbox and gateway at ");
        let tls_url = after("simulator: the same over https at ");
        let ca_file = PathBuf::from(after("simulator: https clients have to trust "));
        Self {
            child,
            url,
            tls_url,
            ca_file,
        }
    }

    /// Asks it to end and waits for it.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // After `terminate` there is nothing left to kill, which is no trouble.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
