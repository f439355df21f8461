//! What of the inside a refusal comes from. Its cause stands in the log, never in its texts.

use domain::password::Busy;
use domain::phone::PhoneError;
use shared::hot_state::HotStateError;
use shared::records::RecordsError;

use super::{Input, Refusal, RefusalCode};

impl From<PhoneError> for Refusal {
    fn from(error: PhoneError) -> Self {
        let code = match error {
            PhoneError::Empty => RefusalCode::PhoneEmpty,
            PhoneError::Malformed => RefusalCode::PhoneMalformed,
            PhoneError::NotMobile => RefusalCode::PhoneNotMobile,
            PhoneError::CountryNotAllowed => RefusalCode::PhoneCountryNotAllowed,
        };
        Self::of_input(code, Input::PhoneNumber)
    }
}

impl From<Busy> for Refusal {
    fn from(Busy: Busy) -> Self {
        RefusalCode::PasswordBusy.into()
    }
}

impl From<HotStateError> for Refusal {
    fn from(error: HotStateError) -> Self {
        match error {
            HotStateError::Unavailable(_) => {
                tracing::warn!(%error, "a request was refused");
                RefusalCode::StoreUnavailable.into()
            }
            // The watch over its room tells of it, once.
            HotStateError::Full => RefusalCode::StoreFull.into(),
            HotStateError::Corrupt(_) => {
                tracing::error!(%error, "a request was refused");
                RefusalCode::Internal.into()
            }
        }
    }
}

impl From<RecordsError> for Refusal {
    fn from(error: RecordsError) -> Self {
        if let RecordsError::Unavailable(_) = &error {
            tracing::warn!(%error, "a request was refused");
            return RefusalCode::StoreUnavailable.into();
        }
        tracing::error!(%error, "a request was refused");
        RefusalCode::Internal.into()
    }
}
