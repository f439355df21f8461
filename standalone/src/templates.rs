//! The texts of the simulated gateway's templates: in the panel of a real one somebody writes them.

use std::collections::BTreeMap;

use domain::challenge::Locale;
use domain::notice::{MessagePurpose, NoticeKind};
use shared::config::GatewayConfig;
use simulator::Template;

/// A text for each template that the settings name, so that the simulator knows all of them. Those of
/// codes end with the line by which browsers fill in the code, where `WEBOTP_DOMAIN` is set.
pub(crate) fn simulated_templates(gateway: &GatewayConfig) -> BTreeMap<String, Template> {
    let templates = gateway.templates.iter().map(|(locale, purpose, name)| {
        let locale = locale.unwrap_or(Locale::Fa);
        let text = match (purpose, &gateway.webotp_domain) {
            (Some(MessagePurpose::Notice(kind)), _) => notice(kind, locale).to_owned(),
            (_, Some(domain)) => format!("{}\n@{domain} #%token", code(locale)),
            (_, None) => code(locale).to_owned(),
        };
        let template = Template {
            text,
            approved: true,
        };
        (name.to_owned(), template)
    });
    templates.collect()
}

fn code(locale: Locale) -> &'static str {
    match locale {
        Locale::Fa => "کد ورود شما: %token",
        Locale::En => "Your sign-in code: %token",
    }
}

/// The token of a notice is the last four digits of the number.
fn notice(kind: NoticeKind, locale: Locale) -> &'static str {
    match (kind, locale) {
        (NoticeKind::PhoneChanged, Locale::Fa) => "شماره حساب %token عوض شد",
        (NoticeKind::PhoneChanged, Locale::En) => "The number of account %token was changed",
        (NoticeKind::PhoneMoveAsked, Locale::Fa) => "تعویض شماره حساب %token خواسته شد",
        (NoticeKind::PhoneMoveAsked, Locale::En) => {
            "Support was asked to change the number of account %token"
        }
        (NoticeKind::PasswordChanged, Locale::Fa) => "گذرواژه حساب %token عوض شد",
        (NoticeKind::PasswordChanged, Locale::En) => "The password of account %token was changed",
    }
}
