//! Units of time and of money.

/// Their names.
pub(crate) struct TimeWords {
    pub(crate) seconds: &'static str,
    pub(crate) minutes: &'static str,
    pub(crate) hours: &'static str,
    pub(crate) days: &'static str,
    pub(crate) rials: &'static str,
    pub(crate) percent: &'static str,
}

pub(super) static FA: TimeWords = TimeWords {
    seconds: "ثانیه",
    minutes: "دقیقه",
    hours: "ساعت",
    days: "روز",
    rials: "ریال",
    percent: "٪",
};

pub(super) static EN: TimeWords = TimeWords {
    seconds: "s",
    minutes: "min",
    hours: "h",
    days: "days",
    rials: "rials",
    percent: "%",
};
