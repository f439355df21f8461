//! Every alert is tried, explained and complete.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::boards::files::{Rule, alerts, boards, files, list, output, project, rules, yaml};

/// Where the explanations are. Anyone who serves them elsewhere changes the rules by one `sed`.
const RUNBOOKS: &str = "docs/runbooks.md";

#[test]
fn prometheus_takes_the_rules() {
    output(
        Command::new("promtool")
            .args(["check", "rules"])
            .args(files("prometheus/rules", "yml")),
    );
}

/// The names of the jobs stand in rules and boards.
#[test]
fn prometheus_and_grafana_are_set_up_for_rules_and_boards() {
    let file = project("prometheus/prometheus.yml");
    output(
        Command::new("promtool")
            .args(["check", "config"])
            .arg(&file),
    );
    let config = yaml(&file);
    assert_eq!(config["rule_files"], json!(["rules/*.yml"]));
    let jobs: Vec<_> = list(&config["scrape_configs"])
        .iter()
        .filter_map(|job| job["job_name"].as_str())
        .collect();
    assert!(
        ["ramz-api", "ramz-worker"]
            .iter()
            .all(|job| jobs.contains(job)),
        "{jobs:?}"
    );
    let source = yaml(&project("grafana/provisioning/datasources/prometheus.yml"));
    assert_eq!(source["datasources"][0]["uid"], "ramz-prometheus");
}

#[test]
fn alerts_fire_and_stay_quiet_as_their_cases_say() {
    for file in files("prometheus/tests", "yml") {
        output(Command::new("promtool").args(["test", "rules"]).arg(file));
    }
}

#[test]
fn every_alert_has_a_case_that_fires_and_one_that_stays_quiet() {
    let mut cases = Vec::new();
    for file in files("prometheus/tests", "yml") {
        for test in list(&yaml(&file)["tests"]) {
            cases.extend(list(&test["alert_rule_test"]).to_vec());
        }
    }
    for alert in alerts() {
        let of_alert = || cases.iter().filter(|case| case["alertname"] == *alert.name);
        let fires = |case: &&Value| {
            list(&case["exp_alerts"])
                .iter()
                .any(|expected| expects(expected, &alert))
        };
        let name = format!("{} {:?}", alert.name, alert.label("window"));
        assert!(
            of_alert().any(|case| fires(&case)),
            "{name}: no case fires it"
        );
        let mut quiet = of_alert().filter(|case| list(&case["exp_alerts"]).is_empty());
        assert!(
            quiet.next().is_some(),
            "{name}: no case in which it stays quiet"
        );
    }
}

/// Whether the labels and texts that a case expects are those of this alert.
fn expects(expected: &Value, alert: &Rule) -> bool {
    let label = |name: &str| expected["exp_labels"][name].as_str();
    let texts = &expected["exp_annotations"];
    label("window") == alert.label("window")
        && label("severity") == alert.label("severity")
        && texts["runbook_url"].as_str() == Some(alert.annotation("runbook_url"))
        && texts["description"].is_string()
        && texts["summary"].is_string()
}

#[test]
fn every_alert_says_how_urgent_it_is_and_what_is_wrong() {
    let alerts = alerts();
    assert!(alerts.len() > 30, "{}", alerts.len());
    for alert in alerts {
        let name = &alert.name;
        assert!(name.starts_with("Ramz"), "{name}");
        let severity = alert.label("severity");
        assert!(
            matches!(severity, Some("page" | "ticket")),
            "{name}: {severity:?}"
        );
        assert!(
            !alert.annotation("summary").is_empty(),
            "{name}: no summary"
        );
        assert!(
            !alert.annotation("description").is_empty(),
            "{name}: no description"
        );
    }
}

#[test]
fn every_alert_has_a_section_in_the_runbooks_and_every_section_an_alert() {
    let text = std::fs::read_to_string(project(RUNBOOKS)).expect("the runbooks");
    let headings = |marks: &str| -> BTreeSet<String> {
        text.lines()
            .filter_map(|line| line.strip_prefix(marks))
            .map(str::to_owned)
            .collect()
    };
    let explained = headings("### ");
    let named: BTreeSet<String> = alerts().into_iter().map(|alert| alert.name).collect();
    assert_eq!(explained, named);
    for alert in alerts() {
        let url = alert.annotation("runbook_url");
        let (file, anchor) = url.split_once('#').expect("an anchor");
        assert_eq!(file, RUNBOOKS, "{}", alert.name);
        // The anchor that GitHub and others give to a heading of one word.
        assert_eq!(anchor, alert.name.to_lowercase());
    }
    for (name, section) in sections(&text) {
        for part in ["**Users:**", "**Look:**", "**Do:**", "**Over:**"] {
            assert!(section.contains(part), "{name} lacks {part}");
        }
    }
}

/// In the runbooks a panel stands between quotes, a board between asterisks.
#[test]
fn every_board_and_panel_that_a_runbook_names_is_there() {
    let text = std::fs::read_to_string(project(RUNBOOKS)).expect("the runbooks");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let prose: String = text.split('`').step_by(2).collect();
    let boards = boards();
    let titles: BTreeSet<&str> = boards
        .iter()
        .flat_map(|(_, board)| list(&board["panels"]).iter().chain([board]))
        .filter_map(|it| it["title"].as_str())
        .collect();
    let quoted: BTreeSet<&str> = prose.split('"').skip(1).step_by(2).collect();
    assert!(quoted.len() > 8, "{quoted:?}");
    let named = prose.split('*').filter(|name| name.starts_with("Ramz: "));
    let named: BTreeSet<&str> = named.collect();
    assert_eq!(named.len(), boards.len(), "{named:?}");
    for name in quoted.iter().chain(&named) {
        assert!(titles.contains(name), "{name:?} is not among {titles:?}");
    }
}

fn sections(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split("\n### ")
        .skip(1)
        .map(|section| section.split_once('\n').unwrap_or((section, "")))
}

#[test]
fn what_is_recorded_is_used_by_an_alert_or_a_board() {
    let mut users: String = rules().into_iter().map(|rule| rule.expression).collect();
    for file in files("grafana/dashboards", "json") {
        users.push_str(&std::fs::read_to_string(file).expect("a board"));
    }
    for rule in rules() {
        assert!(
            rule.is_alert() || users.contains(&rule.name),
            "{} is not used",
            rule.name
        );
    }
}
