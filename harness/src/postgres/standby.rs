//! A server that gets everything that another writes.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
};

use super::{USER, installation::Installation};

/// Copies a running server into the data folder of a standby of it.
pub(super) fn copy(installation: &Installation, data: &Path, primary_port: u16) {
    let output = installation
        .server_command("pg_basebackup")
        .current_dir(data.parent().unwrap_or(data))
        .args(["--host", "127.0.0.1", "--username", USER])
        .args(["--checkpoint", "fast", "--no-sync", "--port"])
        .arg(primary_port.to_string())
        .arg("--pgdata")
        .arg(data)
        .output()
        .unwrap_or_else(|error| panic!("cannot run pg_basebackup: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pg_basebackup failed: {errors}");
    follow(installation, data, primary_port);
}

/// Makes the server of a data folder a standby when it starts next.
pub(super) fn follow(installation: &Installation, data: &Path, primary_port: u16) {
    let written = fs::write(data.join("standby.signal"), "").and_then(|()| {
        // It is read last, so the last line counts.
        let mut settings = OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.auto.conf"))?;
        writeln!(
            settings,
            "primary_conninfo = 'host=127.0.0.1 port={primary_port} user={USER}'"
        )?;
        writeln!(settings, "synchronous_standby_names = ''")
    });
    if let Err(error) = written {
        panic!("cannot make {} a standby: {error}", data.display());
    }
    installation.give(&data.join("standby.signal"));
}
