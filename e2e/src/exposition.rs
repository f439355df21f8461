//! What a process says at `/metrics`, read back from the text format of Prometheus.

use std::collections::BTreeMap;

use crate::Client;

/// One metric with all of its series.
#[derive(Clone, Debug, Default)]
pub struct Family {
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// The help text.
    pub help: String,
    /// The series. Those of a histogram are its buckets (with `le`), sum and count.
    pub samples: Vec<Sample>,
}

/// One line with a value.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The name as it stands there: of a histogram with `_bucket`, `_sum` or `_count`.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// Everything that one process said at one moment.
#[derive(Clone, Debug)]
pub struct Exposition(BTreeMap<String, Family>);

impl Exposition {
    /// Asks the process whose metrics are at this URL, which ends in `/metrics`. None if it does not
    /// answer.
    pub async fn fetch(url: &str) -> Option<Self> {
        let address = url.trim_end_matches("/metrics");
        let answer = Client::new(address).try_get("/metrics").await.ok()?;
        Some(Self::parse(&answer.text().await.ok()?))
    }

    /// Reads the text; what is not of the format ends the test.
    fn parse(text: &str) -> Self {
        let mut families: BTreeMap<String, Family> = BTreeMap::new();
        let mut name = String::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (of, help) = rest.split_once(' ').unwrap_or((rest, ""));
                of.clone_into(&mut name);
                let family = families.entry(name.clone()).or_default();
                assert!(family.help.is_empty(), "{name} is there twice");
                help.clone_into(&mut family.help);
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (of, kind) = rest.split_once(' ').expect("a type");
                of.clone_into(&mut name);
                kind.clone_into(&mut families.entry(name.clone()).or_default().kind);
            } else if !line.is_empty() {
                let sample = Sample::parse(line);
                assert!(sample.name.starts_with(&name), "{line} stands under {name}");
                families
                    .entry(name.clone())
                    .or_default()
                    .samples
                    .push(sample);
            }
        }
        Self(families)
    }

    /// All metrics by name.
    pub fn families(&self) -> &BTreeMap<String, Family> {
        &self.0
    }

    /// The value of the one series with these labels and no others.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let samples = &self.0.get(name)?.samples;
        let sample = samples.iter().find(|sample| {
            sample.labels.len() == labels.len()
                && labels
                    .iter()
                    .all(|(name, value)| sample.labels.get(*name).is_some_and(|it| it == value))
        });
        Some(sample?.value)
    }
}

impl Sample {
    fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let mut rest = labels.trim_end_matches('}');
        let mut labels = BTreeMap::new();
        while let Some((label, after)) = rest.split_once("=\"") {
            let end = after.find('"').expect("a closing quote");
            assert!(
                !after[..end].contains('\\'),
                "no label of Ramz needs escaping: {line}"
            );
            labels.insert(
                label.trim_start_matches(',').to_owned(),
                after[..end].into(),
            );
            rest = &after[end + 1..];
        }
        Self {
            name: name.to_owned(),
            labels,
            value: value.parse().expect("a number"),
        }
    }
}
