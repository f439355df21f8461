//! What each program may do in PostgreSQL, where it logs in with a role of its own.
//!
//! The owner of the schema grants it after each run of `migrate`, so that a table that came with a
//! migration is granted with it. A role that the server does not have is left out: where one role owns
//! everything and all programs use it, nothing changes.
//!
//! Old and new programs run side by side during an upgrade. So what a release no longer needs is taken
//! out of this list one release later.

use sqlx::{AssertSqlSafe, PgConnection, PgPool};

/// One of several migrators at a time changes rights; the key is no other program's.
const ONE_AT_A_TIME: &str = "SELECT pg_advisory_xact_lock(7229130041)";
const THERE: &str = "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)";
/// Whether anyone who asks may give away rights to all tables; others get a warning for each, and nothing is
/// done.
const OWNS_ALL: &str = "SELECT COALESCE(bool_and(pg_has_role(relowner, 'USAGE')), TRUE) FROM pg_class \
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')";
const SCHEMA: &str = "SELECT quote_ident(current_schema())";
const TABLES: &str = "SELECT quote_ident(relname) FROM pg_class \
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')";

/// A role, and what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name in PostgreSQL, the same in every installation.
    pub name: &'static str,
    /// Tables and verbs; what is not named is refused.
    pub grants: &'static [Grant],
}

/// A table and what may be done with it, as it stands between `GRANT` and `ON`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The table.
    pub table: &'static str,
    /// Verbs, some of them for named columns only.
    pub verbs: &'static str,
}

const fn grant(table: &'static str, verbs: &'static str) -> Grant {
    Grant { table, verbs }
}

/// The programs that use the tables. `migrate` is none of them: it owns the tables.
pub const ROLES: [Role; 3] = [
    // The API and its commands, such as `api why`. Accounts are emptied and never removed, the audit log is
    // written and never read or changed, of messages only the number and the next check are changed.
    Role {
        name: "ramz_api",
        grants: &[
            grant("_sqlx_migrations", "SELECT"),
            grant("users", "SELECT, INSERT, UPDATE"),
            grant("totp_credentials", "SELECT, DELETE"),
            grant("staff", "SELECT, DELETE"),
            grant("staff_recovery_codes", "SELECT, DELETE"),
            grant("staff_links", "SELECT, INSERT, DELETE"),
            grant("sessions", "SELECT, INSERT, UPDATE, DELETE"),
            grant("refresh_tokens", "SELECT, INSERT, UPDATE, DELETE"),
            grant("challenge_uses", "SELECT, INSERT"),
            grant("authorization_codes", "SELECT, INSERT, UPDATE, DELETE"),
            grant("sends", "SELECT, UPDATE (phone, next_check_at)"),
            grant("back_channel_logouts", "SELECT, INSERT, UPDATE, DELETE"),
            grant("audit_log", "INSERT"),
            grant("credit_looks", "SELECT"),
            grant("step_sessions", "SELECT, INSERT, UPDATE, DELETE"),
            grant("notices", "SELECT, INSERT, UPDATE, DELETE"),
            grant("user_imports", "SELECT, INSERT, UPDATE, DELETE"),
            grant("phone_moves", "SELECT, INSERT, DELETE"),
            grant("number_erasures", "SELECT, INSERT, UPDATE, DELETE"),
        ],
    },
    // It knows messages, and of accounts only which numbers are kept out: no hash of a password or of a token. Of
    // what it removes when it is too old it sees the age.
    Role {
        name: "ramz_worker",
        grants: &[
            grant("_sqlx_migrations", "SELECT"),
            grant("sends", "SELECT, INSERT, UPDATE, DELETE"),
            grant("notices", "SELECT, DELETE"),
            grant("number_erasures", "SELECT"),
            grant("users", "SELECT (phone, blocked_at)"),
            grant("retention_progress", "SELECT, UPDATE"),
            grant("sessions", "SELECT (expires_at), DELETE"),
            grant("challenge_uses", "SELECT (used_at), DELETE"),
            grant("audit_log", "SELECT (at), DELETE"),
            grant("credit_looks", "SELECT, INSERT, DELETE"),
        ],
    },
    // For the console: it shows people, sessions and messages, signs the staff in, blocks and ends sessions, gives
    // roles and writes down what it did. It reads no hash of a password and makes nobody a superuser.
    Role {
        name: "ramz_console",
        grants: &[
            grant("_sqlx_migrations", "SELECT"),
            grant(
                "users",
                "SELECT (id, phone, username, email, first_name, last_name, is_staff, is_superuser, \
                 phone_verified_at, last_sign_in_at, blocked_at, deleted_at, created_at, updated_at), \
                 UPDATE (blocked_at, is_staff, last_sign_in_at, phone_verified_at, updated_at)",
            ),
            grant(
                "sessions",
                "SELECT, INSERT, UPDATE (last_used_at, idle_expires_at, revoked_at, revoked_reason)",
            ),
            grant("staff", "SELECT, INSERT, UPDATE, DELETE"),
            grant("staff_sessions", "SELECT, INSERT, UPDATE"),
            grant("staff_unmasked", "SELECT, INSERT, UPDATE"),
            grant("staff_recovery_codes", "SELECT, INSERT, UPDATE, DELETE"),
            grant("staff_links", "SELECT, UPDATE (used_at)"),
            grant("totp_credentials", "SELECT, INSERT, UPDATE"),
            grant("sends", "SELECT"),
            grant("challenge_uses", "SELECT"),
            grant("credit_looks", "SELECT"),
            grant("notices", "SELECT"),
            grant("phone_moves", "SELECT, INSERT, DELETE"),
            grant("back_channel_logouts", "INSERT"),
            grant("audit_log", "SELECT, INSERT"),
        ],
    },
];

