//! The texts of the pages for an account: passwords, profile, number, devices, end.

mod en;
mod fa;

pub(super) use en::WORDS as EN;
pub(super) use fa::WORDS as FA;

/// A title and a sentence.
type Told = (&'static str, &'static str);

/// The texts of one language.
pub(crate) struct AccountWords {
    pub(crate) hello: &'static str,
    /// The list of the first page.
    pub(crate) list: &'static str,
    pub(crate) to_home: &'static str,
    pub(crate) notices: NoticeWords,
    pub(crate) password: PasswordWords,
    pub(crate) profile: ProfileWords,
    pub(crate) phone: PhoneWords,
    pub(crate) devices: DeviceWords,
    pub(crate) delete: DeleteWords,
    pub(crate) confirm: ConfirmWords,
}

/// What the first page tells after something was done.
pub(crate) struct NoticeWords {
    pub(crate) password_set: Told,
    pub(crate) profile_saved: Told,
    pub(crate) phone_changed: Told,
    pub(crate) device_ended: Told,
    pub(crate) others_ended: Told,
    pub(crate) device_gone: Told,
    pub(crate) deleted: Told,
}

/// Passwords: logging in with one, setting one, and a new one by a code.
pub(crate) struct PasswordWords {
    pub(crate) log_in_title: &'static str,
    pub(crate) log_in_lead: &'static str,
    pub(crate) log_in: &'static str,
    pub(crate) with_code: Told,
    pub(crate) with_password: Told,
    pub(crate) sign_up_with: Told,
    pub(crate) sign_up_lead: &'static str,
    pub(crate) forgotten: Told,
    pub(crate) forgotten_now: Told,
    pub(crate) password: &'static str,
    pub(crate) current: &'static str,
    pub(crate) new: &'static str,
    pub(crate) new_hint: &'static str,
    pub(crate) set_title: &'static str,
    pub(crate) set_lead: &'static str,
    pub(crate) change_title: &'static str,
    pub(crate) change_lead: &'static str,
    pub(crate) save: &'static str,
    pub(crate) reset_title: &'static str,
    pub(crate) reset_lead: &'static str,
    pub(crate) reset_code_title: &'static str,
    pub(crate) reset_submit: &'static str,
    pub(crate) missing: Told,
    pub(crate) new_missing: Told,
    pub(crate) current_missing: Told,
}

/// Names and e-mail address.
pub(crate) struct ProfileWords {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) first_name: &'static str,
    pub(crate) last_name: &'static str,
    pub(crate) email: &'static str,
    pub(crate) email_hint: &'static str,
    pub(crate) save: &'static str,
    pub(crate) name_wrong: Told,
    pub(crate) email_wrong: Told,
}

/// Another number.
pub(crate) struct PhoneWords {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) number: &'static str,
    pub(crate) code_title: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) other_number: &'static str,
}

/// Where one is signed in.
pub(crate) struct DeviceWords {
    pub(crate) title: &'static str,
    pub(crate) lead_one: &'static str,
    pub(crate) lead_many: &'static str,
    pub(crate) this: &'static str,
    pub(crate) unknown: &'static str,
    /// With `{time}`.
    pub(crate) last_used: &'static str,
    pub(crate) end: &'static str,
    pub(crate) address: &'static str,
    /// For screen readers, with `{device}` and `{time}`.
    pub(crate) end_of: &'static str,
    pub(crate) end_others: &'static str,
    pub(crate) end_others_hint: &'static str,
}

/// The end of an account.
pub(crate) struct DeleteWords {
    pub(crate) title: &'static str,
    pub(crate) lead: &'static str,
    pub(crate) what: &'static str,
    /// What has to be typed.
    pub(crate) word: &'static str,
    /// With `{word}`.
    pub(crate) label: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) stay: &'static str,
    /// With `{word}`.
    pub(crate) word_wrong: Told,
}

/// Proving once more who one is.
pub(crate) struct ConfirmWords {
    pub(crate) title: &'static str,
    /// With `{number}`.
    pub(crate) lead: &'static str,
    pub(crate) submit: &'static str,
    pub(crate) code_title: &'static str,
    pub(crate) code_submit: &'static str,
    pub(crate) stay: &'static str,
}
