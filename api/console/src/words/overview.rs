//! The first page.

/// Its texts.
pub(crate) struct OverviewWords {
    pub(crate) title: &'static str,
}

pub(super) static FA: OverviewWords = OverviewWords {
    title: "نمای کلی"
};

pub(super) static EN: OverviewWords = OverviewWords { title: "Overview" };
