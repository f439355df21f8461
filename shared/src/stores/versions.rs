//! Which servers Ramz works with, looked at when they answer for the first time.

use crate::hot_state::HotState;
use crate::records::{Records, RecordsError};

/// The least version of Redis. Before it, scripts could not write once they had asked for the time.
pub const LEAST_REDIS: (u32, u32) = (7, 0);

/// What is said of a Redis that is too old.
pub(super) fn too_old_redis(version: &str) -> Option<String> {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return None;
    };
    let (least_major, least_minor) = LEAST_REDIS;
    ((major, minor) < LEAST_REDIS).then(|| {
        format!("Redis {version} is too old: Ramz needs {least_major}.{least_minor} or later")
    })
}

impl HotState {
    /// What is wrong with the version of the server, if it answers and something is. One that does
    /// not tell its version is not judged.
    pub async fn version_problem(&self) -> Option<String> {
        let version = self.server_version().await.ok().flatten()?;
        too_old_redis(&version)
    }
}

impl Records {
    /// What is to be said of the version of the server, if it answers and there is something.
    pub async fn version_warning(&self) -> Result<Option<String>, RecordsError> {
        let least = migrate::LEAST_POSTGRES;
        Ok(self.old_server().await?.map(|version| {
            format!(
                "PostgreSQL {version} is older than {least}, the least that Ramz is tested with"
            )
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for old in ["6.2.14", "6.99", "5.0.7", "2.8.0"] {
            let told = too_old_redis(old).expect("too old");
            assert!(told.contains(old) && told.contains("7.0"), "{told}");
        }
        for good in [
            "7.0.0",
            "7.0.15",
            "7.2.4",
            "8.1",
            "10.0.0-rc1",
            "unknown",
            "",
        ] {
            assert_eq!(too_old_redis(good), None, "{good}");
        }
    }
}
