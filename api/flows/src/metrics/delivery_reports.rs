//! Reports of the gateway about deliveries.

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub(crate) enum DeliveryReportResult {
    /// The message is ours and not at its end.
    Known,
    /// The message is ours and had ended before.
    FinalAlready,
    /// The message is not ours, or not recorded yet.
    Unknown,
    /// It is no report.
    Malformed,
    /// The records were away.
    Unavailable,
}
