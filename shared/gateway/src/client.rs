//! The client: one message, one request.

use std::fmt;

use domain::challenge::{Channel, Locale};
use domain::notice::{MessagePurpose, NoticeKind};
use domain::otp::{OtpCode, Purpose};
use domain::phone::PhoneNumber;
use secrecy::ExposeSecret as _;
use strum::VariantArray as _;

use super::outcome::SendOutcome;
use super::settings::{GatewaySettings, GatewaySetupError};
use super::status::Method;
use super::text::{has_room_for_webotp, notice_text, sms_text};
use super::transport::{Answer, CallError, method_url, post_form};

/// The longest code that anybody can configure, for the check of the WebOTP line.
const LONGEST_CODE: usize = 8;

/// One message with a code. It goes to one number: a list cannot be written down here.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Whom it is for.
    pub phone: &'a PhoneNumber,
    /// The code.
    pub code: &'a OtpCode,
    /// What the code is for; chooses template and words.
    pub purpose: Purpose,
    /// The language of template and words.
    pub locale: Locale,
    /// Text or call.
    pub channel: Channel,
    /// Our own positive id of this attempt. `sms/send` sends a repeated id only once;
    /// `verify/lookup` has no such field.
    pub localid: i64,
}

/// One notice of a change, to one number.
#[derive(Clone, Copy, Debug)]
pub struct NoticeMessage<'a> {
    /// Whom it is for.
    pub phone: &'a PhoneNumber,
    /// What it tells of.
    pub kind: NoticeKind,
    /// The language of template and words.
    pub locale: Locale,
    /// Our own positive id of this attempt; see [`Message::localid`].
    pub localid: i64,
}

/// How a message was sent and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendCall {
    /// The method that was, or would have been, called.
    pub method: Method,
    /// What became of it.
    pub outcome: SendOutcome,
}

/// The client of the gateway. One is enough for a process; it keeps connections open, which clones
/// share.
#[derive(Clone)]
pub struct Gateway {
    settings: GatewaySettings,
    http: reqwest::Client,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway")
            .field("base_url", &self.settings.base_url.as_str())
            .field("sender", &self.settings.sender)
            .field("templates", &self.settings.templates)
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// A client with these settings.
    pub fn new(settings: GatewaySettings) -> Result<Self, GatewaySetupError> {
        settings.check()?;
        let http = settings.http_client()?;
        let gateway = Self { settings, http };
        gateway.warn_of_missing_webotp_lines();
        Ok(gateway)
    }

    /// The method that messages of this kind go by, so that it can be written down before the
    /// call.
    pub fn method(&self, locale: Locale, purpose: impl Into<MessagePurpose>) -> Method {
        let templates = &self.settings.templates;
        let template = match purpose.into() {
            MessagePurpose::Code(purpose) => templates.find(locale, purpose),
            MessagePurpose::Notice(kind) => templates.find_for_notice(locale, kind),
        };
        if template.is_some() {
            Method::Lookup
        } else {
            Method::Send
        }
    }

    /// Whether a code of this kind can be read out by a call: only with a template.
    pub fn can_call(&self, locale: Locale, purpose: Purpose) -> bool {
        self.method(locale, purpose) == Method::Lookup
    }

    /// Sends a message, by exactly one request (none where a call lacks its template). It is
    /// safe to drop the future; the outcome is unknown then.
    pub async fn deliver(&self, message: &Message<'_>) -> SendCall {
        let template = self
            .settings
            .templates
            .find(message.locale, message.purpose);
        let (method, outcome) = match (template, message.channel) {
            (Some(template), channel) => {
                let token = message.code.expose();
                let outcome = self.lookup(message.phone, template, token, channel).await;
                (Method::Lookup, outcome)
            }
            (None, Channel::Call) => (Method::Lookup, SendOutcome::NeedsTemplate),
            (None, Channel::Sms) => {
                let text = sms_text(
                    message.purpose,
                    message.locale,
                    message.code,
                    self.settings.webotp_domain.as_deref(),
                );
                let outcome = self.send_text(message.phone, &text, message.localid).await;
                (Method::Send, outcome)
            }
        };
        SendCall { method, outcome }
    }

    /// Sends a notice, by exactly one request: by its template, or as a plain text. Who has
    /// templates for codes and neither one for notices nor a line has no way for it, and no request
    /// is made: the account's default line is for who has set nothing at all.
    pub async fn deliver_notice(&self, notice: &NoticeMessage<'_>) -> SendCall {
        let settings = &self.settings;
        let template = settings
            .templates
            .find_for_notice(notice.locale, notice.kind);
        let (method, outcome) = if let Some(template) = template {
            let token = notice.phone.last_digits();
            let lookup = self.lookup(notice.phone, template, token, Channel::Sms);
            (Method::Lookup, lookup.await)
        } else if settings.sender.is_none() && !settings.templates.is_empty() {
            (Method::Send, SendOutcome::NeedsSender)
        } else {
            let domain = settings.webotp_domain.as_deref();
            let text = notice_text(notice.kind, notice.locale, domain);
            let send = self.send_text(notice.phone, &text, notice.localid);
            (Method::Send, send.await)
        };
        SendCall { method, outcome }
    }

    /// Sends a plain text by `sms/send`. The caller keeps it to one segment.
    pub async fn send_text(&self, phone: &PhoneNumber, text: &str, localid: i64) -> SendOutcome {
        let (receptor, localid) = (phone.gateway_receptor(), localid.to_string());
        let mut form = vec![
            ("receptor", receptor.as_str()),
            ("message", text),
            ("localid", &localid),
        ];
        if let Some(sender) = &self.settings.sender {
            form.push(("sender", sender));
        }
        let answer = self.post(Method::Send, &form).await;
        SendOutcome::judge(Method::Send, phone, answer)
    }

    async fn lookup(
        &self,
        phone: &PhoneNumber,
        template: &str,
        token: &str,
        channel: Channel,
    ) -> SendOutcome {
        let receptor = phone.gateway_receptor();
        let form = [
            ("receptor", receptor.as_str()),
            ("template", template),
            ("token", token),
            ("type", channel.as_str()),
        ];
        let answer = self.post(Method::Lookup, &form).await;
        SendOutcome::judge(Method::Lookup, phone, answer)
    }

    /// Posts a form to a method of the gateway.
    pub(super) async fn post(
        &self,
        method: Method,
        form: &[(&str, &str)],
    ) -> Result<Answer, CallError> {
        let settings = &self.settings;
        let url = method_url(&settings.base_url, settings.api_key.expose_secret(), method);
        post_form(&self.http, url, form).await
    }

    fn warn_of_missing_webotp_lines(&self) {
        let Some(domain) = self.settings.webotp_domain.as_deref() else {
            return;
        };
        for locale in [Locale::Fa, Locale::En] {
            for &purpose in Purpose::VARIANTS {
                if self.method(locale, purpose) == Method::Send
                    && !has_room_for_webotp(purpose, locale, LONGEST_CODE, domain)
                {
                    tracing::warn!(
                        purpose = purpose.as_str(),
                        locale = locale.as_str(),
                        "the WebOTP domain is too long for one message: with long codes its line \
                         is left out"
                    );
                }
            }
        }
    }
}
