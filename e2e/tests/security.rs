//! What `docs/security.md` says of tests, crates and settings is so.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text of every Rust file, by its path in the project.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![project()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|of| of == "rs") {
                let short = path.strip_prefix(project()).expect("inside").display();
                found.insert(short.to_string(), fs::read_to_string(&path).expect("text"));
            }
        }
    }
    found
}

/// Whether a text defines a function of this name.
fn defines(source: &str, name: &str) -> bool {
    let needle = format!("fn {name}(");
    source.contains(&needle)
}

/// A name of a test with the file that it stands in, as the page writes them.
fn tests_named_in(page: &str) -> Vec<(String, String)> {
    let spans: Vec<&str> = page.split('`').collect();
    let is_file = |span: &str| {
        let kind = Path::new(span).extension();
        kind.is_some_and(|kind| kind == "rs") && !span.contains(' ')
    };
    let is_test = |span: &str| {
        span.matches('_').count() >= 3
            && span
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let mut found = Vec::new();
    for (index, span) in spans.iter().enumerate().skip(1).step_by(2) {
        if is_test(span) {
            let file = spans.get(index + 2).filter(|file| is_file(file));
            found.push(((*span).to_owned(), file.map_or("", |file| *file).to_owned()));
        }
    }
    found
}

#[test]
fn every_test_that_the_page_of_security_names_is_in_the_file_that_it_names() {
    let sources = sources();
    let named = tests_named_in(&read("docs/security.md"));
    let mut wrong = Vec::new();
    for (name, file) in &named {
        let there = sources
            .get(file)
            .is_some_and(|source| defines(source, name));
        if !there {
            let elsewhere: Vec<&String> = sources
                .iter()
                .filter(|(_, source)| defines(source, name))
                .map(|(file, _)| file)
                .collect();
            wrong.push(format!("{name} in {file:?}; it is in {elsewhere:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(named.len() > 150, "{}", named.len());
}

#[test]
fn every_test_that_a_promise_names_is_there() {
    let sources = sources();
    let page = read("docs/promises.md");
    let named = tests_named_in(&page);
    let missing: Vec<&String> = named
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !sources.values().any(|source| defines(source, name)))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named.len() > 80, "{}", named.len());
    // Each promise names what shows it.
    for row in page.lines().filter(|line| line.starts_with("| ")).skip(2) {
        assert!(row.contains('`'), "{row}");
    }
}

/// Each id of the plan has one row, whatever its result.
#[test]
fn the_page_of_security_has_a_row_for_each_requirement_attack_and_fault() {
    let page = read("docs/security.md");
    for (letter, count) in [("I", 12), ("R", 34), ("A", 45), ("F", 26)] {
        for number in 1..=count {
            let row = format!("\n| {letter}-{number:02} | ");
            assert_eq!(page.matches(&row).count(), 1, "{row}");
        }
    }
    let numbers: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| ")?
                .split_once(" | ")
                .map(|(first, _)| first)
        })
        .filter(|first| first.split('.').count() == 3)
        .collect();
    assert_eq!(numbers.len(), 253, "the lines of levels 1 and 2");
    for deviation in page.split("D-").skip(1) {
        let number: String = deviation.chars().take_while(char::is_ascii_digit).collect();
        let heading = format!("* **D-{number} ");
        assert!(number.is_empty() || page.contains(&heading), "{heading}");
    }
}

/// Crates that had faults, and the first version without them.
const MENDED: [(&str, &str); 22] = [
    ("aws-lc-sys", "0.39.0"),
    ("bytes", "1.11.1"),
    ("h2", "0.4.16"),
    ("idna", "1.0.3"),
    ("jsonwebtoken", "10.3.0"),
    ("phonenumber", "0.3.6"),
    ("protobuf", "3.7.2"),
    ("ring", "0.17.12"),
    ("rustls-webpki", "0.103.13"),
    ("slab", "0.4.11"),
    ("sqlx", "0.8.1"),
    ("sqlx-core", "0.8.1"),
    ("sqlx-postgres", "0.8.1"),
    ("sqlx-sqlite", "0.8.1"),
    ("time", "0.3.47"),
    ("tokio-postgres", "0.7.18"),
    ("tracing-subscriber", "0.3.20"),
    // Nobody looks after these any more.
    ("dotenv", "never"),
    ("rustls-pemfile", "never"),
    ("serde_yml", "never"),
    ("proc-macro-error", "never"),
    ("rsa", "never"),
];

fn version(text: &str) -> Vec<u64> {
    let numbers = text.split(['-', '+']).next().unwrap_or_default();
    numbers
        .split('.')
        .map_while(|number| number.parse().ok())
        .collect()
}

#[test]
fn a_41_a_45_no_crate_is_older_than_its_mended_version() {
    let lock = read("Cargo.lock");
    let mut seen = 0;
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let start = format!("\n{name} = \"");
            let (_, rest) = package.split_once(&start)?;
            rest.split('"').next()
        };
        let (Some(name), Some(has)) = (field("name"), field("version")) else {
            continue;
        };
        if let Some((_, least)) = MENDED.iter().find(|(of, _)| *of == name) {
            assert_ne!(*least, "never", "{name} {has} has no mended version");
            assert!(
                version(has) >= version(least),
                "{name} {has} is older than {least}"
            );
            seen += 1;
        }
    }
    assert!(seen > 8, "{seen}");
    assert!(version("0.8.0") < version("0.8.1") && version("0.10.0") > version("0.9.9"));
}

/// Neither a setting nor a path of the API hands out a code, skips a check, or is meant for tests.
#[test]
fn r_29_a_43_no_setting_gives_a_code_away() {
    let settings = read("docs/configuration.md");
    let names: BTreeSet<&str> = settings
        .split('`')
        .filter(|text| {
            text.len() > 4
                && text.starts_with(|c: char| c.is_ascii_uppercase())
                && text
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        })
        .collect();
    assert!(names.len() > 50, "{names:?}");
    let app = read("api/src/app.rs");
    for word in [
        "TEST", "FAKE", "BYPASS", "DEBUG", "MASTER", "FIXED", "DUMMY", "BACKDOOR",
    ] {
        let found: Vec<_> = names.iter().filter(|name| name.contains(word)).collect();
        assert!(found.is_empty(), "{found:?}");
        let path = format!("/{}", word.to_ascii_lowercase());
        assert!(!app.contains(&path), "{path}");
    }
    // The inbox that shows codes is part of the simulator, which api and worker do not hold.
    for manifest in ["api/Cargo.toml", "worker/Cargo.toml"] {
        let manifest = read(manifest);
        let (needed, _) = manifest
            .split_once("[dev-dependencies]")
            .expect("both kinds");
        assert!(!needed.contains("simulator"), "{needed}");
    }
}

#[test]
fn a_name_and_its_file_are_read_from_the_page() {
    let found = tests_named_in(
        "| x | `a_b_c_d` (`e2e/tests/a.rs`), `challenge_uses`, `one_two_three_four` |",
    );
    let expected = [("a_b_c_d", "e2e/tests/a.rs"), ("one_two_three_four", "")];
    assert_eq!(
        found,
        expected.map(|(name, file)| (name.to_owned(), file.to_owned()))
    );
}
