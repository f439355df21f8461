//! Dead sends.

use flows::staff::dead::CannotRetry;

/// Title and what to do.
type Told = (&'static str, &'static str);

/// Its texts.
pub(crate) struct DeadWords {
    pub(crate) lead: &'static str,
    pub(crate) none: &'static str,
    pub(crate) what: &'static str,
    pub(crate) number: &'static str,
    pub(crate) why: &'static str,
    pub(crate) died: &'static str,
    pub(crate) asked: &'static str,
    pub(crate) attempts: &'static str,
    pub(crate) id: &'static str,
    pub(crate) decide: &'static str,
    pub(crate) retry: &'static str,
    pub(crate) drop: &'static str,
    pub(crate) drop_hint: &'static str,
    pub(crate) code: &'static str,
    pub(crate) notice: &'static str,
    pub(crate) unknown: &'static str,
    pub(crate) forgotten_number: &'static str,
    pub(crate) cannot: fn(CannotRetry) -> &'static str,
    /// The reasons that the queue and the worker give.
    pub(crate) reason: fn(&str) -> Option<&'static str>,
    pub(crate) gone: Told,
    pub(crate) retry_unreadable: Told,
    pub(crate) retry_too_late: Told,
    pub(crate) retry_forgotten: Told,
    pub(crate) retry_used: Told,
    pub(crate) retry_sent: Told,
}

pub(super) static FA: DeadWords = DeadWords {
    lead: "پیام‌هایی که دیگر خودبه‌خود فرستاده نمی‌شوند. تا وقتی کد زنده است می‌توان دوباره آن‌ها را فرستاد؛ وگرنه کنارشان بگذارید.",
    none: "هیچ پیامی نمانده است.",
    what: "پیام",
    number: "شماره",
    why: "چرا",
    died: "مانده از",
    asked: "درخواست",
    attempts: "تلاش‌ها",
    id: "شناسه",
    decide: "رسیدگی",
    retry: "دوباره بفرست",
    drop: "کنار بگذار",
    drop_hint: "برای همیشه پاک می‌شود؛ پیش از آن عامل دوم پرسیده می‌شود.",
    code: "کد",
    notice: "خبر",
    unknown: "ناخوانا",
    forgotten_number: "نامعلوم",
    cannot: cannot_fa,
    reason: reason_fa,
    gone: (
        "این پیام دیگر این‌جا نیست",
        "کاری انجام نشد: کس دیگری به آن رسیدگی کرده است.",
    ),
    retry_unreadable: ("دوباره فرستاده نشد", "این نسخه نمی‌تواند کار را بخواند."),
    retry_too_late: (
        "دوباره فرستاده نشد",
        "زمان آن گذشته است؛ کد دیرتر از آن می‌رسید که به کار آید. از صاحب شماره بخواهید کد تازه بگیرد.",
    ),
    retry_forgotten: (
        "دوباره فرستاده نشد",
        "از کد آن دیگر چیزی نمانده است. از صاحب شماره بخواهید کد تازه بگیرد.",
    ),
    retry_used: (
        "دوباره فرستاده نشد",
        "کد آن به کار رفته یا فرستادنش برای همیشه پایان یافته است.",
    ),
    retry_sent: (
        "دوباره فرستاده نشد",
        "درگاه این پیام را گرفته است؛ بار دوم برای همان شماره پیام تکراری می‌شد.",
    ),
};

fn cannot_fa(why: CannotRetry) -> &'static str {
    match why {
        CannotRetry::Unreadable => "این نسخه آن را نمی‌خواند",
        CannotRetry::TooLate => "زمانش گذشته است",
        CannotRetry::Forgotten => "از کد آن چیزی نمانده است",
        CannotRetry::Used => "کد آن دیگر لازم نیست",
        CannotRetry::Sent => "درگاه آن را گرفته است",
    }
}

fn reason_fa(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "expired" => "دیر شد",
        "challenge_gone" => "از کد چیزی نمانده بود",
        "challenge_unreadable" => "رکورد کد خوانده نشد",
        "notice_unreadable" => "خبر خوانده نشد",
        "ledger_refused" => "دفتر پیام‌ها آن را نپذیرفت",
        "malformed" => "کار خوانده نشد",
        "unknown_version" => "از نسخهٔ دیگری است",
        "kills_workers" => "چند کارگر با آن از کار افتادند",
        "panics" => "کارگر هر بار با آن خطا داد",
        _ => return None,
    })
}

pub(super) static EN: DeadWords = DeadWords {
    lead: "Messages that are no longer sent by themselves. While its code lives one can be sent again; else drop it.",
    none: "No message is left over.",
    what: "Message",
    number: "Number",
    why: "Why",
    died: "Since",
    asked: "Asked",
    attempts: "Attempts",
    id: "Id",
    decide: "Decide",
    retry: "Send again",
    drop: "Drop it",
    drop_hint: "It is removed for good; a second factor is asked for before.",
    code: "code",
    notice: "notice",
    unknown: "unreadable",
    forgotten_number: "not known",
    cannot: cannot_en,
    reason: reason_en,
    gone: (
        "This message is no longer here",
        "Nothing was done: somebody else has decided about it.",
    ),
    retry_unreadable: ("It was not sent again", "This release cannot read the job."),
    retry_too_late: (
        "It was not sent again",
        "Its time is over: the code would come too late to be of use. Let the owner ask for a new one.",
    ),
    retry_forgotten: (
        "It was not sent again",
        "Nothing is left of its code. Let the owner ask for a new one.",
    ),
    retry_used: (
        "It was not sent again",
        "Its code was used, or it has ended for good.",
    ),
    retry_sent: (
        "It was not sent again",
        "The gateway has this message: the phone would get it twice.",
    ),
};

fn cannot_en(why: CannotRetry) -> &'static str {
    match why {
        CannotRetry::Unreadable => "this release cannot read it",
        CannotRetry::TooLate => "its time is over",
        CannotRetry::Forgotten => "nothing is left of its code",
        CannotRetry::Used => "its code is not needed any more",
        CannotRetry::Sent => "the gateway has it",
    }
}

fn reason_en(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "expired" => "it was too late",
        "challenge_gone" => "nothing was left of the code",
        "challenge_unreadable" => "the record of the code could not be read",
        "notice_unreadable" => "the notice could not be read",
        "ledger_refused" => "the ledger did not take it",
        "malformed" => "the job could not be read",
        "unknown_version" => "it is of another release",
        "kills_workers" => "several workers died over it",
        "panics" => "the worker failed over it each time",
        _ => return None,
    })
}
