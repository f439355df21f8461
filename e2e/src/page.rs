//! Commands of the documentation, run as they stand there.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs the block of `docs/operations.md` that begins with ```` ```sh NAME ````, in Bash, with these
/// variables and the programs of this build, and gives what it has printed.
///
/// # Panics
/// When there is no such block, or a command in it fails.
pub fn run_block(name: &str, variables: &[(&str, &str)]) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let commands = block(&page, name).unwrap_or_else(|| panic!("no block {name}"));
    let programs = programs();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("bash")
        .args(["-c", &format!("set -euo pipefail\n{commands}")])
        .env_clear()
        .env("PATH", format!("{}:{path}", programs.display()))
        .envs(variables.iter().copied())
        .output()
        .expect("Bash starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {printed}\n{said}");
    printed
}

/// The lines of a block, without the indentation of the list that it stands in.
fn block(page: &str, name: &str) -> Option<String> {
    let opening = format!("```sh {name}");
    let mut lines = page.lines().skip_while(|line| line.trim_start() != opening);
    let indentation = lines.next()?.find('`')?;
    let mut commands = String::new();
    for line in lines.take_while(|line| line.trim() != "```") {
        commands.push_str(line.get(indentation..).unwrap_or_default());
        commands.push('\n');
    }
    Some(commands)
}

fn programs() -> PathBuf {
    let test = std::env::current_exe().expect("a path");
    let folder = test.parent().and_then(Path::parent);
    folder.expect("the folder of the build").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_in_a_list_loses_its_indentation() {
        let page =
            "1. text\n\n   ```sh one\n   a <<'X'\n     b\n   X\n   ```\n\n```sh two\nc\n```\n";
        assert_eq!(block(page, "one").as_deref(), Some("a <<'X'\n  b\nX\n"));
        assert_eq!(block(page, "two").as_deref(), Some("c\n"));
        assert_eq!(block(page, "thr"), None);
    }
}
