//! The gateway's methods and its two tables of codes: of calls and of messages.
//!
//! The manual gives the meanings of the codes. What to do about each is our judgement, except
//! for 409, whose text says "try later".

/// A method of the gateway's API that Ramz uses.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    strum::Display,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
pub enum Method {
    /// A message made from an approved template: the priority route, voice possible.
    #[strum(serialize = "verify/lookup")]
    Lookup,
    /// A message of any text from a line of the account, with duplicate suppression.
    #[strum(serialize = "sms/send")]
    Send,
    /// What became of messages, by their ids at the gateway.
    #[strum(serialize = "sms/status")]
    Status,
    /// What became of messages, by our own ids.
    #[strum(serialize = "sms/statuslocalmessageid")]
    StatusByLocalId,
    /// What was sent to one number in a time window.
    #[strum(serialize = "sms/statusbyreceptor")]
    StatusByReceptor,
    /// The credit.
    #[strum(serialize = "account/info")]
    AccountInfo,
    /// The settings of the account.
    #[strum(serialize = "account/config")]
    AccountConfig,
}

impl Method {
    /// Scope and name as they stand in the URL; also the name in the ledger and in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    fn sends(self) -> bool {
        matches!(self, Self::Lookup | Self::Send)
    }
}

/// What a code of a call (`return.status`) asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Class {
    /// Done; the entries decide.
    Ok,
    /// Nothing was done, the same call may succeed later.
    Transient,
    /// This message cannot be sent; others can.
    Message,
    /// No message can be sent until somebody acts: stop sending and alert.
    Account,
    /// A fault of our configuration or program: alert, do not repeat.
    Config,
    /// The gateway has no such record: an empty result of a reading call.
    Empty,
    /// The code does not tell whether anything was done.
    Unclear,
}

impl Class {
    /// The name in metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The class of a code of a call.
///
/// It depends on the method where a code has several meanings: a foreign or missing line (412,
/// 427) stops all of `sms/send`, because Ramz sends from one line, and 407 stops all sending when
/// a sending call gets it.
///
/// An unlisted 4xx is a configuration fault. Everything else that is unlisted is unclear, and so
/// are 402 ("failed", without a reason) and 408 (listed without a meaning).
pub fn class_of(method: Method, code: i32) -> Class {
    match code {
        200 => Class::Ok,
        // Busy; too many calls from this address.
        409 | 451 => Class::Transient,
        // Account disabled; key; address; credit; plan; address limited; identity not verified;
        // trial account.
        401 | 403 | 416 | 418 | 426 | 429 | 430 | 501 => Class::Account,
        407 if method.sends() => Class::Account,
        412 | 427 if method == Method::Send => Class::Account,
        // Receptor; text empty or too long; characters; voice impossible; form of the token.
        411 | 413 | 422 | 428 | 431 => Class::Message,
        // Links restricted: in a template it is the template that must change.
        420 if method != Method::Lookup => Class::Message,
        449 => Class::Empty,
        402 | 408 => Class::Unclear,
        // 424 template unknown, 432 template without token, 604 count, 607 tag, 800 to 813 media;
        // and the listed 4xx that only a fault of ours can cause (400, 404, 405, 406, 414, 415,
        // 417, 419).
        400..=499 | 604 | 607 | 800..=813 => Class::Config,
        _ => Class::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;
    use crate::transport::UnknownReason;

    #[test]
    fn every_code_of_the_manual_has_its_class() {
        let lists: [(Class, &[i32]); 7] = [
            (Class::Ok, &[200]),
            (Class::Transient, &[409, 451]),
            (Class::Account, &[401, 403, 416, 418, 426, 429, 430, 501]),
            (Class::Message, &[411, 413, 422, 428, 431]),
            (
                Class::Config,
                &[
                    400, 404, 405, 406, 414, 415, 417, 419, 424, 432, 604, 607, 800, 807, 813,
                ],
            ),
            (Class::Empty, &[449]),
            (Class::Unclear, &[402, 408]),
        ];
        for (class, codes) in lists {
            for &code in codes {
                for &method in Method::VARIANTS {
                    assert_eq!(class_of(method, code), class, "{code} of {method}");
                }
            }
        }
    }

    #[test]
    fn codes_with_several_meanings_are_judged_by_their_method() {
        let classes = |code| {
            [Method::Lookup, Method::Send, Method::StatusByReceptor]
                .map(|method| class_of(method, code))
        };
        let (account, config, message) = (Class::Account, Class::Config, Class::Message);
        assert_eq!(classes(407), [account, account, config]);
        assert_eq!(classes(412), [config, account, config]);
        assert_eq!(classes(427), [config, account, config]);
        assert_eq!(classes(420), [config, message, message]);
    }

    #[test]
    fn unlisted_codes_never_count_as_refused_unless_they_are_4xx() {
        for code in [410, 423, 425, 450, 499] {
            assert_eq!(class_of(Method::Lookup, code), Class::Config, "{code}");
        }
        for code in [-1, 0, 100, 201, 302, 500, 502, 503, 504, 600, 814, 1_000] {
            assert_eq!(class_of(Method::Lookup, code), Class::Unclear, "{code}");
        }
    }

    #[test]
    fn names_are_those_of_the_manual_and_of_earlier_releases() {
        let methods: Vec<&str> = Method::VARIANTS
            .iter()
            .map(|method| method.as_str())
            .collect();
        assert_eq!(
            methods.join(" "),
            "verify/lookup sms/send sms/status sms/statuslocalmessageid sms/statusbyreceptor \
             account/info account/config"
        );
        let reasons = [
            UnknownReason::Timeout,
            UnknownReason::Reset,
            UnknownReason::ServerError(500),
            UnknownReason::UnexpectedHttp(302),
            UnknownReason::NotJson,
            UnknownReason::CutJson,
            UnknownReason::Empty,
            UnknownReason::NoMessageId,
            UnknownReason::TooLarge,
            UnknownReason::Status(402),
        ];
        assert_eq!(
            reasons.map(UnknownReason::as_str).join(" "),
            "timeout reset server_error unexpected_http not_json cut_json empty no_message_id \
             too_large unclear_status"
        );
    }
}
