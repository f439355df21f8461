//! The commands of the pages for operators: each is one whose parts exist, and those that can be run here
//! are run.

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use crate::advice::page::{PAGES, Page, project, read};

/// Programs of ours, and those that our pages tell operators to run.
const PROGRAMS: [&str; 29] = [
    "api",
    "worker",
    "migrate",
    "standalone",
    "docker",
    "systemctl",
    "journalctl",
    "redis-cli",
    "psql",
    "curl",
    "sed",
    "cargo",
    "openssl",
    "git",
    "cp",
    "rm",
    "mv",
    "cd",
    "umask",
    "printf",
    "echo",
    "install",
    "chcon",
    "$EDITOR",
    "pg_dump",
    "pg_restore",
    "createdb",
    "dropdb",
    "sh",
];
/// Of those, with parts that are not of Ramz: what they are given is seen by the tests that run them
/// (`e2e/tests/backup.rs`, `scripts/compose-drill`), or needs no test.
const PLAIN: [&str; 16] = [
    "git",
    "cp",
    "rm",
    "mv",
    "cd",
    "umask",
    "printf",
    "echo",
    "install",
    "chcon",
    "$EDITOR",
    "pg_dump",
    "pg_restore",
    "createdb",
    "dropdb",
    "psql",
];
const COMPOSE: [&str; 11] = [
    "up", "down", "ps", "logs", "restart", "stop", "exec", "run", "build", "-d", "--rm",
];

/// The commands of `api signing-key`, which stand without it too.
const KEY_COMMANDS: [&str; 4] = ["show", "add", "promote", "retire"];

/// The commands of `api client`.
const CLIENT_COMMANDS: [&str; 5] = ["add", "list", "check", "secret", "remove"];

pub(crate) fn is_command(span: &str) -> bool {
    let words = words(span);
    let first = words.iter().find(|word| !is_assignment(word));
    let first = first.map_or("", String::as_str);
    (PROGRAMS.contains(&first) && span != "worker" && span != "api")
        || first.contains("make-secrets")
        || first.starts_with("scripts/")
}

/// `NAME=value` before a command.
fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    })
}

