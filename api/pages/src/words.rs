//! Every text of the pages, in both languages. A field that one language lacks does not compile.
//!
//! `{…}` stands for what the page at hand puts there. Refusals have their texts in `flows`; the few
//! that read better on a page are in [`refusal`].

mod account;
mod en;
mod fa;

use domain::challenge::Locale;
use flows::RefusalCode;

pub(crate) use account::AccountWords;

/// The texts of one language.
pub(crate) struct Words {
    pub(crate) locale: Locale,
    /// The direction of writing.
    pub(crate) direction: &'static str,
    pub(crate) brand: &'static str,
    pub(crate) frame: FrameWords,
    pub(crate) home: HomeWords,
    pub(crate) sign_in: SignInWords,
    pub(crate) code: CodeWords,
    pub(crate) message: MessageWords,
    pub(crate) log_out: LogOutWords,
    pub(crate) asks: AsksWords,
    pub(crate) faults: FaultWords,
    /// The pages for an account.
    pub(crate) account: &'static AccountWords,
    /// What refusals are called on a page, where `flows` speaks to programs too.
    pub(crate) refusal: fn(RefusalCode) -> Option<(&'static str, &'static str)>,
}

/// People whom an application has led here.
pub(crate) struct AsksWords {
    /// With `{client}`.
    pub(crate) who: &'static str,
    /// With `{client}`.
    pub(crate) back: &'static str,
    pub(crate) title: &'static str,
    /// With `{number}`.
    pub(crate) signed_in: &'static str,
    /// With `{number}`.
    pub(crate) other_person: &'static str,
    pub(crate) go_on: &'static str,
    pub(crate) other: &'static str,
}

/// What stands on every page.
pub(crate) struct FrameWords {
    pub(crate) error_title: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) other_language: &'static str,
    pub(crate) log_out: &'static str,
    pub(crate) terms: &'static str,
    pub(crate) privacy: &'static str,
    pub(crate) support: &'static str,
}

/// The first page.
pub(crate) struct HomeWords {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) sign_in: &'static str,
    pub(crate) sign_up: &'static str,
    pub(crate) hello: &'static str,
    pub(crate) hello_name: &'static str,
    pub(crate) signed_in_with: &'static str,
    pub(crate) welcome_new: (&'static str, &'static str),
    pub(crate) welcome_new_unasked: (&'static str, &'static str),
    pub(crate) welcome_known: (&'static str, &'static str),
    pub(crate) welcome_known_unasked: (&'static str, &'static str),
    pub(crate) logged_out: (&'static str, &'static str),
}

/// Where the number is asked for.
pub(crate) struct SignInWords {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) sign_up_title: &'static str,
    pub(crate) sign_up_lead: &'static str,
    pub(crate) number: &'static str,
    pub(crate) number_hint: &'static str,
    pub(crate) send: &'static str,
    pub(crate) to_sign_up: (&'static str, &'static str),
    pub(crate) to_sign_in: (&'static str, &'static str),
}

/// Where the code is given back.
pub(crate) struct CodeWords {
    pub(crate) title: &'static str,
    pub(crate) title_over: &'static str,
    /// With `{digits}` and `{number}`.
    pub(crate) sent: &'static str,
    pub(crate) called: &'static str,
    pub(crate) change_number: &'static str,
    pub(crate) code: &'static str,
    pub(crate) valid_for: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) resend: &'static str,
    pub(crate) resend_new: &'static str,
    /// With `{wait}`.
    pub(crate) resend_wait: &'static str,
    pub(crate) call: &'static str,
    pub(crate) nothing_came: &'static str,
    pub(crate) where_is_it: &'static str,
    pub(crate) sent_again: (&'static str, &'static str),
    pub(crate) call_asked: (&'static str, &'static str),
    /// With `{wait}`.
    pub(crate) sent_a_moment_ago: (&'static str, &'static str),
    /// With `{wait}`.
    pub(crate) call_too_soon: (&'static str, &'static str),
    pub(crate) expired: (&'static str, &'static str),
    pub(crate) exhausted: (&'static str, &'static str),
    pub(crate) used: (&'static str, &'static str),
    pub(crate) gone: (&'static str, &'static str),
    /// With `{left}`.
    pub(crate) wrong: (&'static str, &'static str),
    pub(crate) wrong_last: (&'static str, &'static str),
    pub(crate) empty: (&'static str, &'static str),
    pub(crate) not_digits: (&'static str, &'static str),
    /// With `{digits}`.
    pub(crate) too_short: (&'static str, &'static str),
    pub(crate) too_long: (&'static str, &'static str),
    /// For screen readers.
    pub(crate) can_resend_now: &'static str,
    pub(crate) submits_itself: &'static str,
}

