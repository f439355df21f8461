//! Reads variables and collects everything that is wrong with them, so that one start names all
//! problems and not the first only.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use secrecy::SecretString;

use super::Environment;
use super::variables::{Binary, Initial, Variable};

/// Secrets are keys, not documents.
const MAX_SECRET_FILE_BYTES: usize = 64 * 1024;
/// A wrong value is shown up to here.
const SHOWN_CHARS: usize = 60;

/// One wrong setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingProblem {
    /// The variable.
    pub variable: String,
    /// What is wrong and what to do; never a secret.
    pub message: String,
}

/// Every wrong setting of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Never empty.
    pub problems: Vec<SettingProblem>,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = match self.problems.len() {
            1 => "1 setting is",
            count => &format!("{count} settings are"),
        };
        write!(f, "{noun} wrong:")?;
        for SettingProblem { variable, message } in &self.problems {
            write!(f, "\n  {variable}: {message}")?;
        }
        Ok(())
    }
}

/// A problem was recorded in the [`Reader`]; there is no value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reported;

pub(super) type Read<T> = Result<T, Reported>;

/// Reads the variables of one binary.
pub(super) struct Reader<'a> {
    environment: &'a Environment,
    binary: Binary,
    problems: Vec<SettingProblem>,
    warnings: Vec<String>,
    /// The variables that were asked for.
    seen: BTreeSet<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(environment: &'a Environment, binary: Binary) -> Self {
        Self {
            environment,
            binary,
            problems: Vec::new(),
            warnings: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    pub(super) fn binary(&self) -> Binary {
        self.binary
    }

    pub(super) fn environment(&self) -> &'a Environment {
        self.environment
    }

    /// Records a problem.
    pub(super) fn refuse(&mut self, variable: &str, message: impl Into<String>) -> Reported {
        self.problems.push(SettingProblem {
            variable: variable.to_owned(),
            message: message.into(),
        });
        Reported
    }

    /// Records something that is allowed but that the operator should know.
    pub(super) fn warn(&mut self, variable: &Variable, message: &str) {
        self.warnings.push(format!("{}: {message}", variable.name));
    }

    /// Whether a value was given that is not the default: what somebody meant to have an effect.
    pub(super) fn is_changed(&mut self, variable: &'static Variable) -> Read<bool> {
        let given = self.given(variable)?;
        let default = match variable.initial {
            Initial::Text(text) => Some(text),
            Initial::ByPreset { balanced, strict } if balanced == strict => Some(balanced),
            _ => None,
        };
        Ok(given.is_some_and(|given| default != Some(given.as_str())))
    }

    /// Tells of a setting that somebody changed and that changes nothing here.
    pub(super) fn warn_without_effect(
        &mut self,
        variable: &'static Variable,
        why: &str,
    ) -> Read<()> {
        if self.is_changed(variable)? {
            self.warn(variable, &format!("has no effect: {why}"));
        }
        Ok(())
    }

    /// The value as it was given, or nothing.
    pub(super) fn given(&mut self, variable: &'static Variable) -> Read<Option<String>> {
        self.seen.insert(variable.name);
        let value = self.given_by_name(variable.name)?;
        if !variable.secret {
            return Ok(value);
        }
        let file_variable = format!("{}_FILE", variable.name);
        match (value, self.given_by_name(&file_variable)?) {
            (Some(_), Some(_)) => Err(self.refuse(
                variable.name,
                format!("is set together with {file_variable}; unset one of them"),
            )),
            (None, Some(path)) => self.secret_file(&file_variable, &path).map(Some),
            (value, None) => Ok(value),
        }
    }

    /// The value of a name that is not in the table itself.
    pub(super) fn given_by_name(&mut self, name: &str) -> Read<Option<String>> {
        if self.environment.is_unreadable(name) {
            return Err(self.refuse(name, "is not UTF-8 text"));
        }
        Ok(self.environment.get(name).map(str::to_owned))
    }

    fn secret_file(&mut self, file_variable: &str, path: &str) -> Read<String> {
        let content = match std::fs::read(path) {
            Ok(content) => content,
            Err(error) => {
                return Err(self.refuse(file_variable, format!("`{path}` cannot be read: {error}")));
            }
        };
        if content.len() > MAX_SECRET_FILE_BYTES {
            return Err(self.refuse(
                file_variable,
                format!("`{path}` has more than {MAX_SECRET_FILE_BYTES} bytes"),
            ));
        }
        let text = String::from_utf8(content);
        // Editors and shells on Windows put a byte order mark before what they save.
        match text
            .as_deref()
            .map(|text| text.trim_start_matches('\u{feff}').trim())
        {
            Ok(text) if !text.is_empty() => Ok(text.to_owned()),
            Ok(_) => Err(self.refuse(file_variable, format!("`{path}` is empty"))),
            Err(_) => Err(self.refuse(file_variable, format!("`{path}` is not UTF-8 text"))),
        }
    }

    /// The value as given, or its default; an error where it is required by this binary.
    pub(super) fn text(&mut self, variable: &'static Variable) -> Read<Option<String>> {
        if let Some(value) = self.given(variable)? {
            return Ok(Some(value));
        }
        match variable.initial {
            Initial::Text(text) => Ok(Some(text.to_owned())),
            Initial::Required(binaries) if binaries.contains(&self.binary) => {
                Err(self.missing(variable))
            }
            Initial::Required(_)
            | Initial::Unset
            | Initial::ByPreset { .. }
            | Initial::Derived(_) => Ok(None),
        }
    }

    pub(super) fn missing(&mut self, variable: &Variable) -> Reported {
        let or_file = if variable.secret {
            format!(" (or {}_FILE)", variable.name)
        } else {
            String::new()
        };
        self.refuse(
            variable.name,
            format!("is required{or_file}: {}", variable.meaning),
        )
    }

    /// The value of a variable that the table says is required; readers report a missing one
    /// themselves.
    pub(super) fn present<T>(&mut self, variable: &Variable, value: Option<T>) -> Read<T> {
        value.ok_or_else(|| self.missing(variable))
    }

    /// A value that has a default or is required, so that there is always one.
    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self,
        variable: &'static Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Read<T> {
        let value = self.parsed_if_set(variable, parse)?;
        self.present(variable, value)
    }

    /// A value that may be absent.
    pub(super) fn parsed_if_set<T, E: fmt::Display>(
        &mut self,
        variable: &'static Variable,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Read<Option<T>> {
        let Some(text) = self.text(variable)? else {
            return Ok(None);
        };
        match parse(&text) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(self.refuse(variable.name, error.to_string())),
        }
    }

    pub(super) fn secret(&mut self, variable: &'static Variable) -> Read<Option<SecretString>> {
        Ok(self.text(variable)?.map(SecretString::from))
    }

    /// A whole number within `range`.
    pub(super) fn number<T>(
        &mut self,
        variable: &'static Variable,
        range: RangeInclusive<T>,
    ) -> Read<T>
    where
        T: FromStr + PartialOrd + fmt::Display,
    {
        self.parsed(variable, |text| parse_number(text, &range))
    }

    pub(super) fn switch(&mut self, variable: &'static Variable) -> Read<bool> {
        self.parsed(variable, |text| match text {
            "1" | "true" | "yes" | "on" => Ok(true),
            "0" | "false" | "no" | "off" => Ok(false),
            other => Err(format!(
                "{} is neither 1 nor 0, neither on nor off",
                shown(other)
            )),
        })
    }

    /// Reads the settings of a binary: the value with its warnings, or everything that is wrong with them.
    pub(super) fn load<T>(
        environment: &'a Environment,
        binary: Binary,
        read: impl FnOnce(&mut Self) -> Read<T>,
    ) -> Result<(T, Vec<String>), ConfigError> {
        let mut reader = Self::new(environment, binary);
        let value = read(&mut reader);
        reader.finish(value)
    }

    /// The value with its warnings, or every problem that was recorded.
    pub(super) fn finish<T>(self, value: Read<T>) -> Result<(T, Vec<String>), ConfigError> {
        match value {
            Ok(value) if self.problems.is_empty() => Ok((value, self.warnings)),
            _ => Err(ConfigError {
                problems: self.problems,
            }),
        }
    }

    #[cfg(test)]
    pub(super) fn seen(&self) -> &BTreeSet<&'static str> {
        &self.seen
    }
}

/// Reads a whole number within a range.
pub(super) fn parse_number<T>(text: &str, range: &RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + fmt::Display,
{
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            format!(
                "{} is not a whole number from {} to {}",
                shown(text),
                range.start(),
                range.end()
            )
        })
}

/// A value that is no secret, quoted and cut for an error.
pub(super) fn shown(text: &str) -> String {
    if text.chars().nth(SHOWN_CHARS).is_none() {
        return format!("`{}`", text.escape_debug());
    }
    let start: String = text.chars().take(SHOWN_CHARS).collect();
    format!("`{}…`", start.escape_debug())
}
