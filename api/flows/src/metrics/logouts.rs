//! Clients that are told of a log-out.

/// How a call that tells a client of a log-out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::AsRefStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum LogoutResult {
    /// It has heard.
    Told,
    /// It did not answer, or cannot just now; it is tried again.
    Again,
    /// It says that it will never take this; it is not told again.
    Refused,
    /// It was not reached for a day; it is not told again.
    GivenUp,
}
