//! People who run the service: what each of them may do in the console, and by what they prove who they are.

mod recovery;
mod token;
mod totp;

pub use recovery::{RECOVERY_CODES, RecoveryCode};
pub use token::StaffToken;
pub use totp::TotpSecret;

/// What somebody of the staff may do. Each role may do what those below it may.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Looks, with numbers masked.
    Read,
    /// Helps people: unmasks numbers, blocks and unblocks, ends sessions, lifts locks.
    Support,
    /// Keeps the service running: dead messages, exemptions, exports.
    Operator,
    /// Everything, the staff itself too.
    Admin,
}

impl Role {
    /// The word that the records keep.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use strum::VariantArray as _;

    use super::*;

    #[test]
    fn roles_are_ordered_and_their_words_read_back() {
        assert!(Role::VARIANTS.is_sorted());
        for &role in Role::VARIANTS {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        for other in ["", "Admin", "root", "admin "] {
            assert!(other.parse::<Role>().is_err(), "{other:?}");
        }
    }
}
