//! The SMS gateway.

use domain::challenge::Locale;
use domain::loopback::is_loopback;
use domain::notice::{MessagePurpose, NoticeKind};
use domain::otp::Purpose;
use domain::templates::Templates;
use secrecy::SecretString;
use strum::VariantArray as _;
use url::{Host, Url};

use super::http::has_credentials;
use super::reader::{Read, Reader, shown};
use super::variables::{
    KAVENEGAR_ALLOW_HTTP, KAVENEGAR_API_KEY, KAVENEGAR_RATE, KAVENEGAR_SENDER, KAVENEGAR_TEMPLATE,
    KAVENEGAR_URL, WEBOTP_DOMAIN,
};

/// What the client of the gateway is made of.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// `KAVENEGAR_API_KEY`
    pub api_key: SecretString,
    /// `KAVENEGAR_URL`; its path ends with a slash.
    pub base_url: Url,
    /// `KAVENEGAR_RATE`: calls a second over all workers.
    pub rate: u32,
    /// `KAVENEGAR_SENDER`; without it the account's default line sends.
    pub sender: Option<String>,
    /// `KAVENEGAR_TEMPLATE` and its variants.
    pub templates: Templates,
    /// `WEBOTP_DOMAIN`
    pub webotp_domain: Option<String>,
}

/// Reads `KAVENEGAR_TEMPLATE` and its variants.
pub(super) fn read_templates(reader: &mut Reader<'_>) -> Read<Templates> {
    let general = reader.parsed_if_set(&KAVENEGAR_TEMPLATE, parse_template);
    let mut names = Vec::new();
    let mut all_read = true;
    for (variable, locale, purpose) in template_variables() {
        let Some(name) = reader.given_by_name(&variable)? else {
            continue;
        };
        match parse_template(&name) {
            Ok(name) => names.push((locale, purpose, name)),
            Err(message) => {
                reader.refuse(&variable, message);
                all_read = false;
            }
        }
    }
    names.extend(general?.map(|name| (None, None, name)));
    all_read
        .then(|| Templates::new(names))
        .ok_or(super::reader::Reported)
}

/// The variants of `KAVENEGAR_TEMPLATE` by language, purpose or both.
pub(super) fn template_variables()
-> impl Iterator<Item = (String, Option<Locale>, Option<MessagePurpose>)> {
    let locales = [None, Some(Locale::Fa), Some(Locale::En)];
    let purposes = || std::iter::once(None).chain(MessagePurpose::all().map(Some));
    locales
        .into_iter()
        .flat_map(move |locale| purposes().map(move |purpose| (locale, purpose)))
        .filter(|(locale, purpose)| locale.is_some() || purpose.is_some())
        .map(|(locale, purpose)| {
            let parts = [
                locale.map(Locale::as_str),
                purpose.map(MessagePurpose::as_str),
            ];
            let name = parts
                .into_iter()
                .flatten()
                .fold(KAVENEGAR_TEMPLATE.name.to_owned(), |name, part| {
                    format!("{name}_{}", part.to_ascii_uppercase())
                });
            (name, locale, purpose)
        })
}

impl GatewayConfig {
    /// Reads everything but the key, which standalone may lack.
    pub(super) fn read(reader: &mut Reader<'_>, api_key: SecretString) -> Read<Self> {
        let base_url = read_url(reader);
        let rate = reader.number(&KAVENEGAR_RATE, 1..=10_000);
        let sender = reader.parsed_if_set(&KAVENEGAR_SENDER, parse_sender);
        let templates = read_templates(reader);
        let webotp_domain = reader.parsed_if_set(&WEBOTP_DOMAIN, parse_domain);
        Ok(Self {
            api_key,
            base_url: base_url?,
            rate: rate?,
            sender: sender?,
            templates: templates?,
            webotp_domain: webotp_domain?,
        })
    }

