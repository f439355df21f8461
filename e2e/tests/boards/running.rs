//! Every query has an answer in a system at work.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use e2e::Production;

use crate::boards::files::{boards, list, panels, project, rules};
use crate::boards::prometheus::Prometheus;
use crate::boards::traffic::{CALLBACK_SECRET, People, disturb, spoil_the_gateway};

/// Much longer than it takes: an alert waits for a minute, deliveries are asked for after ten
/// seconds, the breaker probes after five.
const LIMIT: Duration = Duration::from_mins(15);
const PAUSE: Duration = Duration::from_secs(1);
/// What a selector in an expression begins with; anything else is a function or a word of the language.
const METRICS: [&str; 8] = [
    "ramz_",
    "ramz:",
    "http_",
    "process_",
    "node_",
    "alertmanager_",
    "up",
    "ALERTS",
];

/// Something that must have an answer.
struct Question {
    /// The board or `rules`.
    place: String,
    /// The panel or rule.
    name: String,
    ask: Ask,
}

enum Ask {
    Expression(String),
    Variable { selector: String, label: String },
}

/// What Grafana puts in: the span of a rate, and every job and process.
fn fill_in(expression: &str) -> String {
    expression
        .replace("$__rate_interval", "1m")
        .replace("$job", ".*")
        .replace("$instance", ".*")
}

fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    let mut add = |place: &str, name: &str, ask: Ask| {
        questions.push(Question {
            place: place.to_owned(),
            name: name.to_owned(),
            ask,
        });
    };
    for (file, board) in boards() {
        for panel in panels(&board) {
            let title = panel["title"].as_str().expect("a title");
            for target in list(&panel["targets"]) {
                let query = target["expr"].as_str().expect("a query");
                add(&file, title, Ask::Expression(fill_in(query)));
            }
        }
        for annotation in list(&board["annotations"]["list"]) {
            let name = annotation["name"].as_str().expect("a name");
            let query = annotation["expr"].as_str().expect("a query");
            add(
                &file,
                &format!("marks: {name}"),
                Ask::Expression(fill_in(query)),
            );
        }
        for variable in list(&board["templating"]["list"]) {
            let query = fill_in(variable["definition"].as_str().expect("a query"));
            let inner = query
                .strip_prefix("label_values(")
                .and_then(|query| query.strip_suffix(')'));
            let (selector, label) = inner
                .and_then(|inner| inner.rsplit_once(", "))
                .expect("two");
            let ask = Ask::Variable {
                selector: selector.to_owned(),
                label: label.to_owned(),
            };
            add(&file, &format!("variable: {label}"), ask);
        }
    }
    for page in ["docs/runbooks.md", "docs/operations.md"] {
        for query in queries(&std::fs::read_to_string(project(page)).expect("a page")) {
            add(page, &query, Ask::Expression(query.clone()));
        }
    }
    for rule in rules() {
        if rule.is_alert() {
            // An alert that does not fire is empty, but what it looks at must be there.
            for selector in selectors(&rule.expression) {
                let ask = Ask::Expression(format!("last_over_time({selector}[10m])"));
                add("rules", &format!("{}: {selector}", rule.name), ask);
            }
        } else {
            add("rules", &rule.name, Ask::Expression(rule.name.clone()));
        }
    }
    questions
}

/// The queries that a page gives, between backticks.
fn queries(page: &str) -> BTreeSet<String> {
    let prose: String = page.split("```").step_by(2).collect();
    let spans = prose.split('`').skip(1).step_by(2);
    let spans = spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "));
    spans
        .filter(|span| {
            ["ramz_", "ramz:", "up{", "process_"]
                .iter()
                .any(|it| span.contains(it))
        })
        .collect()
}

/// The series that an expression looks at, each once.
fn selectors(expression: &str) -> Vec<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = expression;
    let mut quoted = false;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if quoted || word == 0 {
            quoted ^= first == '"';
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (name, after) = rest.split_at(word);
        rest = after;
        let is_metric = METRICS
            .iter()
            .any(|start| name == *start || (start.len() > 2 && name.starts_with(start)));
        if is_metric {
            let labels = match after.find('}') {
                Some(end) if after.starts_with('{') => &after[..=end],
                _ => "",
            };
            rest = &after[labels.len()..];
            let selector = format!("{name}{}", labels.split_whitespace().collect::<String>());
            if !found.contains(&selector) {
                found.push(selector);
            }
        }
    }
    found
}

#[test]
fn selectors_are_found_in_expressions() {
    let expression = "absent(up{job=\"ramz-api\"} == 1) or\n\
        sum by (code) (rate(http_x_total{\n  a=~\"ramz_y|b\",c=\"d\"\n}[5m])) > ramz:x:y and up";
    let expected = [
        "up{job=\"ramz-api\"}",
        "http_x_total{a=~\"ramz_y|b\",c=\"d\"}",
        "ramz:x:y",
        "up",
    ];
    assert_eq!(selectors(expression), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_of_boards_and_rules_has_an_answer_under_load() {
    let settings = [
        ("TRUSTED_PROXIES", "127.0.0.1/32"),
        ("DELIVERY_CALLBACK_SECRET", CALLBACK_SECRET),
    ];
    let mut production = Production::start(0, &settings).await;
    spoil_the_gateway(&production).await;
    for _ in 0..2 {
        production.add_worker();
    }
    let prometheus = Prometheus::start().await;
    prometheus.watch(&production);

    let questions = questions();
    assert!(questions.len() > 150, "{} questions", questions.len());
    let mut answers: Vec<usize> = vec![0; questions.len()];
    let load = tokio::spawn(People::of(&production).come_and_go());
    let ((), ()) = tokio::join!(
        disturb(&mut production, &prometheus),
        ask_all(&prometheus, &questions, &mut answers)
    );
    load.abort();

    let mut silent = Vec::new();
    println!("{:>7}  {:<22} what", "series", "where");
    for (question, series) in questions.iter().zip(answers) {
        println!("{series:>7}  {:<22} {}", question.place, question.name);
        if series == 0 {
            let what = match &question.ask {
                Ask::Expression(expression) => expression.clone(),
                Ask::Variable { selector, label } => format!("{label} of {selector}"),
            };
            silent.push(format!("{}: {}: {what}", question.place, question.name));
        }
    }
    let broken = prometheus.broken_rules().await;
    assert!(
        broken.is_empty(),
        "{}\n{}",
        broken.join("\n"),
        prometheus.log()
    );
    assert!(
        silent.is_empty(),
        "{} without an answer:\n{}",
        silent.len(),
        silent.join("\n")
    );
}

/// Asks each question until it has an answer.
async fn ask_all(prometheus: &Prometheus, questions: &[Question], answers: &mut [usize]) {
    let begun = Instant::now();
    while begun.elapsed() < LIMIT {
        for (question, answer) in questions.iter().zip(answers.iter_mut()) {
            if *answer == 0 {
                *answer = match &question.ask {
                    Ask::Expression(expression) => prometheus.series(expression).await,
                    Ask::Variable { selector, label } => {
                        prometheus.label_values(selector, label).await
                    }
                };
            }
        }
        if answers.iter().all(|answer| *answer > 0) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
