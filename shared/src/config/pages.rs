//! The pages for people: whether there are any, and whose they are.

use std::path::PathBuf;

use super::brand_color::BrandColor;
use super::own_texts::{OwnText, OwnTexts};
use super::reader::{Read, Reader};
use super::variables::{
    BRAND_COLOR, BRAND_LOGO_FILE, BRAND_NAME, BRAND_TEXTS_FILE, PAGES, PRIVACY_URL, SUPPORT_TEXT,
    TERMS_URL,
};
use url::Url;

/// A longer name does not fit beside the sign of a small phone.
const MAX_NAME_CHARS: usize = 40;
const MAX_SUPPORT_CHARS: usize = 300;
/// A logo that weighs more than all of a page is a mistake.
const MAX_LOGO_BYTES: u64 = 64 * 1024;

/// What the pages for people are like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PagesConfig {
    /// `BRAND_NAME`; without one the pages say "Ramz". This and the other texts may be others by language,
    /// by `BRAND_TEXTS_FILE`.
    pub brand_name: OwnText,
    /// `BRAND_COLOR`; without one the pages have their own green.
    pub brand_color: Option<BrandColor>,
    /// `BRAND_LOGO_FILE`
    pub logo: Option<Logo>,
    /// `TERMS_URL`
    pub terms_url: OwnText,
    /// `PRIVACY_URL`
    pub privacy_url: OwnText,
    /// `SUPPORT_TEXT`
    pub support_text: OwnText,
}

/// A picture of the operator, read at the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// The file itself.
    pub bytes: Vec<u8>,
    /// The ending of its name, which says what it is.
    pub extension: &'static str,
    /// What it is, for browsers.
    pub media_type: &'static str,
}

impl PagesConfig {
    /// `None` where there are no pages.
    pub(super) fn read(reader: &mut Reader<'_>) -> Read<Option<Self>> {
        let on = reader.switch(&PAGES);
        let brand_name = reader.parsed_if_set(&BRAND_NAME, parse_name);
        let brand_color = reader.parsed_if_set(&BRAND_COLOR, BrandColor::parse);
        let logo = reader.parsed_if_set(&BRAND_LOGO_FILE, read_logo);
        let terms_url = reader.parsed_if_set(&TERMS_URL, parse_link);
        let privacy_url = reader.parsed_if_set(&PRIVACY_URL, parse_link);
        let support_text = reader.parsed_if_set(&SUPPORT_TEXT, parse_support);
        let texts = reader.parsed_if_set(&BRAND_TEXTS_FILE, OwnTexts::read);
        let texts = texts?.unwrap_or_default();
        let config = Self {
            brand_name: texts.name.or(brand_name?.as_ref()),
            brand_color: brand_color?,
            logo: logo?,
            terms_url: texts.terms.or(terms_url?.as_ref()),
            privacy_url: texts.privacy.or(privacy_url?.as_ref()),
            support_text: texts.support.or(support_text?.as_ref()),
        };
        if let Some(color) = config.brand_color
            && let Some(changed) = color.changed()
        {
            reader.warn(&BRAND_COLOR, &changed);
        }
        if on? {
            return Ok(Some(config));
        }
        if config != Self::default() {
            reader.warn(
                &PAGES,
                "is off, so the settings of the pages have no effect",
            );
        }
        Ok(None)
    }
}

pub(super) fn parse_name(text: &str) -> Result<String, String> {
    one_line(text, MAX_NAME_CHARS)
}

pub(super) fn parse_support(text: &str) -> Result<String, String> {
    one_line(text, MAX_SUPPORT_CHARS)
}

fn one_line(text: &str, max_chars: usize) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("holds a line break or another control character".to_owned());
    }
    if text.chars().nth(max_chars).is_some() {
        return Err(format!("is longer than {max_chars} characters"));
    }
    Ok(text.to_owned())
}

/// An address that a link may lead to: our own path, https, mail or telephone; http for development.
pub(super) fn parse_link(text: &str) -> Result<String, String> {
    if text.starts_with('/') && !text.starts_with("//") {
        return one_line(text, 500);
    }
    let wrong = "is neither a path such as /terms nor an address such as https://example.ir/terms";
    let url = Url::parse(text).map_err(|_| wrong.to_owned())?;
    match url.scheme() {
        "https" | "http" | "mailto" | "tel" => Ok(url.to_string()),
        _ => Err(wrong.to_owned()),
    }
}

fn read_logo(path: &str) -> Result<Logo, String> {
    let path = PathBuf::from(path);
    let shown = path.display();
    let extension = path.extension().and_then(|extension| extension.to_str());
    let kinds = [
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
        ("webp", "image/webp"),
        ("jpg", "image/jpeg"),
    ];
    let kind = kinds
        .into_iter()
        .find(|(ending, _)| extension.is_some_and(|given| given.eq_ignore_ascii_case(ending)));
    let Some((extension, media_type)) = kind else {
        return Err(format!("`{shown}` is no svg, png, webp or jpg"));
    };
    let cannot = |error| format!("`{shown}` cannot be read: {error}");
    let length = std::fs::metadata(&path).map_err(cannot)?.len();
    if length > MAX_LOGO_BYTES {
        return Err(format!("`{shown}` has more than {MAX_LOGO_BYTES} bytes"));
    }
    let bytes = std::fs::read(&path).map_err(cannot)?;
    Ok(Logo {
        bytes,
        extension,
        media_type,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages_mail_and_telephones_and_run_nothing() {
        for link in [
            "/terms",
            "https://example.ir/terms?a=b",
            "mailto:help@example.ir",
            "tel:+982112345678",
        ] {
            assert!(parse_link(link).is_ok(), "{link}");
        }
        for link in [
            "terms",
            "//evil.example/terms",
            "javascript:alert(1)",
            "data:text/html,x",
            "/terms\nx",
        ] {
            assert!(parse_link(link).is_err(), "{link}");
        }
    }

    #[test]
    fn a_logo_is_a_small_picture() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("a.SVG"), "<svg/>").expect("written");
        let logo = read_logo(&path("a.SVG")).expect("a logo");
        assert_eq!((logo.extension, logo.media_type), ("svg", "image/svg+xml"));
        std::fs::write(path("b.png"), vec![0; 70_000]).expect("written");
        std::fs::write(path("c.html"), "x").expect("written");
        for (name, words) in [
            ("b.png", "more than"),
            ("c.html", "is no svg"),
            ("d.png", "cannot be read"),
        ] {
            let error = read_logo(&path(name)).expect_err(name);
            assert!(error.contains(words), "{error}");
        }
    }
}
