//! Each program with a role of its own at the stores, as `scripts/roles` makes them.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{PostgresServer, RedisServer};

/// The role of the API, in both stores.
pub const API: &str = "ramz_api";
/// The role of the worker, in both stores.
pub const WORKER: &str = "ramz_worker";
/// The password of both in Redis; PostgreSQL asks for none in tests.
const PASSWORD: &str = "of-a-test";

/// The folder of the project.
pub(crate) fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A Redis that knows the users of an installation.
///
/// # Panics
///
/// When `scripts/roles/redis.acl` cannot be read, or Redis does not take it.
pub async fn redis_with_roles() -> RedisServer {
    let file = project().join("scripts/roles/redis.acl");
    let rules = fs::read_to_string(file).expect("the users of Redis");
    let users: Vec<String> = rules
        .lines()
        .filter(|line| !line.starts_with("user default "))
        .map(|line| {
            let line = line.replacen("#API", &format!(">{PASSWORD}"), 1);
            line.replacen("#WORKER", &format!(">{PASSWORD}"), 1)
        })
        .collect();
    assert_eq!(users.len(), 2, "the API and the worker");
    RedisServer::start_with_users(&(users.join("\n") + "\n")).await
}

/// Makes the roles of api and worker; the next `migrate` gives them what they may do.
pub async fn make_roles(postgres: &PostgresServer) {
    for role in [API, WORKER] {
        postgres.create_role(role).await;
    }
}

/// The same database for a role.
///
/// # Panics
///
/// When this is no URL of a server.
pub fn database_url_of(role: &str, url: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let place = rest.split_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}://{role}@{place}")
}

/// The same Redis for a role.
///
/// # Panics
///
/// When this is no URL of a server.
pub fn redis_url_of(role: &str, url: &str) -> String {
    let (scheme, rest) = url.split_once("://").expect("a URL");
    let place = rest.split_once('@').map_or(rest, |(_, place)| place);
    format!("{scheme}://{role}:{PASSWORD}@{place}")
}
