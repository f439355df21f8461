//! Where PostgreSQL is installed and as which user it runs.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{child, scratch};

const INSTALL: &str = "apt-get install postgresql";

/// The programs of one PostgreSQL version.
#[derive(Clone)]
pub(super) struct Installation {
    programs: PathBuf,
    user: Option<User>,
}

/// PostgreSQL refuses to run as root, so root hands it to this user.
#[derive(Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

impl Installation {
    /// The PostgreSQL in `PATH`, else the newest of Debian's packages.
    pub(super) fn find() -> Self {
        let Some(programs) = in_path().or_else(newest_of_debian) else {
            panic!("PostgreSQL is neither in PATH nor in /usr/lib/postgresql: {INSTALL}");
        };
        let user = (scratch::current_user() == 0).then(|| User {
            id: postgres_id("-u"),
            group: postgres_id("-g"),
        });
        Self { programs, user }
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// What `postgres --version` says, such as `postgres (PostgreSQL) 15.18`.
    pub(super) fn version(&self) -> String {
        let program = self.program("postgres");
        let output = Command::new(&program)
            .arg("--version")
            .output()
            .unwrap_or_else(|error| panic!("cannot run {}: {error}", program.display()));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A command for a program that refuses to run as root.
    pub(super) fn server_command(&self, name: &str) -> Command {
        self.command_of_its_user(&self.program(name))
    }

    /// The same for a program that is not of PostgreSQL.
    pub(super) fn command_of_its_user(&self, program: &Path) -> Command {
        let mut command = child::command(program);
        if let Some(user) = self.user {
            command.uid(user.id).gid(user.group);
        }
        command
    }

    /// Makes a file or folder the server's own.
    pub(super) fn give(&self, path: &Path) {
        if let Some(user) = self.user
            && let Err(error) = chown(path, Some(user.id), Some(user.group))
        {
            panic!("cannot give {} to postgres: {error}", path.display());
        }
    }
}

fn in_path() -> Option<PathBuf> {
    // Often a link, and initdb and pg_dump need not be linked beside it.
    let program = fs::canonicalize(child::find_in_path("postgres")?).ok()?;
    let programs = program.parent()?;
    programs
        .join("initdb")
        .is_file()
        .then(|| programs.to_owned())
}

fn newest_of_debian() -> Option<PathBuf> {
    fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse::<u32>().ok()?,
                entry.path(),
            ))
        })
        .map(|(version, path)| (version, path.join("bin")))
        .filter(|(_, programs)| programs.join("initdb").is_file())
        .max()
        .map(|(_, programs)| programs)
}

/// A number of the system user `postgres`, from `id`, which knows every source of users.
fn postgres_id(which: &str) -> u32 {
    let output = Command::new("id").args([which, "postgres"]).output();
    output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok())
        .unwrap_or_else(|| {
            panic!("PostgreSQL cannot run as root and there is no user postgres: {INSTALL}")
        })
}
