//! What stands on every page.

use domain::staff::Role;

use crate::frame::Notice;

/// Its texts.
pub(crate) struct FrameWords {
    pub(crate) console: &'static str,
    pub(crate) brand: &'static str,
    pub(crate) skip: &'static str,
    pub(crate) navigation: &'static str,
    pub(crate) other_language: &'static str,
    pub(crate) sign_out: &'static str,
    pub(crate) search: &'static str,
    pub(crate) search_hint: &'static str,
    pub(crate) more: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) reason_hint: &'static str,
    pub(crate) unmask: &'static str,
    pub(crate) unmask_hint: &'static str,
    pub(crate) next_page: &'static str,
    pub(crate) first_page: &'static str,
    pub(crate) nothing: &'static str,
    pub(crate) filter: &'static str,
    pub(crate) all: &'static str,
    pub(crate) yes: &'static str,
    pub(crate) no: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) back: &'static str,
    // The sections.
    pub(crate) overview: &'static str,
    pub(crate) sends: &'static str,
    pub(crate) users: &'static str,
    pub(crate) limits: &'static str,
    pub(crate) spending: &'static str,
    pub(crate) dead: &'static str,
    pub(crate) audit: &'static str,
    pub(crate) staff: &'static str,
    pub(crate) settings: &'static str,
    // The roles.
    pub(crate) role_read: &'static str,
    pub(crate) role_support: &'static str,
    pub(crate) role_operator: &'static str,
    pub(crate) role_admin: &'static str,
    // What was done.
    pub(crate) done: &'static str,
    pub(crate) unmasked: &'static str,
}

impl FrameWords {
    /// The name of a role.
    pub(crate) fn role(&self, role: Role) -> &'static str {
        match role {
            Role::Read => self.role_read,
            Role::Support => self.role_support,
            Role::Operator => self.role_operator,
            Role::Admin => self.role_admin,
        }
    }

    /// What is told of what was done a moment ago.
    pub(crate) fn notice(&self, notice: Notice) -> &'static str {
        match notice {
            Notice::Done => self.done,
            Notice::Unmasked => self.unmasked,
        }
    }
}

pub(super) static FA: FrameWords = FrameWords {
    console: "کنسول رمز",
    brand: "رمز",
    skip: "رفتن به متن صفحه",
    navigation: "بخش‌ها",
    other_language: "English",
    sign_out: "خروج",
    search: "جست‌وجو",
    search_hint: "شماره، شناسهٔ درخواست یا پیامک",
    more: "جزئیات",
    reason: "دلیل",
    reason_hint: "کوتاه بنویسید چرا؛ در رویدادها می‌ماند.",
    unmask: "نمایش کامل شماره",
    unmask_hint: "شماره ده دقیقه برای شما کامل نشان داده می‌شود و دلیل آن ثبت می‌شود.",
    next_page: "صفحهٔ بعد",
    first_page: "از آغاز",
    nothing: "چیزی پیدا نشد.",
    filter: "نمایش",
    all: "همه",
    yes: "بله",
    no: "خیر",
    reference: "شناسهٔ درخواست",
    back: "بازگشت",
    overview: "نمای کلی",
    sends: "کدها",
    users: "کاربران",
    limits: "محدودیت‌ها",
    spending: "هزینه",
    dead: "پیام‌های مانده",
    audit: "رویدادها",
    staff: "کارکنان",
    settings: "تنظیمات",
    role_read: "بیننده",
    role_support: "پشتیبان",
    role_operator: "متصدی",
    role_admin: "مدیر",
    done: "انجام شد.",
    unmasked: "شماره تا ده دقیقه برای شما کامل نشان داده می‌شود.",
};

pub(super) static EN: FrameWords = FrameWords {
    console: "Ramz console",
    brand: "Ramz",
    skip: "Skip to the page",
    navigation: "Sections",
    other_language: "فارسی",
    sign_out: "Sign out",
    search: "Search",
    search_hint: "number, request id or message id",
    more: "More",
    reason: "Reason",
    reason_hint: "Say briefly why; it stays in the audit log.",
    unmask: "Show the whole number",
    unmask_hint: "You see the number whole for ten minutes, and your reason is written down.",
    next_page: "Next page",
    first_page: "From the start",
    nothing: "Nothing found.",
    filter: "Show",
    all: "All",
    yes: "Yes",
    no: "No",
    reference: "Request",
    back: "Back",
    overview: "Overview",
    sends: "Codes",
    users: "Users",
    limits: "Limits",
    spending: "Spending",
    dead: "Dead messages",
    audit: "Audit log",
    staff: "Staff",
    settings: "Settings",
    role_read: "read",
    role_support: "support",
    role_operator: "operator",
    role_admin: "admin",
    done: "Done.",
    unmasked: "You see the number whole for ten minutes.",
};