/// The words, as a shell takes them apart, with quotes left out. `&&`, `|` and `;` are words.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    // Of `$(…)`.
    let mut depth = 0_u32;
    for c in command.chars() {
        depth = match c {
            '(' => depth + 1,
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (' ' | '\n', None) if depth == 0 => words.push(String::new()),
            _ => words.last_mut().expect("a word").push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// What is known of our programs and of what runs them.
pub(crate) struct Commands {
    /// The words of every `--help`.
    help: BTreeSet<String>,
    compose: serde_json::Value,
    units: Vec<String>,
}

impl Commands {
    pub(crate) fn gather() -> Self {
        let mut help = String::new();
        let mut calls: Vec<(&str, Vec<&str>)> = vec![
            ("api", vec![]),
            ("worker", vec![]),
            ("migrate", vec![]),
            ("standalone", vec![]),
        ];
        for command in [
            "serve",
            "createsuperuser",
            "changepassword",
            "admin-link",
            "import-users",
            "move-number",
            "signing-key",
            "client",
            "why",
            "healthcheck",
        ] {
            calls.push(("api", vec![command]));
        }
        for command in KEY_COMMANDS {
            calls.push(("api", vec!["signing-key", command]));
        }
        for command in CLIENT_COMMANDS {
            calls.push(("api", vec!["client", command]));
        }
        for (program, arguments) in calls {
            let output = run(program, &[&arguments[..], &["--help"]].concat());
            assert!(output.status.success(), "{program} {arguments:?}");
            help.push_str(&String::from_utf8_lossy(&output.stdout));
        }
        let help = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        let operations = Page::read("docs/operations.md");
        let units = operations
            .spans
            .iter()
            .filter_map(|span| span.strip_prefix("/etc/systemd/system/"));
        Self {
            help: help.map(str::to_owned).collect(),
            compose: yaml("docker-compose.yml"),
            units: units
                .map(|unit| unit.trim_end_matches(".service").to_owned())
                .collect(),
        }
    }

    /// Whether all parts of a command exist; the error says which does not.
    pub(crate) fn check(&self, command: &str) -> Result<(), String> {
        let all = words(command);
        for part in all.split(|word| ["&&", "|", ";"].contains(&word.as_str())) {
            let part: Vec<&str> = part
                .iter()
                .map(String::as_str)
                .skip_while(|word| is_assignment(word))
                .collect();
            let Some((program, arguments)) = part.split_first() else {
                continue;
            };
            self.check_one(program, arguments)?;
        }
        Ok(())
    }

    fn check_one(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        match program {
            "api" | "worker" | "migrate" | "standalone" | "signing-key" => {
                self.check_ours(arguments)
            }
            "docker" => match arguments {
                ["compose", rest @ ..] => self.check_compose(rest),
                [] | ["inspect" | "stats", ..] | ["system", "df", ..] | ["image", "prune"] => {
                    Ok(())
                }
                ["run", rest @ ..] => {
                    match rest.iter().position(|word| word.starts_with("ramz-")) {
                        Some(image) => {
                            let known = self
                                .compose
                                .to_string()
                                .contains(&format!("\"{}:", rest[image]));
                            known
                                .then_some(())
                                .ok_or(format!("image {}", rest[image]))?;
                            self.check_ours(&rest[image + 1..])
                        }
                        None => Err("no image of ours".to_owned()),
                    }
                }
                _ => Err(format!("docker {arguments:?}")),
            },
            "systemctl" | "journalctl" => {
                for word in arguments
                    .iter()
                    .filter(|word| word.starts_with("ramz-") && **word != "ramz-*")
                {
                    let known = self.units.iter().any(|unit| match unit.split_once('@') {
                        Some((start, _)) => word.starts_with(&format!("{start}@")),
                        None => word == unit,
                    });
                    known.then_some(()).ok_or(format!("unit {word}"))?;
                }
                Ok(())
            }
            "cargo" => {
                let packages = arguments
                    .iter()
                    .skip_while(|word| **word != "-p")
                    .filter(|word| !word.starts_with('-'));
                for package in packages.take(1) {
                    project(package)
                        .join("Cargo.toml")
                        .exists()
                        .then_some(())
                        .ok_or(format!("package {package}"))?;
                }
                if let Some(at) = arguments.iter().position(|word| *word == "--test") {
                    let test = arguments.get(at + 1).unwrap_or(&"");
                    let folder = arguments.iter().skip_while(|word| **word != "-p").nth(1);
                    let tests = project(folder.unwrap_or(&"")).join("tests");
                    [
                        tests.join(test).join("main.rs"),
                        tests.join(format!("{test}.rs")),
                    ]
                    .iter()
                    .any(|path| path.exists())
                    .then_some(())
                    .ok_or(format!("{test} in {}", tests.display()))?;
                }
                Ok(())
            }
            // Run below, each of them.
            "redis-cli" => ["--latency", "FLUSHALL"]
                .iter()
                .any(|known| arguments == [*known])
                .then_some(())
                .or(arguments.is_empty().then_some(()))
                .ok_or(format!("redis-cli {arguments:?}")),
            "curl" | "sed" | "openssl" | "sh" => Ok(()),
            program if PLAIN.contains(&program) => Ok(()),
            script => {
                let path = if script.contains('/') {
                    script.to_owned()
                } else {
                    format!("scripts/{script}")
                };
                let exists = path.starts_with("scripts/") && project(&path).exists();
                exists.then_some(()).ok_or(format!("no {path}"))?;
                let text = read(&path);
                let unknown = arguments
                    .iter()
                    .find(|word| word.starts_with("--") && !text.contains(*word));
                unknown.map_or(Ok(()), |option| Err(format!("{path} has no {option}")))
            }
        }
    }

    /// Commands and options of our programs.
    fn check_ours(&self, arguments: &[&str]) -> Result<(), String> {
        let mut ours = arguments
            .iter()
            .take_while(|word| !word.starts_with(['>', '<']));
        let unknown = ours.find(|word| {
            let is_name = word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            is_name
                && word.len() > 1
                && !self
                    .help
                    .contains(word.split('=').next().unwrap_or_default())
        });
        unknown.map_or(Ok(()), |word| Err(format!("no help knows {word}")))
    }

    /// One option or sub-command by itself.
    pub(crate) fn knows(&self, span: &str) -> bool {
        let first = span.split(' ').next().unwrap_or_default();
        let options = words(span)
            .into_iter()
            .filter(|word| word.starts_with("--"));
        let is_ours = first.starts_with("--") || KEY_COMMANDS.contains(&first);
        is_ours
            && self.help.contains(first)
            && options
                .into_iter()
                .all(|option| self.help.contains(&option))
    }

    fn check_compose(&self, arguments: &[&str]) -> Result<(), String> {
        let services = self.compose["services"].as_object().expect("services");
        let Some((verb, rest)) = arguments.split_first() else {
            return Ok(());
        };
        COMPOSE
            .contains(verb)
            .then_some(())
            .ok_or(format!("docker compose {verb}"))?;
        let mut rest = rest.iter().copied().peekable();
        while let Some(word) = rest.next() {
            match word {
                "--tail" => {
                    rest.next();
                }
                "--scale" => {
                    let (service, _) = rest
                        .next()
                        .and_then(|word| word.split_once('='))
                        .unwrap_or_default();
                    services
                        .contains_key(service)
                        .then_some(())
                        .ok_or(format!("service {service}"))?;
                }
                word if word.starts_with(['-', '<', '>']) => {}
                service => {
                    let found = services.get(service).ok_or(format!("service {service}"))?;
                    if ["exec", "run"].contains(verb) {
                        return self.check_inside(service, found, &rest.collect::<Vec<_>>());
                    }
                }
            }
        }
        Ok(())
    }

    /// What runs in a container, where a secret that is read must be one of its own.
    fn check_inside(
        &self,
        service: &str,
        settings: &serde_json::Value,
        inside: &[&str],
    ) -> Result<(), String> {
        for after in inside.join(" ").split("/run/secrets/").skip(1) {
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let secret = &after[..end.unwrap_or(after.len())];
            let own = settings["secrets"]
                .as_array()
                .is_some_and(|own| own.iter().any(|it| it == secret));
            own.then_some(())
                .ok_or(format!("{service} has no secret {secret}"))?;
        }
        match inside {
            ["sh", "-c", script] => {
                let script = script
                    .split_once(") ")
                    .map_or(*script, |(_, command)| command);
                self.check(script)
            }
            ["api", "api", ..] => Err("api api".to_owned()),
            ["grafana", "cli", ..] | ["amtool", "check-config" | "alert", ..] | [] => Ok(()),
            [program, arguments @ ..] if *program == service || PLAIN.contains(program) => {
                self.check_one(program, arguments)
            }
            other => Err(format!("{service} runs {other:?}")),
        }
    }
}

fn yaml(path: &str) -> serde_json::Value {
    let read = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let output = Command::new(harness::python())
        .args(["-c", read])
        .arg(project(path))
        .output();
    serde_json::from_slice(&output.expect("python runs").stdout).expect("JSON")
}

/// A program of this build.
fn run(program: &str, arguments: &[&str]) -> Output {
    let folder = std::env::current_exe().expect("a path");
    let folder = folder
        .ancestors()
        .nth(2)
        .expect("the folder of the build")
        .to_owned();
    let output = Command::new(folder.join(program))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .output();
    output.unwrap_or_else(|error| panic!("{program}: {error}; build the binaries first"))
}

#[test]
fn whatever_the_pages_tell_to_type_has_parts_that_exist() {
    let commands = Commands::gather();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for name in PAGES {
        let page = Page::read(name);
        let spans = page.spans.iter().filter(|span| is_command(span)).cloned();
        for command in spans.chain(page.console()) {
            seen += 1;
            if let Err(problem) = commands.check(&command) {
                wrong.push(format!("{}: `{command}`: {problem}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen > 90, "{seen}");
    for command in [
        "docker compose restart workers",
        "docker compose exec api api whi NUMBER",
        "docker compose exec api sh -c 'X=$(cat /run/secrets/redis_password) redis-cli'",
        "docker compose up -d --scale wrker=4",
        "docker compose reload api",
        "docker run --rm ramz-apis signing-key add",
        "systemctl restart ramz-workers@1",
        "journalctl -o cat -u ramz-apis",
        "api why --sinc 7d",
        "migrate --chek",
        "redis-cli --latenci",
        "scripts/make-secret",
        "scripts/make-secrets --demonstration",
        "cargo build --release -p apis",
    ] {
        assert!(commands.check(command).is_err(), "{command}");
    }
}
