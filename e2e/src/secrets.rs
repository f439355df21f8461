//! Keys for one run, and what must never turn up anywhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::random::Random;
use domain::tokens::SigningKeys;
use secrecy::ExposeSecret as _;

/// The secrets that an operator would give.
#[derive(Clone)]
pub struct Secrets {
    /// `OTP_KEY`
    pub otp_key: String,
    /// `JWT_PRIVATE_KEY`
    pub jwt_private_key: String,
    /// `KAVENEGAR_API_KEY`
    pub api_key: String,
}

impl Secrets {
    /// New ones.
    pub fn generate() -> Self {
        let random = Random::operating_system();
        Self {
            otp_key: format!("k1:{}", STANDARD.encode(random.bytes::<32>())),
            jwt_private_key: SigningKeys::generate_pem(&random)
                .expose_secret()
                .to_owned(),
            api_key: hex::encode_upper(random.bytes::<32>()),
        }
    }

    /// The texts that stand for these secrets in a leak.
    pub fn canaries(&self) -> Vec<String> {
        let otp = self
            .otp_key
            .split_once(':')
            .map_or(self.otp_key.as_str(), |(_, key)| key);
        let pem_line = self.jwt_private_key.lines().nth(1).unwrap_or_default();
        vec![otp.to_owned(), pem_line.to_owned(), self.api_key.clone()]
    }
}
