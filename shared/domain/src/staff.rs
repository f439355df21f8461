//! People who run the service: what each of them may do in the console, and by what they prove who they are.

mod recovery;
mod token;
mod totp;

use std::fmt;

pub use recovery::{RECOVERY_CODES, RecoveryCode};
pub use token::StaffToken;
pub use totp::TotpSecret;

/// What somebody of the staff may do. Each role may do what those below it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// All of them, the one with the least first.
    pub const ALL: [Self; 4] = [Self::Read, Self::Support, Self::Operator, Self::Admin];

    /// The word that the records keep.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Support => "support",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Reads the word again; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_their_words_read_back() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        for other in ["", "Admin", "root", "admin "] {
            assert_eq!(Role::parse(other), None, "{other:?}");
        }
    }
}
