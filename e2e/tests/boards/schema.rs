//! What Grafana and its readers need of a board.

use std::collections::HashSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::boards::files::{boards, list, output, panels, project};

/// Units that Grafana knows and the boards use; `none` is a plain number.
const UNITS: [&str; 11] = [
    "bool",
    "bytes",
    "currency:IRR ",
    "d",
    "mps",
    "none",
    "percentunit",
    "reqpm",
    "reqps",
    "s",
    "short",
];
const COLUMNS: u64 = 24;
const EXPECTED: [(&str, &str); 5] = [
    ("abuse", "ramz-abuse"),
    ("api", "ramz-api"),
    ("gateway-and-delivery", "ramz-gateway-and-delivery"),
    ("overview", "ramz-overview"),
    ("worker-and-queue", "ramz-worker-and-queue"),
];

#[test]
fn the_boards_are_those_of_their_source() {
    output(
        Command::new("python3")
            .arg(project("grafana/make-dashboards"))
            .arg("--check"),
    );
}

#[test]
fn the_boards_keep_their_addresses() {
    let boards = boards();
    let found: Vec<_> = boards
        .iter()
        .map(|(file, board)| (file.as_str(), board["uid"].as_str().expect("a uid")))
        .collect();
    assert_eq!(found, EXPECTED);
    for (file, board) in &boards {
        assert_eq!(board["timezone"], "browser", "{file}");
        assert!(board["refresh"].is_string(), "{file}");
        assert!(board["schemaVersion"].as_u64() >= Some(39), "{file}");
        assert!(list(&board["tags"]).contains(&json!("ramz")), "{file}");
    }
}

#[test]
fn every_panel_says_which_question_it_answers_and_in_which_unit() {
    for (file, board) in boards() {
        let mut titles = HashSet::new();
        for panel in panels(&board) {
            let title = panel["title"].as_str().expect("a title");
            let place = format!("{file}: {title}");
            assert!(titles.insert(title), "{place}: twice");
            let description = panel["description"].as_str().unwrap_or_default();
            let (question, then) = description.split_once("? ").unwrap_or_default();
            assert!(
                !question.is_empty() && then.len() > 15,
                "{place}: no question, or nothing to do next: {description:?}"
            );
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
            let unit = unit.unwrap_or_default();
            assert!(UNITS.contains(&unit), "{place}: the unit {unit:?}");
        }
        assert!(titles.len() >= 10, "{file}: {} panels", titles.len());
    }
}

#[test]
fn panels_have_their_own_number_and_place() {
    for (file, board) in boards() {
        let mut numbers = HashSet::new();
        let mut taken = HashSet::new();
        for panel in list(&board["panels"]) {
            let place = format!("{file}: {}", panel["title"]);
            assert!(
                numbers.insert(panel["id"].as_u64().expect("an id")),
                "{place}"
            );
            let at = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
            assert!(at("w") > 0 && at("h") > 0, "{place}");
            assert!(at("x") + at("w") <= COLUMNS, "{place}: too far right");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{place}: over another panel");
                }
            }
        }
    }
}

#[test]
fn every_query_is_one_of_prometheus_with_a_name_of_its_own() {
    for (file, board) in boards() {
        for panel in panels(&board) {
            let place = format!("{file}: {}", panel["title"]);
            let targets = list(&panel["targets"]);
            assert!(!targets.is_empty(), "{place}: no query");
            let mut names = HashSet::new();
            for target in targets {
                assert!(
                    names.insert(target["refId"].as_str().expect("a refId")),
                    "{place}"
                );
                let query = target["expr"].as_str().unwrap_or_default();
                assert!(!query.is_empty(), "{place}: an empty query");
                assert_eq!(target["datasource"]["uid"], "ramz-prometheus", "{place}");
                assert_ne!(target["instant"], target["range"], "{place}");
                // A span that does not fit the scrapes of this Prometheus shows gaps.
                assert!(
                    !query.contains("rate(") || fits_the_scrapes(query),
                    "{place}: {query}"
                );
                let legend = target["legendFormat"].as_str().unwrap_or_default();
                assert!(
                    panel["type"] != "timeseries" || !legend.is_empty(),
                    "{place}: no legend"
                );
            }
        }
    }
}

/// Whether every `rate` is over Grafana's own span.
fn fits_the_scrapes(query: &str) -> bool {
    query.split("rate(").skip(1).all(|rest| {
        rest.split_once('[')
            .is_some_and(|(_, span)| span.starts_with("$__rate_interval]"))
    })
}

#[test]
fn thresholds_begin_anywhere_and_rise() {
    for (file, board) in boards() {
        for panel in panels(&board) {
            let place = format!("{file}: {}", panel["title"]);
            let thresholds = &panel["fieldConfig"]["defaults"]["thresholds"];
            if panel["type"] == "heatmap" {
                continue;
            }
            assert_eq!(thresholds["mode"], "absolute", "{place}");
            let steps = list(&thresholds["steps"]);
            assert_eq!(steps[0]["value"], Value::Null, "{place}");
            let values: Vec<f64> = steps[1..]
                .iter()
                .map(|step| step["value"].as_f64().expect("a number"))
                .collect();
            assert!(
                values.windows(2).all(|pair| pair[0] < pair[1]),
                "{place}: {values:?}"
            );
            assert!(
                steps.iter().all(|step| step["color"].is_string()),
                "{place}"
            );
        }
    }
}

#[test]
fn the_first_row_of_every_board_is_traffic_lights() {
    for (file, board) in boards() {
        let first = list(&board["panels"])
            .iter()
            .skip(1)
            .take_while(|panel| panel["type"] != "row");
        let mut lights = 0;
        for panel in first {
            assert_eq!(panel["type"], "stat", "{file}: {}", panel["title"]);
            lights += usize::from(panel["options"]["colorMode"] == "background");
        }
        assert!(lights >= 4, "{file}: {lights}");
    }
}

#[test]
fn links_lead_to_boards_that_there_are() {
    let boards = boards();
    let known: Vec<_> = boards
        .iter()
        .map(|(_, board)| board["uid"].as_str())
        .collect();
    let mut links = 0;
    for (file, board) in &boards {
        assert_eq!(board["links"][0]["tags"], json!(["ramz"]), "{file}");
        for panel in panels(board) {
            for link in list(&panel["links"]) {
                let url = link["url"].as_str().expect("an address");
                let uid = url
                    .strip_prefix("/d/")
                    .and_then(|url| url.split('?').next());
                assert!(known.contains(&uid), "{file}: {}: {url}", panel["title"]);
                assert_ne!(uid, board["uid"].as_str(), "{file}: {}", panel["title"]);
                links += 1;
            }
        }
    }
    assert!(links > 10, "{links} links");
}
