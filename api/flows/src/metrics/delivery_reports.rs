//! Reports of the gateway about deliveries.

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryReportResult {
    /// The message is ours and not at its end.
    Known,
    /// The message is ours and has come to its end before.
    FinalAlready,
    /// The message is not ours, or not recorded yet.
    Unknown,
    /// It is no report.
    Malformed,
    /// The records were away.
    Unavailable,
}

impl DeliveryReportResult {
    pub(super) const ALL: [Self; 5] = [
        Self::Known,
        Self::FinalAlready,
        Self::Unknown,
        Self::Malformed,
        Self::Unavailable,
    ];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Known => "known",
            Self::FinalAlready => "final_already",
            Self::Unknown => "unknown",
            Self::Malformed => "malformed",
            Self::Unavailable => "unavailable",
        }
    }
}