/// Where is my message?
pub(crate) struct MessageWords {
    pub(crate) title: &'static str,
    /// With `{number}`.
    pub(crate) lead: &'static str,
    pub(crate) steps: &'static str,
    pub(crate) asked: &'static str,
    pub(crate) asked_call: &'static str,
    pub(crate) handed_over: &'static str,
    pub(crate) arrived: &'static str,
    pub(crate) waiting: (&'static str, &'static str),
    pub(crate) interrupted: (&'static str, &'static str),
    pub(crate) unconfirmed: (&'static str, &'static str),
    pub(crate) undelivered: (&'static str, &'static str),
    pub(crate) not_sent: (&'static str, &'static str),
    pub(crate) unknown: (&'static str, &'static str),
    /// With `{time}`.
    pub(crate) same_code: &'static str,
    pub(crate) look_again: &'static str,
    /// With `{wait}`: when a call can be asked for, and when a message or a call can.
    pub(crate) call_in: &'static str,
    pub(crate) again_in: &'static str,
    pub(crate) code_over: &'static str,
    pub(crate) arrived_hint: &'static str,
    pub(crate) back: &'static str,
    pub(crate) refresh: &'static str,
}

/// Leaving.
pub(crate) struct LogOutWords {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) stay: &'static str,
}

/// What is wrong with a request.
pub(crate) struct FaultWords {
    pub(crate) not_found: (&'static str, &'static str),
    pub(crate) method: (&'static str, &'static str),
    pub(crate) cross_site: (&'static str, &'static str),
    pub(crate) unreadable: (&'static str, &'static str),
    pub(crate) too_old: (&'static str, &'static str),
    pub(crate) cookies_off: (&'static str, &'static str),
    pub(crate) internal: (&'static str, &'static str),
    pub(crate) application: (&'static str, &'static str),
    pub(crate) lapsed: (&'static str, &'static str),
    pub(crate) reference: &'static str,
    pub(crate) copy: &'static str,
    pub(crate) copied: &'static str,
    pub(crate) to_home: &'static str,
    pub(crate) to_sign_in: &'static str,
    pub(crate) try_again: &'static str,
}

impl Words {
    /// The texts of a language.
    pub(crate) fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::Fa => &fa::WORDS,
            Locale::En => &en::WORDS,
        }
    }

    /// The code of the language, for `lang`.
    pub(crate) fn lang(&self) -> &'static str {
        self.locale.as_str()
    }

    /// The code of the other one.
    pub(crate) fn other_lang(&self) -> &'static str {
        match self.locale {
            Locale::Fa => Locale::En.as_str(),
            Locale::En => Locale::Fa.as_str(),
        }
    }
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({})", self.lang())
    }
}

/// A text with something put into its place.
pub(crate) fn fill(text: &str, place: &str, value: impl std::fmt::Display) -> String {
    text.replace(place, &value.to_string())
}

/// What stands before and behind a place, so that markup can stand in it.
pub(crate) fn around(text: &str, place: &str) -> (String, String) {
    let (before, behind) = text.split_once(place).unwrap_or((text, ""));
    (before.to_owned(), behind.to_owned())
}