    /// Says what is allowed but slower than it could be, and what does not do what was meant.
    pub(super) fn warn(&self, reader: &mut Reader<'_>) -> Read<()> {
        if self.sender.is_none() && self.templates.is_empty() {
            reader.warn(
                &KAVENEGAR_TEMPLATE,
                "and KAVENEGAR_SENDER are not set: messages go through the default line of the account, slower than by a template",
            );
        }
        let lacks_notices = NoticeKind::VARIANTS
            .iter()
            .any(|&kind| self.templates.find_for_notice(Locale::Fa, kind).is_none());
        if self.sender.is_none() && !self.templates.is_empty() && lacks_notices {
            reader.warn(
                &KAVENEGAR_SENDER,
                "is not set, nor is a template for each kind of notice (KAVENEGAR_TEMPLATE_PHONE_CHANGED, KAVENEGAR_TEMPLATE_PASSWORD_CHANGED, KAVENEGAR_TEMPLATE_PHONE_MOVE_ASKED): people are not told of changes to their account",
            );
        }
        let locales = || [Locale::Fa, Locale::En].into_iter();
        let covered = |locale| {
            let purposes = Purpose::VARIANTS.iter();
            purposes.map(move |&purpose| self.templates.covers(locale, purpose))
        };
        let codes: Vec<bool> = locales().flat_map(covered).collect();
        let notices_covered = locales().all(|locale| {
            let mut kinds = NoticeKind::VARIANTS.iter();
            kinds.all(|&kind| self.templates.find_for_notice(locale, kind).is_some())
        });
        if codes.iter().all(|covered| *covered) && notices_covered {
            let why = "each message has a template, and the gateway chooses their line";
            reader.warn_without_effect(&KAVENEGAR_SENDER, why)?;
        }
        if let Some(domain) = &self.webotp_domain
            && codes.contains(&true)
        {
            let which = if codes.contains(&false) {
                "has no effect on codes that go by a template"
            } else {
                "has no effect on codes: all go by a template"
            };
            reader.warn(
                &WEBOTP_DOMAIN,
                &format!("{which}; end the texts of the templates in the panel with the line `@{domain} #%token`"),
            );
        }
        Ok(())
    }

    /// Reads `KAVENEGAR_API_KEY`.
    pub(super) fn read_key(reader: &mut Reader<'_>) -> Read<Option<SecretString>> {
        let key = reader.parsed_if_set(&KAVENEGAR_API_KEY, |text| {
            let plain = text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if plain {
                Ok(text.to_owned())
            } else {
                Err("holds other characters than letters, digits and `-`; copy the key again from the panel of Kavenegar")
            }
        })?;
        Ok(key.map(SecretString::from))
    }
}

fn read_url(reader: &mut Reader<'_>) -> Read<Url> {
    let allow_http = reader.switch(&KAVENEGAR_ALLOW_HTTP);
    let url = reader.parsed(&KAVENEGAR_URL, parse_url)?;
    let needs_leave = url.scheme() == "http" && !is_loopback(&url);
    if !needs_leave {
        let why = "KAVENEGAR_URL is https or on this machine, which needs no leave";
        reader.warn_without_effect(&KAVENEGAR_ALLOW_HTTP, why)?;
    } else if !allow_http? {
        return Err(reader.refuse(
            KAVENEGAR_URL.name,
            "is http on another machine: the key and the codes would travel in the clear; use https, or set KAVENEGAR_ALLOW_HTTP=1 for a simulator in a private network",
        ));
    }
    Ok(url)
}

/// Errors never show the URL: somebody may have pasted one with the key in its path.
fn parse_url(text: &str) -> Result<Url, &'static str> {
    let mut url =
        Url::parse(text).map_err(|_| "is not a URL such as https://api.kavenegar.com/")?;
    if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
        return Err("is neither an https nor an http URL");
    }
    if has_credentials(&url) || url.query().is_some() || url.fragment().is_some() {
        return Err("must hold no user, password, query or fragment");
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// The panel takes English letters, digits and hyphens in names of templates.
fn parse_template(text: &str) -> Result<String, String> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{} is not the name of a template: English letters, digits and `-` only",
            shown(text)
        ))
    }
}

fn parse_sender(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if (4..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{} is not the number of a line, such as 10004346",
            shown(text)
        ))
    }
}

/// Browsers compare the domain of the message with that of the page.
fn parse_domain(text: &str) -> Result<String, String> {
    let name = match Host::parse(text) {
        Ok(Host::Domain(name)) if name == text.to_ascii_lowercase() => name,
        _ => String::new(),
    };
    let labels_are_plain = name.split('.').all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    });
    if labels_are_plain {
        Ok(name)
    } else {
        Err(format!(
            "{} is not a bare domain, such as login.example.ir",
            shown(text)
        ))
    }
}
