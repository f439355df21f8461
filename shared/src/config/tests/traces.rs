//! The export of traces.

use super::*;
use crate::traces::{Sampling, TraceSettings};

const COLLECTOR: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

fn traces(changes: &[(&str, &str)]) -> TraceSettings {
    let config = api(&complete_but(&[&[COLLECTOR], changes].concat()));
    config.traces.expect("a collector is named")
}

#[test]
fn nothing_is_exported_while_no_collector_is_named() {
    let sampler = [("OTEL_TRACES_SAMPLER", "always_on")];
    assert!(api(&complete_but(&sampler)).traces.is_none());
    let worker = WorkerConfig::load(&complete_but(&[COLLECTOR]));
    assert!(worker.expect("settings").traces.is_some());
}

#[test]
fn samplers_have_their_standard_names() {
    let share = ("OTEL_TRACES_SAMPLER_ARG", "0.25");
    for (name, ratio, believe_clients) in [
        ("always_on", 1.0, false),
        ("always_off", 0.0, false),
        ("traceidratio", 0.25, false),
        ("parentbased_always_on", 1.0, true),
        ("parentbased_traceidratio", 0.25, true),
    ] {
        let sampling = traces(&[("OTEL_TRACES_SAMPLER", name), share]).sampling;
        let expected = Sampling {
            ratio,
            believe_clients,
        };
        assert_eq!(sampling, expected, "{name}");
    }
    assert_eq!(traces(&[]).sampling.ratio.to_bits(), 1.0_f64.to_bits());
}

#[test]
fn headers_are_pairs_and_no_error_shows_them() {
    let name = "OTEL_EXPORTER_OTLP_HEADERS";
    let settings = traces(&[(name, "authorization=Basic%20abc, x-scope=ramz")]);
    let names: Vec<&str> = settings
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(names, ["authorization", "x-scope"]);
    assert_eq!(settings.headers[0].1.expose_secret(), "Basic abc");
    assert!(!format!("{settings:?}").contains("Basic"), "{settings:?}");
    for wrong in ["secretvalue", "two words=secretvalue", "x=secretvalue,y"] {
        let problems = api_problems(&complete_but(&[COLLECTOR, (name, wrong)]));
        assert_one(&problems, &[name, "is not a list"]);
        assert!(!problems[0].contains("secretvalue"), "{problems:?}");
    }
}

#[test]
fn what_is_wrong_is_named_and_foreign_variables_of_opentelemetry_are_let_be() {
    for (name, value, told) in [
        (COLLECTOR.0, "127.0.0.1:4318", "is not the `http://`"),
        (COLLECTOR.0, "grpc://collector", "is not the `http://`"),
        (COLLECTOR.0, "https://ramz:key@collector", "has a user"),
        ("OTEL_TRACES_SAMPLER", "sometimes", "`sometimes` is none of"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "`2` is not a share"),
        ("OTEL_TRACES_SAMPLER_ARG", "NaN", "`NaN` is not a share"),
    ] {
        assert_one(
            &api_problems(&complete_but(&[(name, value)])),
            &[name, told],
        );
    }
    let foreign = [("OTEL_RESOURCE_ATTRIBUTES", "a=b"), ("OTEL_LOG_LEVEL", "x")];
    assert_eq!(api_problems(&complete_but(&foreign)), Vec::<String>::new());
}
