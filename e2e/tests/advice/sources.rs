//! The sources of the programs, for what they say.

use std::path::Path;

use crate::advice::page::{is_kind, project};

/// Every text literal of the programs and scripts of Redis, joined where it goes over lines.
pub(crate) fn texts_of_programs() -> Vec<String> {
    let mut texts = Vec::new();
    for folder in [
        "api",
        "worker",
        "shared",
        "migrations",
        "standalone",
        "simulator",
    ] {
        for_each_source(&project(folder), &mut |_, source| {
            texts.extend(literals(source));
        });
    }
    assert!(texts.len() > 1_000, "{}", texts.len());
    texts
}

/// The sources below a folder, without tests.
pub(crate) fn for_each_source(folder: &Path, visit: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            if !["tests", "examples", "target"].contains(&name.as_str()) {
                for_each_source(&path, visit);
            }
        } else if is_kind(&name, "rs") || is_kind(&name, "lua") {
            let text = std::fs::read_to_string(&path).expect("a source");
            let text = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            visit(&path, text);
        }
    }
}

/// The text literals of a source.
pub(crate) fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in source
        .split('\n')
        .map(str::trim_start)
        .scan(String::new(), |open, line| {
            // Comments hold quotes that are none.
            let line = if open.is_empty() && (line.starts_with("//") || line.starts_with("--")) {
                ""
            } else {
                line
            };
            open.push_str(line);
            if open.ends_with('\\') && open.matches('"').count() % 2 == 1 {
                open.pop();
                return Some(String::new());
            }
            Some(std::mem::take(open))
        })
    {
        let part = part.replace("\\\"", "”");
        found.extend(part.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    found
}
