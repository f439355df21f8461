//! A new password from anyone who runs a command: typed twice without an echo, or from a file or a
//! pipe. Never from an argument, which everybody on the machine could read.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _, Read, Write as _, stderr, stdin};
use std::path::PathBuf;

use clap::Args;
use domain::password::{
    NewPasswordError, OwnWords, Password, PasswordError, PasswordHash, Passwords,
};
use domain::random::Random;
use secrecy::{ExposeSecret as _, SecretString};

/// How often a person may try.
const TRIES: u32 = 3;
/// A line longer than this is no password, whatever the file is.
const MAX_LINE_BYTES: u64 = 4 * 1024;

/// Where a new password comes from.
#[derive(Args)]
pub(super) struct Source {
    /// Read the password from the first line of standard input.
    #[arg(long, conflicts_with = "password_file")]
    password_stdin: bool,
    /// Read the password from the first line of a file.
    #[arg(long, value_name = "PATH")]
    password_file: Option<PathBuf>,
    /// Never ask; for scripts.
    #[arg(long)]
    pub(super) no_input: bool,
}

/// Why there is no new password. Holds nothing of what was typed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NewPasswordFailure {
    #[error("--no-input needs the password by --password-stdin or --password-file")]
    NoSource,
    #[error("no password can be asked for ({0}); give it by --password-stdin or --password-file")]
    NoTerminal(io::Error),
    #[error("the password cannot be read from {0}: {1}")]
    Unreadable(String, io::Error),
    #[error("the two passwords differ")]
    Differ,
    #[error(transparent)]
    Unusable(#[from] PasswordError),
    #[error("{0}; choose a longer one with words that have nothing to do with you")]
    Poor(#[from] NewPasswordError),
}

impl Source {
    /// The hash of a new password that is good enough for the person of these words.
    pub(super) async fn hash(
        &self,
        own: &OwnWords,
        random: &Random,
    ) -> Result<PasswordHash, NewPasswordFailure> {
        use NewPasswordFailure::{Differ, Poor, Unusable};
        let passwords = Passwords::new(random);
        let mut tries = 1;
        let password = loop {
            let chosen = match self.read() {
                Ok(password) => match passwords.judge(&password, own.clone(), None).await {
                    Ok(()) => Ok(password),
                    Err(poor) => Err(Poor(poor)),
                },
                Err(error) => Err(error),
            };
            match chosen {
                Ok(password) => break password,
                Err(error @ (Differ | Poor(_) | Unusable(_))) if self.asks() && tries < TRIES => {
                    tries += 1;
                    eprintln!("{error}; try again");
                }
                Err(error) => return Err(error),
            }
        };
        let hash = passwords.hash(&password).await;
        hash.map_err(|busy| Poor(busy.into()))
    }

    fn asks(&self) -> bool {
        !self.no_input && !self.password_stdin && self.password_file.is_none()
    }

    fn read(&self) -> Result<Password, NewPasswordFailure> {
        use NewPasswordFailure::{Differ, NoSource, NoTerminal, Unreadable};
        if self.password_stdin {
            let line = first_line(stdin().lock());
            let line = line.map_err(|error| Unreadable("standard input".to_owned(), error))?;
            return Ok(Password::parse(line)?);
        }
        if let Some(path) = &self.password_file {
            let line = File::open(path).and_then(first_line);
            let line = line.map_err(|error| Unreadable(path.display().to_string(), error))?;
            return Ok(Password::parse(line)?);
        }
        if self.no_input {
            return Err(NoSource);
        }
        let ask = |prompt: &str| {
            let typed = rpassword::prompt_password(prompt).map_err(NoTerminal)?;
            Ok::<_, NewPasswordFailure>(SecretString::from(typed))
        };
        let (first, again) = (ask("Password: ")?, ask("The same again: ")?);
        if first.expose_secret() != again.expose_secret() {
            return Err(Differ);
        }
        Ok(Password::parse(first)?)
    }
}

fn first_line(source: impl Read) -> io::Result<SecretString> {
    let mut line = String::new();
    BufReader::new(source.take(MAX_LINE_BYTES)).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).into())
}

/// Asks for a yes on the terminal; `None` where nobody can be asked.
pub(super) fn ask(question: &str) -> io::Result<Option<bool>> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        return Ok(None);
    }
    eprint!("{question} [y/N] ");
    stderr().flush()?;
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
}
