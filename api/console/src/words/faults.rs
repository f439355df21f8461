//! What is wrong with a request.

/// Title and what to do.
type Told = (&'static str, &'static str);

/// Its texts.
pub(crate) struct FaultWords {
    pub(crate) not_found: Told,
    pub(crate) method: Told,
    pub(crate) cross_site: Told,
    pub(crate) unreadable: Told,
    pub(crate) too_old: Told,
    pub(crate) reason: Told,
    /// With `{role}`.
    pub(crate) not_allowed: Told,
}

pub(super) static FA: FaultWords = FaultWords {
    not_found: (
        "این صفحه وجود ندارد",
        "نشانی را بررسی کنید یا از فهرست بالا بروید.",
    ),
    method: (
        "این صفحه این‌گونه باز نمی‌شود",
        "از فرمِ همان صفحه استفاده کنید.",
    ),
    cross_site: (
        "این درخواست از سایت دیگری آمده است",
        "کاری انجام نشد. اگر خودتان آن را فرستادید، صفحه را در همین کنسول باز کنید.",
    ),
    unreadable: (
        "فرم خوانده نشد",
        "صفحه را دوباره باز کنید و فرم را از نو بفرستید.",
    ),
    too_old: (
        "این فرم دیگر معتبر نیست",
        "کاری انجام نشد. شاید از نو وارد شده‌اید؛ صفحه را دوباره باز کنید و فرم را از نو بفرستید.",
    ),
    reason: (
        "دلیل لازم است",
        "کاری انجام نشد. در ۳ تا ۵۰۰ نویسه بنویسید چرا این کار را می‌کنید.",
    ),
    not_allowed: (
        "نقش شما این اجازه را ندارد",
        "این کار دست‌کم نقش «{role}» را می‌خواهد. از یک مدیر بخواهید.",
    ),
};

pub(super) static EN: FaultWords = FaultWords {
    not_found: (
        "There is no such page",
        "Check the address, or choose a section above.",
    ),
    method: (
        "This page is not opened like this",
        "Use the form of its page.",
    ),
    cross_site: (
        "This request comes from another site",
        "Nothing was done. If you sent it yourself, open the page in this console.",
    ),
    unreadable: (
        "The form could not be read",
        "Open the page and send the form again.",
    ),
    too_old: (
        "This form is no longer valid",
        "Nothing was done. Perhaps you have signed in again since; open the page and send the form once more.",
    ),
    reason: (
        "A reason is needed",
        "Nothing was done. Say in 3 to 500 characters why you do it.",
    ),
    not_allowed: (
        "Your role does not allow this",
        "This needs at least the role “{role}”. Ask an admin.",
    ),
};
