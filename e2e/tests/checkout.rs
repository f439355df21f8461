//! A clone is the same everywhere: git on Windows, which by default turns line ends into CRLF,
//! leaves scripts that run in containers, and migrations whose checksums stay the same.

use std::path::Path;
use std::process::Command;

/// Runs git and gives back what it says.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("git runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {told}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What interprets a file, by its first line.
fn interpreter(content: &[u8]) -> Option<&str> {
    let first = content.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(first).ok()?.strip_prefix("#!")
}

#[test]
fn a_clone_with_autocrlf_has_no_carriage_return_and_its_scripts_parse() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace");
    let folder = tempfile::tempdir().expect("a folder");
    let clone = folder.path().join("clone");
    let (from, to) = (root.to_str(), clone.to_str());
    git(
        folder.path(),
        &[
            "clone",
            "--quiet",
            "--config",
            "core.autocrlf=true",
            from.expect("UTF-8"),
            to.expect("UTF-8"),
        ],
    );

    let tracked = git(&clone, &["ls-files", "-z"]);
    let mut scripts = 0;
    for name in tracked.split_terminator('\0') {
        let path = clone.join(name);
        let content = std::fs::read(&path).expect(name);
        if content.contains(&0) {
            // git leaves files alone that are no text.
            continue;
        }
        assert!(!content.contains(&b'\r'), "{name} has carriage returns");
        if !interpreter(&content).is_some_and(|line| line.ends_with("sh")) {
            continue;
        }
        scripts += 1;
        let parsed = Command::new("bash").arg("-n").arg(&path).output();
        let parsed = parsed.expect("bash runs");
        let told = String::from_utf8_lossy(&parsed.stderr);
        assert!(parsed.status.success(), "{name}: {told}");
    }
    assert!(scripts >= 8, "only {scripts} scripts were found");
    let changed = git(&clone, &["status", "--porcelain"]);
    assert_eq!(changed, "", "a fresh clone has nothing to commit");
}
