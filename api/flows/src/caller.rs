//! Who asks, as far as every use case may want to know.

use domain::challenge::Locale;
use domain::client_address::ClientAddress;
use domain::tokens::DeviceToken;
use shared::records::Device;
use uuid::Uuid;

/// What stands behind a call of a use case.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Names the request in logs, jobs and the ledger.
    pub request_id: Uuid,
    /// The language in which the caller is answered.
    pub locale: Locale,
    /// Where the call comes from, which limits are counted by.
    pub address: ClientAddress,
    /// The token of the device, if it shows one; nobody has looked yet whether it is ours.
    pub device: Option<DeviceToken>,
}

impl Caller {
    /// The same with the token that came in a body, which counts before that of a cookie. What is none shows nothing.
    #[must_use]
    pub fn showing(self, token: Option<&str>) -> Self {
        Self {
            device: token.map_or(self.device, DeviceToken::parse),
            ..self
        }
    }

    /// What its share of scarce places is counted by.
    pub(crate) fn client(&self) -> String {
        self.address.limit_key()
    }

    /// The device behind the call, as the person and the client itself call it.
    pub fn device(&self, name: Option<String>, user_agent: Option<String>) -> Device {
        Device {
            name,
            user_agent,
            address: Some(self.address.ip()),
        }
    }
}
