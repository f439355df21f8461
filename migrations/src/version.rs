//! Which PostgreSQL the schema and the statements are made for.

use sqlx::{PgConnection, Row as _};

/// The least version that is tested. An older one that has all that is used may work.
pub const LEAST_POSTGRES: u32 = 15;

/// The version of a server that is older than [`LEAST_POSTGRES`], as the server writes it.
pub async fn old_postgres(connection: &mut PgConnection) -> sqlx::Result<Option<String>> {
    // One message each, so that a pooler in between cannot tear them apart.
    let row = sqlx::raw_sql(
        "SELECT current_setting('server_version_num'), current_setting('server_version')",
    )
    .fetch_one(connection)
    .await?;
    let (number, version): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    Ok(is_old(&number).then_some(version))
}

/// `server_version_num` is 10,000 times the major version and the minor one.
fn is_old(number: &str) -> bool {
    number
        .parse::<u32>()
        .is_ok_and(|number| number / 10_000 < LEAST_POSTGRES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_major_number() {
        assert!(is_old("90624") && is_old("140019"));
        assert!(!is_old("150000") && !is_old("150018") && !is_old("180006"));
        assert!(!is_old("unknown"), "what cannot be read is not judged");
    }
}