/// Why the roles do not have what they may do.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    /// The tables belong to another role.
    #[error(
        "the tables belong to another role, so that what {names} may do cannot be set; run `migrate` as the owner of \
         the tables",
        names = ROLES.map(|role| role.name).join(", ")
    )]
    NotOwner,
    /// The database did not answer, or refused.
    #[error("what the roles of the programs may do cannot be set: {0}")]
    Database(#[from] sqlx::Error),
}

/// Gives each role that is there what it may do, and takes away everything else, in one step.
pub(crate) async fn grant_to_roles(pool: &PgPool) -> Result<(), RolesError> {
    let mut transaction = pool.begin().await?;
    sqlx::query(ONE_AT_A_TIME)
        .execute(&mut *transaction)
        .await?;
    let mut there = Vec::new();
    for role in ROLES {
        let exists = sqlx::query_scalar(THERE).bind(role.name);
        if exists.fetch_one(&mut *transaction).await? {
            there.push(role);
        }
    }
    if there.is_empty() {
        return Ok(());
    }
    let owns_all: bool = sqlx::query_scalar(OWNS_ALL)
        .fetch_one(&mut *transaction)
        .await?;
    if !owns_all {
        return Err(RolesError::NotOwner);
    }
    for role in there {
        grant_to(role, &mut transaction).await?;
    }
    Ok(transaction.commit().await?)
}

async fn grant_to(role: Role, connection: &mut PgConnection) -> sqlx::Result<()> {
    let schema: String = sqlx::query_scalar(SCHEMA)
        .fetch_one(&mut *connection)
        .await?;
    let tables: Vec<String> = sqlx::query_scalar(TABLES)
        .fetch_all(&mut *connection)
        .await?;
    let name = role.name;
    let mut statements = vec![format!("GRANT USAGE ON SCHEMA {schema} TO {name}")];
    for table in &tables {
        statements.push(format!("REVOKE ALL ON {schema}.{table} FROM {name}"));
    }
    for Grant { table, verbs } in role.grants {
        // One that a release adds or takes away is not in every database that this release meets.
        if tables.iter().any(|there| there == table) {
            statements.push(format!("GRANT {verbs} ON {schema}.{table} TO {name}"));
        }
    }
    for statement in statements {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
