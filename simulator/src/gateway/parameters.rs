//! Parameters of a call: query of a GET, form body of a POST, names in any case.

use std::collections::HashMap;

use url::form_urlencoded;

use super::status::ReturnStatus;

/// The parameters of one call by lower-case name; of a repeated name the last value counts.
#[derive(Debug, Default)]
pub(crate) struct Parameters(HashMap<String, String>);

impl Parameters {
    /// Reads the query and, for a POST, the form body, which wins over the query.
    pub(crate) fn parse(query: Option<&str>, form: &[u8]) -> Self {
        let query = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        let form = form_urlencoded::parse(form);
        let pairs = query.chain(form);
        Self(
            pairs
                .map(|(name, value)| (name.to_lowercase(), value.into_owned()))
                .collect(),
        )
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value as sent, empty or not.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of an optional parameter; an empty one counts as absent.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The values of mandatory parameters: 400 when one is absent, else 406 when one is empty.
    pub(crate) fn require<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<[&str; N], ReturnStatus> {
        let mut values = [""; N];
        for (value, name) in values.iter_mut().zip(names) {
            *value = self.get(name).ok_or(ReturnStatus::INCOMPLETE)?;
        }
        if values.iter().any(|value| value.is_empty()) {
            return Err(ReturnStatus::EMPTY_PARAMETER);
        }
        Ok(values)
    }

    /// A number with a default for an absent or empty parameter; 400 for anything else.
    pub(crate) fn number(&self, name: &str, default: i64) -> Result<i64, ReturnStatus> {
        self.optional(name).map_or(Ok(default), |value| {
            value.trim().parse().map_err(|_| ReturnStatus::INCOMPLETE)
        })
    }
}

/// Splits a comma list, spaces around the items dropped.
pub(crate) fn comma_list(value: &str) -> Vec<&str> {
    value.split(',').map(str::trim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_the_form_wins() {
        let parameters = Parameters::parse(
            Some("Receptor=1&TOKEN=query"),
            b"token=form&message=%D8%B3+x",
        );
        assert_eq!(parameters.get("receptor"), Some("1"));
        assert_eq!(parameters.get("token"), Some("form"));
        assert_eq!(parameters.get("message"), Some("س x"));
    }

    #[test]
    fn an_absent_parameter_is_400_and_an_empty_one_406() {
        let parameters = Parameters::parse(Some("a=1&b="), b"");
        assert_eq!(parameters.require(["a"]), Ok(["1"]));
        assert_eq!(
            parameters.require(["a", "b"]),
            Err(ReturnStatus::EMPTY_PARAMETER)
        );
        assert_eq!(
            parameters.require(["b", "c"]),
            Err(ReturnStatus::INCOMPLETE)
        );
    }

    #[test]
    fn a_number_may_be_left_out_but_not_misspelt() {
        let parameters = Parameters::parse(Some("type=Sms&date=&page=2"), b"");
        assert_eq!(parameters.number("date", 0), Ok(0));
        assert_eq!(parameters.number("page", 1), Ok(2));
        assert_eq!(parameters.number("type", 1), Err(ReturnStatus::INCOMPLETE));
    }
}
