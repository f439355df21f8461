//! What people read about the settings, made from the table.

use std::fmt::Write as _;

use domain::limits::TABLE;

use super::variables::{Binary, GROUPS, Initial, Variable};

/// The settings of a binary, for its `--help`.
pub fn help_text(binary: Binary) -> String {
    let mut text = format!(
        "Environment of {} (secrets marked * can also be given as a file, by NAME_FILE):\n",
        binary.as_str()
    );
    for group in GROUPS {
        let mut of_binary = group
            .all()
            .filter(|variable| variable.binaries.contains(&binary))
            .peekable();
        if of_binary.peek().is_none() {
            continue;
        }
        line(&mut text, format_args!("\n{}:", group.title));
        for variable in of_binary {
            let star = if variable.secret { "*" } else { "" };
            let initial = initial_for(variable, binary);
            line(
                &mut text,
                format_args!("  {}{star} [{}]", variable.name, plain(&initial)),
            );
            line(&mut text, format_args!("      {}", plain(variable.meaning)));
        }
    }
    text
}

/// The whole text of `.env.example`.
pub fn env_example() -> String {
    let mut text = String::from(
        "# Every setting of Ramz with its default. Copy this file to .env and fill in what is not\n\
         # commented out; standalone starts without any. Empty counts as unset. Secrets can\n\
         # also be given as files: NAME_FILE=/run/secrets/name.\n",
    );
    for group in GROUPS {
        line(&mut text, format_args!("\n## {}", group.title));
        for variable in group.all() {
            let secret = if variable.secret { "; secret" } else { "" };
            line(
                &mut text,
                format_args!(
                    "\n# {} [{}{secret}]",
                    plain(variable.meaning),
                    plain(&initial_of(variable))
                ),
            );
            let (comment, value) = match variable.initial {
                Initial::Required(_) => ("", ""),
                Initial::Text(value) => ("# ", value),
                Initial::ByPreset { balanced, strict } if balanced == strict => ("# ", balanced),
                Initial::ByPreset { .. } | Initial::Unset | Initial::Derived(_) => ("# ", ""),
            };
            line(
                &mut text,
                format_args!("{comment}{}={value}", variable.name),
            );
        }
    }
    text
}

/// The tables of `docs/configuration.md`.
pub fn reference_table() -> String {
    let mut text = String::new();
    for group in GROUPS {
        line(
            &mut text,
            format_args!(
                "## {}\n\n| variable | default | read by | meaning |\n|---|---|---|---|",
                group.title
            ),
        );
        for variable in group.all() {
            let star = if variable.secret { " \\*" } else { "" };
            let initial = match variable.initial {
                Initial::Text(value) => format!("`{value}`"),
                Initial::ByPreset { balanced, strict } if balanced == strict => {
                    format!("`{balanced}`")
                }
                Initial::ByPreset { balanced, strict } => {
                    format!("`{balanced}`, or `{strict}` with `LIMITS=strict`")
                }
                _ => initial_of(variable),
            };
            line(
                &mut text,
                format_args!(
                    "| `{}`{star} | {initial} | {} | {} |",
                    variable.name,
                    names(variable.binaries),
                    variable.meaning
                ),
            );
        }
        text.push('\n');
    }
    text
}

/// The table of `docs/limits.md`.
pub fn limits_table() -> String {
    let mut text = String::from(
        "| limit | counted by | `LIMITS=balanced` | `LIMITS=strict` | setting | refused as |\n\
         |---|---|---|---|---|---|\n",
    );
    for limit in TABLE {
        let more = if limit.more_for_proven { " \\*" } else { "" };
        line(
            &mut text,
            format_args!(
                "| `{}`: {} | {} | `{}`{more} | `{}`{more} | `{}` | `{}` |",
                limit.rule.as_str(),
                limit.meaning,
                limit.per.as_str(),
                limit.balanced,
                limit.strict,
                limit.setting,
                limit.told_as.code(),
            ),
        );
    }
    line(
        &mut text,
        format_args!("\n\\* and more for anyone who proves numbers, see below"),
    );
    text
}

fn initial_of(variable: &Variable) -> String {
    match variable.initial {
        Initial::Required(binaries) => format!("required by {}", names(binaries)),
        Initial::Unset => "unset".to_owned(),
        Initial::Text(value) => value.to_owned(),
        Initial::ByPreset { balanced, strict } if balanced == strict => balanced.to_owned(),
        Initial::ByPreset { balanced, strict } => {
            format!("{balanced}, or {strict} with LIMITS=strict")
        }
        Initial::Derived(words) => words.to_owned(),
    }
}

pub(super) fn initial_for(variable: &Variable, binary: Binary) -> String {
    match variable.initial {
        Initial::Required(binaries) if binaries.contains(&binary) => "required".to_owned(),
        Initial::Required(_) => "unset".to_owned(),
        _ => initial_of(variable),
    }
}

fn names(binaries: &[Binary]) -> String {
    let names: Vec<&str> = binaries.iter().map(|binary| binary.as_str()).collect();
    names.join(", ")
}

/// Without the marks of Markdown.
fn plain(text: &str) -> String {
    text.replace('`', "")
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = writeln!(text, "{line}");
}
