//! A data folder made once by `initdb`, which takes seconds, and then copied for each server.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{USER, installation::Installation};
use crate::{process::build_directory, scratch};

/// Makes the data folder `data` of a new server.
pub(super) fn copy(installation: &Installation, data: &Path) {
    let template = template(installation);
    copy_folder(&template, data);
}

/// The template of this version, made when it is not there yet.
fn template(installation: &Installation) -> PathBuf {
    // Under Cargo's target folder, beside the profiles; where the user postgres need not get in.
    let build = build_directory();
    let folder = build.parent().unwrap_or(&build).join("harness");
    fs::create_dir_all(&folder)
        .unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
    let version: String = installation
        .version()
        .chars()
        .filter(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    // PostgreSQL refuses another user's folder, so each user has one.
    let name = format!("postgres-{version}-{}", scratch::current_user());
    let template = folder.join(&name);

    let lock = folder.join(format!("{name}.lock"));
    let lock = File::create(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .unwrap_or_else(|error| panic!("cannot lock {}: {error}", lock.display()));
    if !template.exists() {
        make(
            installation,
            &folder.join(format!("{name}.partial")),
            &template,
        );
    }
    drop(lock);
    template
}

/// Runs `initdb` where the user postgres may write, and puts the result in place in one step.
fn make(installation: &Installation, partial: &Path, template: &Path) {
    let directory = scratch::directory();
    installation.give(directory.path());
    let data = directory.path().join("data");
    let output = installation
        .server_command("initdb")
        .current_dir(directory.path())
        .args([
            "--no-sync",
            "--no-locale",
            "--encoding=UTF8",
            "--auth=trust",
            "--username",
            USER,
        ])
        .arg("--pgdata")
        .arg(&data)
        .output();
    check("initdb", output);

    if partial.exists() {
        fs::remove_dir_all(partial)
            .unwrap_or_else(|error| panic!("cannot remove {}: {error}", partial.display()));
    }
    copy_folder(&data, partial);
    fs::rename(partial, template)
        .unwrap_or_else(|error| panic!("cannot make {}: {error}", template.display()));
}

/// Copies a folder with its owner and its modes.
fn copy_folder(from: &Path, to: &Path) {
    let output = Command::new("cp").arg("-a").arg(from).arg(to).output();
    check("cp", output);
}

fn check(program: &str, output: std::io::Result<Output>) {
    let output = output.unwrap_or_else(|error| panic!("cannot run {program}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed: {errors}");
}
