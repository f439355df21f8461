//! Every text of the console, in both languages. A field that one language lacks does not compile.
//!
//! Each section has a file of its own, with a struct and one value of it in each language, and a line here.
//! `{…}` stands for what the page at hand puts there. Refusals of use cases have their texts in `flows`.

mod audit;
mod dead;
mod faults;
mod frame;
mod limits;
mod number;
mod overview;
mod people;
mod sends;
mod settings;
mod spending;
mod staff;
mod times;

use domain::challenge::Locale;

pub(crate) use audit::AuditWords;
pub(crate) use dead::DeadWords;
pub(crate) use faults::FaultWords;
pub(crate) use frame::FrameWords;
pub(crate) use limits::LimitsWords;
pub(crate) use number::NumberWords;
pub(crate) use overview::OverviewWords;
pub(crate) use people::PeopleWords;
pub(crate) use sends::SendsWords;
pub(crate) use settings::SettingsWords;
pub(crate) use spending::SpendingWords;
pub(crate) use staff::StaffWords;
pub(crate) use times::TimeWords;

/// The texts of one language.
pub(crate) struct Words {
    pub(crate) locale: Locale,
    /// The direction of writing.
    pub(crate) direction: &'static str,
    pub(crate) frame: &'static FrameWords,
    pub(crate) faults: &'static FaultWords,
    pub(crate) overview: &'static OverviewWords,
    pub(crate) limits: &'static LimitsWords,
    pub(crate) dead: &'static DeadWords,
    pub(crate) spending: &'static SpendingWords,
    pub(crate) sends: &'static SendsWords,
    pub(crate) number: &'static NumberWords,
    pub(crate) times: &'static TimeWords,
    pub(crate) settings: &'static SettingsWords,
    pub(crate) audit: &'static AuditWords,
    pub(crate) people: &'static PeopleWords,
    pub(crate) staff: &'static StaffWords,
}

static FA: Words = Words {
    locale: Locale::Fa,
    direction: "rtl",
    frame: &frame::FA,
    faults: &faults::FA,
    overview: &overview::FA,
    limits: &limits::FA,
    dead: &dead::FA,
    spending: &spending::FA,
    sends: &sends::FA,
    number: &number::FA,
    times: &times::FA,
    settings: &settings::FA,
    audit: &audit::FA,
    people: &people::FA,
    staff: &staff::FA,
};

static EN: Words = Words {
    locale: Locale::En,
    direction: "ltr",
    frame: &frame::EN,
    faults: &faults::EN,
    overview: &overview::EN,
    limits: &limits::EN,
    dead: &dead::EN,
    spending: &spending::EN,
    sends: &sends::EN,
    number: &number::EN,
    times: &times::EN,
    settings: &settings::EN,
    audit: &audit::EN,
    people: &people::EN,
    staff: &staff::EN,
};

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({})", self.lang())
    }
}

impl Words {
    /// Those of a language.
    pub(crate) fn of(locale: Locale) -> &'static Self {
        match locale {
            Locale::Fa => &FA,
            Locale::En => &EN,
        }
    }

    /// The language as HTML and headers name it.
    pub(crate) fn lang(&self) -> &'static str {
        self.locale.as_str()
    }

    /// The other language.
    pub(crate) fn other_lang(&self) -> &'static str {
        match self.locale {
            Locale::Fa => Locale::En.as_str(),
            Locale::En => Locale::Fa.as_str(),
        }
    }
}
