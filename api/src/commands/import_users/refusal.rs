//! Why a row gives no user.

/// A refused row. Holds nothing of what stands in it but the masked number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowRefusal {
    /// The column, or nothing when it is about the row.
    pub(super) column: &'static str,
    pub(super) reason: String,
    /// The masked number, where one could be read.
    pub(super) phone: Option<String>,
}

/// The reason of a row whose number is taken.
pub(super) const TAKEN: &str = "already has an account, or stands in an earlier row";

impl RowRefusal {
    pub(super) fn new(column: &'static str, reason: impl Into<String>) -> Self {
        Self {
            column,
            reason: reason.into(),
            phone: None,
        }
    }
}
