//! The command as it is called, with counts so small that its figures mean nothing.
//!
//! Build the binaries first (`cargo build --workspace --bins`); `scripts/test` does.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(arguments)
        .output()
        .expect("bench runs")
}

fn run(only: &[&str], out: &Path) -> Value {
    let out_text = out.to_str().expect("a path");
    let mut arguments = vec!["run", "--allow-debug", "--rounds", "1", "--seconds", "1"];
    arguments.extend([
        "--sends",
        "300",
        "--waiting-jobs",
        "2000",
        "--out",
        out_text,
    ]);
    arguments.extend(["--users", "2000", "--ledger-rows", "5000"]);
    arguments.extend(only.iter().flat_map(|name| ["--only", name]));
    let output = bench(&arguments);
    let told = String::from_utf8_lossy(&output.stderr);
    // 1 says that a figure missed its target, as it may here.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{told}");
    let file = out.join(only.join("-")).with_extension("json");
    let results = std::fs::read(file).expect("the figures");
    let table = std::fs::read_to_string(out.join(only.join("-")).with_extension("md"));
    assert!(table.is_ok_and(|table| table.contains("| figure |")));
    serde_json::from_slice(&results).expect("JSON")
}

#[test]
fn an_idle_system_is_measured_and_the_figures_are_written() {
    let out = tempfile::tempdir().expect("a folder");
    let results = run(&["idle"], out.path());
    assert_eq!(results["failures"], serde_json::json!([]));
    let figures = results["figures"].as_array().expect("figures");
    assert_eq!(figures.len(), 3);
    for figure in figures {
        let median = figure["value"]["median"].as_f64().expect("a median");
        assert!(median > 0.0, "{figure}");
    }
}

#[test]
#[ignore = "loads the machine fully for minutes; on a busy one requests are refused"]
fn everything_is_measured() {
    let all = [
        "accept",
        "idle",
        "sends",
        "queue",
        "memory",
        "standalone",
        "sign-ins",
        "scale",
        "growth",
    ];
    let out = tempfile::tempdir().expect("a folder");
    let results = run(&all, out.path());
    assert_eq!(results["failures"], serde_json::json!([]));
    assert_eq!(results["curves"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_is_wrong_is_told() {
    let out = tempfile::tempdir().expect("a folder");
    let folder = out.path().to_str().expect("a path");
    let output = bench(&["run", "--bin-dir", folder]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("api is missing"), "{told}");
    let output = bench(&["report", &format!("{folder}/none.json")]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("none.json"), "{told}");
}
