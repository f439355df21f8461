//! The map of crates in `docs/architecture.md` is that of the workspace, and what the documents name
//! is there.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace")
        .to_owned()
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn cargo(arguments: &[&str]) -> Vec<u8> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    output.stdout
}

/// What `cargo metadata` says, without asking any registry: of this platform, whose packages were needed to build
/// this test.
fn metadata() -> Value {
    let version = String::from_utf8(cargo(&["-vV"])).expect("UTF-8");
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let platform = format!("--filter-platform={}", host.expect("a platform"));
    let arguments = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--offline",
        &platform,
    ];
    serde_json::from_slice(&cargo(&arguments)).expect("JSON")
}

/// The cells of the rows of the first table after a heading, without the head of the table.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) = document.split_once(heading).expect(heading);
    let rows = rest.lines().skip_while(|line| !line.starts_with('|'));
    rows.take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|row| {
            let cells = row.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    let parts = text.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Name, folder and own crates that it uses, of each crate of the workspace.
type Map = BTreeMap<String, (String, BTreeSet<String>)>;

#[test]
fn the_map_of_crates_is_that_of_the_workspace() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let members = packages
        .iter()
        .filter(|package| package["source"].is_null());
    let names: BTreeSet<&str> = members
        .clone()
        .map(|package| text(package, "name"))
        .collect();
    let root = text(&metadata, "workspace_root");
    let in_workspace: Map = members
        .map(|package| {
            let manifest = Path::new(text(package, "manifest_path"));
            let folder = manifest.parent().expect("a folder");
            let folder = folder.strip_prefix(root).expect("inside the workspace");
            let used = package["dependencies"].as_array().expect("dependencies");
            let used = used
                .iter()
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| text(dependency, "name"))
                .filter(|name| names.contains(name))
                .map(str::to_owned);
            let name = text(package, "name").to_owned();
            (name, (format!("{}/", folder.display()), used.collect()))
        })
        .collect();
    let rows = table(&read("docs/architecture.md"), "## Crates");
    let in_document: Map = rows
        .iter()
        .map(|cells| {
            let name = cells[0].trim_matches('`').to_owned();
            let folder = cells[1].trim_matches('`').to_owned();
            (name, (folder, quoted(&cells[2])))
        })
        .collect();
    assert_eq!(in_document, in_workspace, "docs/architecture.md, Crates");
}

/// Every package behind one of ours, without what only its tests use.
fn behind(metadata: &Value, name: &str) -> BTreeSet<String> {
    let nodes = metadata["resolve"]["nodes"].as_array().expect("nodes");
    let packages = metadata["packages"].as_array().expect("packages");
    let name_of: BTreeMap<&str, &str> = packages
        .iter()
        .map(|package| (text(package, "id"), text(package, "name")))
        .collect();
    let own = packages
        .iter()
        .find(|package| package["source"].is_null() && text(package, "name") == name)
        .map(|package| text(package, "id"))
        .expect(name);
    let (mut seen, mut left) = (BTreeSet::new(), VecDeque::from([own]));
    while let Some(id) = left.pop_front() {
        let node = nodes.iter().find(|node| text(node, "id") == id);
        let used = node.and_then(|node| node["deps"].as_array());
        for dependency in used.into_iter().flatten() {
            let kinds = dependency["dep_kinds"].as_array().expect("kinds");
            let id = text(dependency, "pkg");
            if kinds.iter().any(|kind| kind["kind"].is_null()) && seen.insert(id) {
                left.push_back(id);
            }
        }
    }
    seen.iter().map(|id| name_of[id].to_owned()).collect()
}

#[test]
fn the_use_cases_know_no_server_and_the_domain_no_store() {
    let metadata = metadata();
    for (name, absent) in [
        ("flows", &["axum", "serving", "web", "gateway"][..]),
        ("shared", &["axum", "flows", "web"]),
        (
            "domain",
            &["axum", "hyper", "reqwest", "redis", "sqlx", "shared"],
        ),
        ("gateway", &["axum", "redis", "shared", "sqlx"]),
        ("web", &["flows", "utoipa"]),
    ] {
        let behind = behind(&metadata, name);
        for other in absent {
            assert!(!behind.contains(*other), "{name} must not know {other}");
        }
        // It would find what is there.
        assert!(behind.contains("serde"), "{name}");
    }
    let packages = metadata["packages"].as_array().expect("packages");
    let flows = packages
        .iter()
        .find(|package| text(package, "name") == "flows");
    let direct = flows.expect("flows")["dependencies"].as_array();
    for dependency in direct.expect("dependencies") {
        let name = text(dependency, "name");
        assert!(
            !["axum", "http", "hyper"].contains(&name),
            "flows uses {name}"
        );
    }
}

#[test]
fn the_ways_through_the_code_name_files_and_functions_that_are_there() {
    let document = read("docs/where-is-what.md");
    for way in [
        "## From the request for a code to the SMS",
        "## The way of a refresh token",
    ] {
        let rows = table(&document, way);
        assert!(rows.len() > 5, "{way}");
        for cells in rows {
            let files: String = quoted(&cells[1]).iter().map(|path| read(path)).collect();
            for name in quoted(&cells[2]) {
                let there = ["fn ", "struct "].map(|kind| format!("{kind}{name}"));
                assert!(
                    there.iter().any(|there| files.contains(there)),
                    "{}: no {name} in {}",
                    cells[0],
                    cells[1]
                );
            }
        }
    }
}

#[test]
fn paths_of_sources_in_the_documents_are_there() {
    let mut seen = 0;
    let folders = ["", "docs", "docs/adr"].map(|folder| root().join(folder));
    for folder in folders {
        let entries = std::fs::read_dir(&folder).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        for page in paths.filter(|path| path.extension().is_some_and(|kind| kind == "md")) {
            let text = std::fs::read_to_string(&page).expect("a page");
            for path in quoted(&text) {
                let first = path.split('/').next().unwrap_or_default();
                let ours = ["api", "worker", "shared", "e2e", "standalone", "migrations"];
                let is_path = path.contains('/') && ours.contains(&first);
                if !is_path || path.contains([' ', '*', '<', '{', '…']) {
                    continue;
                }
                seen += 1;
                assert!(
                    root().join(&path).exists(),
                    "{} names {path}",
                    page.display()
                );
            }
        }
    }
    assert!(seen > 50, "only {seen} paths were found");
}
