//! The files of Prometheus and Grafana, as values.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A file or folder of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The files of a folder that end so, in order.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project(folder)).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has no *.{ending}");
    files
}

/// The output of a command that must succeed.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; run scripts/install-test-tools"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// A YAML file, read by the Python of the tests.
pub(crate) fn yaml(path: &Path) -> Value {
    let read = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1])), sys.stdout)";
    let json = output(Command::new(harness::python()).args(["-c", read]).arg(path));
    serde_json::from_str(&json).expect("JSON")
}

/// The boards, with the names of their files.
pub(crate) fn boards() -> Vec<(String, Value)> {
    files("grafana/dashboards", "json")
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).expect("a file");
            let name = path.file_stem().expect("a name").to_string_lossy();
            (
                name.into_owned(),
                serde_json::from_str(&text).expect("JSON"),
            )
        })
        .collect()
}

/// A rule of Prometheus.
pub(crate) struct Rule {
    /// The name of the alert, or of the series that is recorded.
    pub(crate) name: String,
    pub(crate) expression: String,
    /// The whole rule.
    pub(crate) value: Value,
}

impl Rule {
    pub(crate) fn is_alert(&self) -> bool {
        self.value["alert"].is_string()
    }

    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.value["labels"][name].as_str()
    }

    pub(crate) fn annotation(&self, name: &str) -> &str {
        self.value["annotations"][name].as_str().unwrap_or_default()
    }
}

/// Every rule.
pub(crate) fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for file in files("prometheus/rules", "yml") {
        for group in list(&yaml(&file)["groups"]) {
            for rule in list(&group["rules"]) {
                let name = rule["alert"].as_str().or(rule["record"].as_str());
                rules.push(Rule {
                    name: name.expect("a name").to_owned(),
                    expression: rule["expr"].as_str().expect("an expression").to_owned(),
                    value: rule.clone(),
                });
            }
        }
    }
    rules
}

/// Those that alert.
pub(crate) fn alerts() -> Vec<Rule> {
    let mut rules = rules();
    rules.retain(Rule::is_alert);
    rules
}

/// The members of a list; none where there is no list.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The panels of a board that show something: all but the headings.
pub(crate) fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    list(&board["panels"])
        .iter()
        .filter(|panel| panel["type"] != "row")
}
