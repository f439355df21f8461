//! A page of the documentation, taken apart.

use std::path::{Path, PathBuf};

/// The pages that operators work by.
pub(crate) const PAGES: [&str; 6] = [
    "docs/runbooks.md",
    "docs/operations.md",
    "docs/compose.md",
    "docs/commands.md",
    "docs/keys.md",
    "docs/delivery.md",
];

/// A file or folder of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Whether a file is of this kind.
pub(crate) fn is_kind(name: &str, extension: &str) -> bool {
    Path::new(name)
        .extension()
        .is_some_and(|found| found == extension)
}

/// The text of a file of the project.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A page: what stands between backticks in its text, and its blocks.
pub(crate) struct Page {
    pub(crate) name: &'static str,
    /// Each once, on one line.
    pub(crate) spans: Vec<String>,
    /// The kind after the three backticks, and the lines.
    pub(crate) blocks: Vec<(String, String)>,
}

impl Page {
    pub(crate) fn read(name: &'static str) -> Self {
        Self::parse(name, &read(name))
    }

    fn parse(name: &'static str, text: &str) -> Self {
        let mut prose = String::new();
        let mut blocks: Vec<(String, String)> = Vec::new();
        let mut inside = false;
        for line in text.lines() {
            if let Some(kind) = line.trim_start().strip_prefix("```") {
                inside = !inside;
                if inside {
                    blocks.push((kind.to_owned(), String::new()));
                }
            } else if inside && let Some((_, lines)) = blocks.last_mut() {
                lines.push_str(line.trim_start());
                lines.push('\n');
            } else {
                prose.push_str(line.trim());
                // A cell of a table, or a paragraph, starts again.
                prose.push(if line.trim().is_empty() { '\n' } else { ' ' });
            }
        }
        let mut spans = Vec::new();
        for span in prose.split('`').skip(1).step_by(2) {
            let span = span.split_whitespace().collect::<Vec<_>>().join(" ");
            if !spans.contains(&span) {
                spans.push(span);
            }
        }
        Self {
            name,
            spans,
            blocks,
        }
    }

    /// The commands of its console blocks, a line each: those after a prompt, without comments, with
    /// what a backslash, an open quote or a here-document continues.
    pub(crate) fn console(&self) -> Vec<String> {
        let mut commands: Vec<String> = Vec::new();
        for (kind, lines) in &self.blocks {
            if kind != "console" {
                continue;
            }
            let mut open = false;
            for line in lines.lines() {
                let command = line.strip_prefix("$ ").or(line.strip_prefix("# "));
                if let (Some(command), false) = (command, open) {
                    commands.push(command.to_owned());
                } else if open && let Some(last) = commands.last_mut() {
                    last.push('\n');
                    last.push_str(line);
                }
                let last = commands.last().map_or("", String::as_str);
                open = last.ends_with('\\') || last.matches('"').count() % 2 == 1;
            }
        }
        commands
            .iter()
            .map(|command| command.replace("\\\n", ""))
            .map(|command| match command.split_once("  #") {
                Some((command, _comment)) => command.trim().to_owned(),
                None => command,
            })
            .collect()
    }
}

#[test]
fn a_page_is_taken_apart() {
    let text = "Say `a\nb` and `c`, `c`.\n\n```console\n$ one \\\n  two   # a remark\nits answer\n\
        $ three \"x\n  y\"\n```\n\n| `d` |\n";
    let page = Page::parse("x", text);
    assert_eq!(page.spans, ["a b", "c", "d"]);
    assert_eq!(page.console(), ["one two", "three \"x\ny\""]);
}
