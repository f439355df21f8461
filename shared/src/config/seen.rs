//! The settings as they are, made from the table, for people who look: never a secret.

use super::Environment;
use super::reference::initial_for;
use super::variables::{Binary, GROUPS, Initial, LIMITS, Variable};

/// Settings that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingGroup {
    /// Their heading, as in the documents.
    pub title: &'static str,
    /// In the order of the documents.
    pub settings: Vec<SeenSetting>,
}

/// A setting as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenSetting {
    /// The variable.
    pub name: &'static str,
    /// What it is, or by what it is made; empty for a secret and where there is nothing.
    pub value: String,
    /// Whether it may hold a secret.
    pub is_secret: bool,
    /// Whether somebody has set it, by itself or by a file.
    pub is_set: bool,
    /// Whether somebody has set it to something else than its default.
    pub is_changed: bool,
}

/// What a binary reads, with what it found.
pub(super) fn seen_settings(environment: &Environment, binary: Binary) -> Vec<SettingGroup> {
    let preset = environment.get(LIMITS.name).unwrap_or("balanced");
    let groups = GROUPS.iter().map(|group| SettingGroup {
        title: group.title,
        settings: group
            .all()
            .filter(|variable| variable.binaries.contains(&binary))
            .map(|variable| seen(variable, environment, binary, preset))
            .collect(),
    });
    groups.filter(|group| !group.settings.is_empty()).collect()
}

fn seen(
    variable: &Variable,
    environment: &Environment,
    binary: Binary,
    preset: &str,
) -> SeenSetting {
    let given = environment.get(variable.name);
    let by_file = variable.secret
        && environment
            .get(&format!("{}_FILE", variable.name))
            .is_some();
    let default = match variable.initial {
        Initial::Text(text) => text.to_owned(),
        Initial::ByPreset { strict, .. } if preset == "strict" => strict.to_owned(),
        Initial::ByPreset { balanced, .. } => balanced.to_owned(),
        Initial::Derived(_) => initial_for(variable, binary).replace('`', ""),
        Initial::Unset | Initial::Required(_) => String::new(),
    };
    let is_set = given.is_some() || by_file;
    SeenSetting {
        name: variable.name,
        value: match given {
            _ if variable.secret => String::new(),
            Some(given) => given.to_owned(),
            None => default.clone(),
        },
        is_secret: variable.secret,
        is_set,
        is_changed: by_file || given.is_some_and(|given| given != default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_seen_and_no_secret() {
        let secrets = GROUPS.iter().flat_map(super::super::variables::Group::all);
        let secrets = secrets.filter(|variable| variable.secret);
        let environment = Environment::from_pairs(
            secrets
                .map(|variable| (variable.name, "canary-of-a-secret"))
                .chain([
                    ("LIMITS", "strict"),
                    ("OTP_LENGTH", "8"),
                    ("STEP_FLOW", "on"),
                ]),
        );
        for binary in [Binary::Api, Binary::Worker, Binary::Standalone] {
            let groups = seen_settings(&environment, binary);
            assert!(!format!("{groups:?}").contains("canary"));
            let names = groups.iter().flat_map(|group| &group.settings);
            let names: Vec<_> = names.map(|setting| setting.name).collect();
            let listed = super::super::variables::all()
                .filter(|variable| variable.binaries.contains(&binary))
                .map(|variable| variable.name);
            assert_eq!(names, listed.collect::<Vec<_>>());
        }
        let groups = seen_settings(&environment, Binary::Api);
        let of = |name: &str| {
            let mut all = groups.iter().flat_map(|group| &group.settings);
            all.find(|setting| setting.name == name)
                .expect("a setting")
                .clone()
        };
        assert!(of("OTP_KEY").is_set && of("OTP_KEY").is_changed && of("OTP_KEY").value.is_empty());
        assert_eq!(
            (of("OTP_LENGTH").value.as_str(), of("OTP_LENGTH").is_changed),
            ("8", true)
        );
        assert_eq!(
            (of("STEP_FLOW").value.as_str(), of("STEP_FLOW").is_changed),
            ("on", false)
        );
        assert_eq!(of("LIMIT_ADDRESS_PER_MINUTE").value, "5");
    }
}
