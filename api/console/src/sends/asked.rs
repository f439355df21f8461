//! What a list is asked for: the filters as they stand in the address.

use domain::challenge::Channel;
use domain::typed::ascii_digit;
use shared::records::{MessageId, Route, SendFilter, SendPlace};
use url::form_urlencoded;

use crate::console::Console;
use crate::times;

/// No filter is longer.
const MAX_CHARS: usize = 80;
/// A number has more digits than what is taken for its last ones.
const MOST_LAST_DIGITS: usize = 9;
/// The fields, in the order in which they stand in an address.
const FIELDS: [&str; 11] = [
    "n", "digits", "state", "from", "to", "operator", "channel", "code", "route", "request",
    "message",
];

/// The filters of an address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// What stands in the fields, in their order; the number is sealed.
    texts: [String; FIELDS.len()],
    /// What somebody typed as a number or its last digits.
    pub(crate) typed: String,
    /// Whether it comes out of the form of the page, with all its empty fields.
    pub(crate) is_form: bool,
    pub(crate) filter: SendFilter,
    pub(crate) after: Option<SendPlace>,
    /// Fields that could not be read.
    unread: Vec<&'static str>,
}

impl Asked {
    /// Reads the query of an address. Nothing in it is an error: what cannot be read is told.
    pub(crate) fn read(console: &Console, query: Option<&str>) -> Self {
        let mut asked = Self::default();
        let mut after = String::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let value: String = value.trim().chars().take(4 * MAX_CHARS).collect();
            match &*name {
                "number" => {
                    asked.is_form = true;
                    asked.typed = value;
                }
                "after" => after = value,
                name => {
                    if let Some(index) = FIELDS.iter().position(|field| *field == name) {
                        asked.texts[index] = value;
                    }
                }
            }
        }
        asked.after = (!after.is_empty()).then(|| after.parse().ok()).flatten();
        if !after.is_empty() && asked.after.is_none() {
            asked.unread.push("after");
        }
        asked.understand(console);
        asked
    }

    fn understand(&mut self, console: &Console) {
        let texts = self.texts.clone();
        let mut unread = Vec::new();
        let mut field = |name: &'static str, read: &mut dyn FnMut(&str) -> bool| {
            let text = text_of(&texts, name);
            if !text.is_empty() && (text.chars().count() > 4 * MAX_CHARS || !read(text)) {
                unread.push(name);
            }
        };
        let filter = &mut self.filter;
        field("n", &mut |text| {
            filter.phone = console.open_number(text);
            filter.phone.is_some()
        });
        field("digits", &mut |text| {
            filter.last_digits = last_digits(text);
            filter.last_digits.is_some()
        });
        field("state", &mut |text| {
            filter.fate = text.parse().ok();
            filter.fate.is_some()
        });
        field("from", &mut |text| {
            filter.from = times::read(text);
            filter.from.is_some()
        });
        field("to", &mut |text| {
            filter.to = times::read(text);
            filter.to.is_some()
        });
        field("operator", &mut |text| {
            filter.operator = text.parse().ok();
            filter.operator.is_some()
        });
        field("channel", &mut |text| {
            filter.channel = Channel::from_name(text);
            filter.channel.is_some()
        });
        field("code", &mut |text| {
            let digits: Option<String> = text.chars().map(ascii_digit).collect();
            filter.code = digits
                .and_then(|digits| digits.parse::<i32>().ok())
                .map(i64::from);
            filter.code.is_some()
        });
        field("route", &mut |text| {
            filter.route = Some(Route::named(text));
            true
        });
        field("request", &mut |text| {
            filter.request = text.parse().ok();
            filter.request.is_some()
        });
        field("message", &mut |text| {
            filter.message = Some(MessageId::named(text));
            true
        });
        self.unread.append(&mut unread);
    }

    /// The same with what somebody typed as a number taken for one, or for its last digits; or nothing where it is
    /// neither. What stands in addresses is sealed.
    pub(crate) fn with_typed(&self, console: &Console) -> Option<Self> {
        let flows = console.desk.flows();
        let mut asked = Self {
            after: None,
            typed: String::new(),
            ..self.clone()
        };
        let digits = last_digits(&self.typed);
        let phone = flows.read_number(&self.typed);
        let (number, last) = match (phone, digits) {
            (Some(phone), _) => (console.seal_number(&phone)?, String::new()),
            (None, Some(digits)) => (String::new(), digits),
            (None, None) => return None,
        };
        asked.set("n", number);
        asked.set("digits", last);
        Some(asked)
    }

    /// The same between two moments, as somebody would type them.
    pub(crate) fn between(&self, from: String, to: String) -> Self {
        let mut asked = Self {
            after: None,
            ..self.clone()
        };
        asked.set("from", from);
        asked.set("to", to);
        asked
    }

    fn set(&mut self, name: &str, value: String) {
        if let Some(index) = FIELDS.iter().position(|field| *field == name) {
            self.texts[index] = value;
        }
    }

    /// The text of a field.
    pub(crate) fn text(&self, name: &str) -> &str {
        text_of(&self.texts, name)
    }

    /// Whether a field could not be read.
    pub(crate) fn is_unread(&self, name: &str) -> bool {
        self.unread.contains(&name)
    }

    /// What was typed is no number and no digits of one.
    pub(crate) fn mark_number(&mut self) {
        self.unread.push("number");
    }

    /// Whether all of it could be read.
    pub(crate) fn is_read(&self) -> bool {
        self.unread.is_empty()
    }

    /// Whether anything is looked for.
    pub(crate) fn is_filtered(&self) -> bool {
        self.texts.iter().any(|text| !text.is_empty())
    }

    /// The query that says the same, behind a place in the list; empty where nothing is asked.
    pub(crate) fn query(&self, after: Option<SendPlace>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, text) in FIELDS.iter().zip(&self.texts) {
            if !text.is_empty() {
                query.append_pair(name, text);
            }
        }
        if let Some(after) = after {
            query.append_pair("after", &after.to_string());
        }
        query.finish()
    }

    /// The address of a page that takes the same filters.
    pub(crate) fn address(&self, path: &str, after: Option<SendPlace>) -> String {
        match self.query(after) {
            query if query.is_empty() => path.to_owned(),
            query => format!("{path}?{query}"),
        }
    }
}

fn text_of<'a>(texts: &'a [String; FIELDS.len()], name: &str) -> &'a str {
    let index = FIELDS.iter().position(|field| *field == name);
    index.map_or("", |index| texts[index].as_str())
}

/// Digits of any script, two at least, with what people write between them.
pub(crate) fn last_digits(text: &str) -> Option<String> {
    let mut digits = String::new();
    for character in text.chars() {
        match ascii_digit(character) {
            Some(digit) => digits.push(digit),
            None if matches!(character, ' ' | '-' | '•' | '*' | '…' | '.') => {}
            None => return None,
        }
    }
    (2..=MOST_LAST_DIGITS)
        .contains(&digits.len())
        .then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_digits_are_read_in_any_script() {
        for (text, digits) in [
            ("6789", Some("6789")),
            ("۶۷۸۹", Some("6789")),
            ("••• ٦٧٨٩", Some("6789")),
            ("345 67-89", Some("3456789")),
            ("7", None),
            ("09123456789", None),
            ("67%", None),
            ("67_9", None),
            ("", None),
        ] {
            assert_eq!(last_digits(text).as_deref(), digits, "{text}");
        }
    }
}
