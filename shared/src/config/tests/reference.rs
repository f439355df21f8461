//! The table of variables, what the binaries really read, and what people read about both.

use std::collections::BTreeSet;

use super::*;
use crate::config::reader::Reader;
use crate::config::variables::{Initial, all};

const ENV_EXAMPLE: &str = include_str!("../../../../.env.example");
const DOCUMENT: &str = include_str!("../../../../docs/configuration.md");

fn listed(binary: Binary) -> BTreeSet<&'static str> {
    all()
        .filter(|variable| variable.binaries.contains(&binary))
        .map(|variable| variable.name)
        .collect()
}

#[test]
fn each_binary_reads_exactly_the_variables_that_are_listed_for_it() {
    let environment = complete_but(&[]);
    let mut reader = Reader::new(&environment, Binary::Api);
    assert!(ApiConfig::read(&mut reader).is_ok());
    assert_eq!(reader.seen(), &listed(Binary::Api));

    let mut reader = Reader::new(&environment, Binary::Worker);
    assert!(WorkerConfig::read(&mut reader).is_ok());
    assert_eq!(reader.seen(), &listed(Binary::Worker));

    let environment = only(&[]);
    let mut reader = Reader::new(&environment, Binary::Standalone);
    assert!(StandaloneConfig::read(&mut reader).is_ok());
    assert_eq!(reader.seen(), &listed(Binary::Standalone));
}

#[test]
fn an_empty_environment_names_exactly_the_required_variables() {
    let required = |binary: Binary| -> BTreeSet<String> {
        all()
            .filter(|variable| {
                matches!(variable.initial, Initial::Required(of) if of.contains(&binary))
            })
            .map(|variable| variable.name.to_owned())
            .collect()
    };
    let named = |error: ConfigError| -> BTreeSet<String> {
        let problems = error.problems.into_iter();
        problems.map(|problem| problem.variable).collect()
    };
    let empty = only(&[]);
    let api = ApiConfig::load(&empty).expect_err("keys are missing");
    assert!(api.to_string().contains("OTP_KEY_FILE"), "{api}");
    assert_eq!(named(api), required(Binary::Api));
    let worker = WorkerConfig::load(&empty).expect_err("keys are missing");
    assert_eq!(named(worker), required(Binary::Worker));
}

#[test]
fn the_example_file_is_that_of_the_table() {
    assert!(
        ENV_EXAMPLE == env_example(),
        ".env.example is not up to date; `cargo run -p shared --example settings env` prints it"
    );
}

#[test]
fn the_example_file_can_be_used_as_it_is() {
    let pairs: Vec<(&str, &str)> = ENV_EXAMPLE
        .lines()
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| !name.contains(' '))
        .collect();
    assert_eq!(pairs.len(), all().count());
    assert_eq!(standalone_problems(&only(&pairs)), Vec::<String>::new());
}

#[test]
fn the_document_holds_the_table() {
    assert!(
        DOCUMENT.contains(&reference_table()),
        "docs/configuration.md is not up to date; `cargo run -p shared --example settings table` prints its tables"
    );
}

#[test]
fn help_tells_a_binary_of_its_own_variables_only() {
    for binary in [Binary::Api, Binary::Worker, Binary::Standalone] {
        let help = help_text(binary);
        let told: BTreeSet<&str> = help
            .lines()
            .filter_map(|line| line.strip_prefix("  "))
            .filter(|line| !line.starts_with(' '))
            .filter_map(|line| line.split(['*', ' ']).next())
            .collect();
        assert_eq!(told, listed(binary), "{help}");
    }
    assert!(help_text(Binary::Api).contains("OTP_KEY* [required]"));
    assert!(help_text(Binary::Standalone).contains("OTP_KEY* [unset]"));
}

#[test]
fn the_page_of_limits_holds_the_table() {
    let page = include_str!("../../../../docs/limits.md");
    let hint = "run `cargo run -p shared --example settings limits` and paste it";
    assert!(page.contains(&limits_table()), "{hint}");
}
