//! `api signing-key`: rotates the keys that sign access tokens.

mod file;
mod rotation;

use std::path::PathBuf;

use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand};
use domain::clock::Clock;
use domain::random::Random;
use shared::config::{Environment, SigningKeyConfig};

use super::CommandResult;
use file::KeyFile;
use rotation::{Key, Rotation, shown};

/// List and rotate the keys that sign access tokens.
///
/// Works on the file that `JWT_PRIVATE_KEY_FILE` names and reads nothing else but
/// `ACCESS_TOKEN_LIFETIME`. A rotation is `add`, restart every api, wait 10 minutes, `promote`,
/// restart, wait until old tokens are dead, `retire`, restart. Nobody is signed out by it.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// The file of the keys [default: `JWT_PRIVATE_KEY_FILE`].
    #[arg(long, value_name = "PATH", global = true)]
    file: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Action {
    /// List the keys by id, with their roles and times.
    Show,
    /// Append a new Ed25519 key: it is published, and does not sign yet.
    Add,
    /// Let the key that waits sign; the old one stays accepted.
    Promote {
        /// The key that shall sign [default: the last one that was added].
        #[arg(long, allow_hyphen_values = true)]
        kid: Option<String>,
        /// Do not wait until the key has been published for 10 minutes.
        #[arg(long)]
        now: bool,
    },
    /// Remove the keys that no longer sign.
    Retire {
        /// Remove this key only, which may be one that waits.
        #[arg(long, allow_hyphen_values = true)]
        kid: Option<String>,
        /// Do not wait until the tokens of the key are dead; for a key that has leaked.
        #[arg(long)]
        now: bool,
    },
}

pub(crate) fn run(arguments: &Arguments, environment: &Environment) -> CommandResult {
    let config = SigningKeyConfig::load(environment, arguments.file.as_deref())?;
    let lifetime = TimeDelta::from_std(config.access_token_lifetime)?;
    let now = Clock::system().now();
    let (file, mut rotation) = KeyFile::open(&config.file, now)?;
    if !file.exists() && !matches!(arguments.action, Action::Add) {
        let path = file.path().display();
        return Err(format!("{path} is not there; `api signing-key add` makes it").into());
    }
    let refused = |refusal| file.refused(refusal);
    match &arguments.action {
        Action::Show => show(&file, &rotation, lifetime, now),
        Action::Add => {
            let kid = rotation
                .add(&Random::operating_system(), now)
                .map_err(refused)?;
            file.replace(&rotation)?;
            if rotation.keys().len() == 1 {
                println!("made {} with key {kid}, which signs", file.path().display());
            } else {
                println!("added key {kid}");
                println!("next: restart every api, which publishes it");
                println!(
                    "then, from {}: `api signing-key promote`",
                    shown(now + rotation::PUBLISHED_BEFORE_SIGNING)
                );
            }
        }
        Action::Promote { kid, now: at_once } => {
            let promoted = rotation.promote(kid.as_deref(), *at_once, now);
            let kid = promoted.map_err(refused)?;
            file.replace(&rotation)?;
            println!("promoted key {kid}");
            println!("next: restart every api, which then signs with it");
            let stopped = rotation.keys().get(1..).into_iter().flatten();
            if let Some(from) = stopped
                .filter_map(|key| key.removable_from(lifetime, now))
                .max()
            {
                println!("then, from {}: `api signing-key retire`", shown(from));
            }
        }
        Action::Retire { kid, now: at_once } => {
            let retired = rotation.retire(kid.as_deref(), *at_once, lifetime, now);
            let gone = retired.map_err(refused)?;
            file.replace(&rotation)?;
            for kid in gone {
                println!("removed key {kid}");
            }
            println!("next: restart every api, which then refuses what it signed");
        }
    }
    Ok(())
}

fn show(file: &KeyFile, rotation: &Rotation, lifetime: TimeDelta, now: DateTime<Utc>) {
    println!("{}", file.path().display());
    for (index, key) in rotation.keys().iter().enumerate() {
        println!("{}  {}", key.kid, key.algorithm);
        for line in describe(key, index == 0, lifetime, now) {
            println!("    {line}");
        }
    }
    if file.is_open_to_others() {
        println!("warning: everybody on this machine may read the file; `chmod 600` it");
    }
}

/// The role and the times of a key.
fn describe(key: &Key, is_first: bool, lifetime: TimeDelta, now: DateTime<Utc>) -> Vec<String> {
    let since = |time: Option<DateTime<Utc>>| {
        time.map_or_else(String::new, |time| format!(" since {}", shown(time)))
    };
    let mut lines = Vec::new();
    if is_first {
        lines.push(format!("signs{}", since(key.signs_since)));
    } else if key.is_rsa() {
        lines.push("signs ID tokens, if it is the first RSA key".to_owned());
    } else if let Some(until) = key.signed_until {
        lines.push(format!("accepted; signed until {}", shown(until)));
    } else if key.waits() {
        let from = key.promotable_from(now);
        lines.push(format!("published; may sign from {}", shown(from)));
    } else {
        lines.push("published; it is not known whether it has signed".to_owned());
    }
    if !is_first
        && !key.is_rsa()
        && let Some(from) = key.removable_from(lifetime, now)
    {
        lines.push(format!("may be removed from {}", shown(from)));
    }
    match (key.added, key.seen) {
        (Some(added), _) => lines.push(format!("added {}", shown(added))),
        (None, Some(seen)) => lines.push(format!("in the file since {} at least", shown(seen))),
        (None, None) => {}
    }
    lines
}
