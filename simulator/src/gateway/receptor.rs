//! Which receptor numbers the gateway takes, and how it writes them back.

/// A receptor in the gateway's own spelling: `09…` for a mobile, `0…` for a landline, `00…` abroad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receptor {
    pub(crate) number: String,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Mobile,
    Landline,
    Foreign,
}

impl Receptor {
    /// Reads `09…`, `9…`, `+989…`, `00989…`, the same forms of a landline, and `00` + country code
    /// for other countries. `98…` without a prefix, `+` abroad and digits other than ASCII are
    /// refused, as the documentation lists none of them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.strip_prefix('+').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let national = if text.starts_with("+98") {
            digits.strip_prefix("98")?
        } else if text.starts_with('+') {
            return None;
        } else if let Some(rest) = digits.strip_prefix("0098") {
            rest
        } else if let Some(rest) = digits.strip_prefix("00") {
            return Self::foreign(rest);
        } else if let Some(rest) = digits.strip_prefix('0') {
            rest
        } else if digits.starts_with('9') {
            digits
        } else {
            return None;
        };
        Self::national(national)
    }

    fn national(rest: &str) -> Option<Self> {
        let kind = match rest.bytes().next()? {
            b'9' => Kind::Mobile,
            b'1'..=b'8' => Kind::Landline,
            _ => return None,
        };
        (rest.len() == 10).then(|| Self {
            number: format!("0{rest}"),
            kind,
        })
    }

    fn foreign(rest: &str) -> Option<Self> {
        let plausible = (8..=15).contains(&rest.len()) && !rest.starts_with('0');
        plausible.then(|| Self {
            number: format!("00{rest}"),
            kind: Kind::Foreign,
        })
    }
}

/// A receptor for looking things up: the gateway's spelling where the number is one, else as sent.
pub(crate) fn spelled(text: &str) -> String {
    Receptor::parse(text).map_or_else(|| text.trim().chars().take(32).collect(), |it| it.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<(String, Kind)> {
        Receptor::parse(text).map(|receptor| (receptor.number, receptor.kind))
    }

    #[test]
    fn all_documented_forms_of_a_mobile_are_one_number() {
        for form in [
            "09123004501",
            "9123004501",
            "+989123004501",
            "00989123004501",
        ] {
            assert_eq!(
                number(form),
                Some(("09123004501".to_owned(), Kind::Mobile)),
                "{form}"
            );
        }
    }

    #[test]
    fn landlines_and_foreign_numbers_are_told_apart() {
        assert_eq!(
            number("02188001122"),
            Some(("02188001122".to_owned(), Kind::Landline))
        );
        assert_eq!(
            number("0014155550100"),
            Some(("0014155550100".to_owned(), Kind::Foreign))
        );
    }

    #[test]
    fn forms_that_are_not_documented_are_refused() {
        let refused = [
            "989123004501",
            "+14155550100",
            "۰۹۱۲۳۰۰۴۵۰۱",
            "0912300450",
            "091230045011",
            "0912-3004501",
            "+",
            "",
            "00",
            "0",
        ];
        for form in refused {
            assert_eq!(number(form), None, "{form}");
        }
    }
}
