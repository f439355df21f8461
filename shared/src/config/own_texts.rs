//! `BRAND_TEXTS_FILE`: the operator's own texts by language, one on a line:
//!
//! ```text
//! # A text that one language lacks is that of the setting, if it is set.
//! SUPPORT_TEXT.fa = پشتیبانی هر روز ۹ تا ۱۷
//! SUPPORT_TEXT.en = Every day from 9 to 17
//! ```

use domain::challenge::Locale;

use super::pages::{parse_link, parse_name, parse_support};
use super::variables::{BRAND_NAME, PRIVACY_URL, SUPPORT_TEXT, TERMS_URL};

/// A page of texts is not longer.
const MAX_BYTES: u64 = 64 * 1024;

/// A text of the operator, which may be another one in each language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnText {
    fa: Option<String>,
    en: Option<String>,
}

impl OwnText {
    /// The text for readers of a language, if there is one.
    pub fn for_readers_of(&self, locale: Locale) -> Option<&str> {
        match locale {
            Locale::Fa => self.fa.as_deref(),
            Locale::En => self.en.as_deref(),
        }
    }

    /// The same with a text for the languages that have none.
    pub(super) fn or(self, everywhere: Option<&String>) -> Self {
        let or = |text: Option<String>| text.or_else(|| everywhere.cloned());
        Self {
            fa: or(self.fa),
            en: or(self.en),
        }
    }

    fn place(&mut self, locale: Locale) -> &mut Option<String> {
        match locale {
            Locale::Fa => &mut self.fa,
            Locale::En => &mut self.en,
        }
    }
}

/// What the file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OwnTexts {
    pub(super) name: OwnText,
    pub(super) terms: OwnText,
    pub(super) privacy: OwnText,
    pub(super) support: OwnText,
}

/// Reads one text.
type Parse = fn(&str) -> Result<String, String>;

impl OwnTexts {
    /// Reads the file at a path.
    pub(super) fn read(path: &str) -> Result<Self, String> {
        let cannot = |error: std::io::Error| format!("`{path}` cannot be read: {error}");
        if std::fs::metadata(path).map_err(cannot)?.len() > MAX_BYTES {
            return Err(format!("`{path}` has more than {MAX_BYTES} bytes"));
        }
        let text = std::fs::read_to_string(path).map_err(cannot)?;
        // As some editors begin a file.
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut texts = Self::default();
        for (number, line) in text.lines().enumerate() {
            let wrong = |what| format!("line {} of `{path}` {what}", number + 1);
            texts.take(line.trim()).map_err(wrong)?;
        }
        Ok(texts)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let unlike = || "is not of the form `SUPPORT_TEXT.fa = text`".to_owned();
        let (of, text) = line.split_once('=').ok_or_else(unlike)?;
        let (name, language) = of.trim().split_once('.').ok_or_else(unlike)?;
        let text = text.trim();
        if text.is_empty() {
            return Err("has no text behind `=`".to_owned());
        }
        let locale = Locale::from_name(language)
            .ok_or_else(|| format!("is for `{language}`, which is neither fa nor en"))?;
        let known: [(_, &mut OwnText, Parse); 4] = [
            (BRAND_NAME.name, &mut self.name, parse_name),
            (TERMS_URL.name, &mut self.terms, parse_link),
            (PRIVACY_URL.name, &mut self.privacy, parse_link),
            (SUPPORT_TEXT.name, &mut self.support, parse_support),
        ];
        let names = known.each_ref().map(|(known, ..)| *known).join(", ");
        let found = known.into_iter().find(|(known, ..)| *known == name);
        let (_, own, parse) =
            found.ok_or_else(|| format!("names `{name}`, which is none of {names}"))?;
        let text = parse(text)?;
        match own.place(locale).replace(text) {
            Some(_) => Err(format!("gives {name}.{language} once more")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<OwnTexts, String> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        let path = file.path().display().to_string();
        OwnTexts::read(&path).map_err(|error| error.replace(&path, "FILE"))
    }

    #[test]
    fn each_language_has_its_own_text_or_that_of_the_setting() {
        let texts = read(
            "\u{feff}# ours\r\n\r\nSUPPORT_TEXT.fa = ۰۲۱-۱۲۳ = همیشه\r\n  SUPPORT_TEXT.en=021-123 \r\n\
             BRAND_NAME.fa = فروشگاه مریم\nTERMS_URL.en = /en/terms\n",
        )
        .expect("texts");
        let [fa, en] = [Locale::Fa, Locale::En];
        assert_eq!(texts.support.for_readers_of(fa), Some("۰۲۱-۱۲۳ = همیشه"));
        assert_eq!(texts.support.for_readers_of(en), Some("021-123"));
        assert_eq!(texts.privacy, OwnText::default());
        let name = texts.name.or(Some(&"Maryam".to_owned()));
        assert_eq!(name.for_readers_of(fa), Some("فروشگاه مریم"));
        assert_eq!(name.for_readers_of(en), Some("Maryam"));
        assert_eq!(texts.terms.or(None).for_readers_of(fa), None);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for (text, wanted) in [
            ("x", "line 1 of `FILE` is not of the form"),
            (
                "\n\nSUPPORT_TEXT = x",
                "line 3 of `FILE` is not of the form",
            ),
            ("SUPPORT_TEXT.fa =", "line 1 of `FILE` has no text"),
            (
                "SUPPORT_TEXT.de = x",
                "is for `de`, which is neither fa nor en",
            ),
            (
                "BRAND_COLOR.fa = #fff000",
                "names `BRAND_COLOR`, which is none of BRAND_NAME, TERMS_URL",
            ),
            ("TERMS_URL.fa = javascript:x", "is neither a path"),
            (
                &format!("BRAND_NAME.en = {}", "x".repeat(41)),
                "is longer than 40",
            ),
            (
                "SUPPORT_TEXT.fa = a\nSUPPORT_TEXT.fa = b",
                "line 2 of `FILE` gives SUPPORT_TEXT.fa once more",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(wanted), "{text}: {error}");
        }
        let error = OwnTexts::read("/nowhere/texts").expect_err("nothing is there");
        assert!(error.contains("cannot be read"), "{error}");
    }
}
