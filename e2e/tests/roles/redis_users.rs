//! What Redis lets each program do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use e2e::roles::{API, WORKER, redis_url_of, redis_with_roles};
use harness::RedisServer;

use super::{make_secrets, project};

async fn ask(url: &str, words: &[&str]) -> redis::RedisResult<redis::Value> {
    let client = redis::Client::open(url).expect("an address");
    let mut connection = client
        .get_multiplexed_async_connection()
        .await
        .expect("connected");
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query_async(&mut connection).await
}

async fn assert_refused(redis: &RedisServer, role: &str, words: &[&str]) {
    let answer = ask(&redis_url_of(role, &redis.url()), words).await;
    let error = answer.expect_err(&format!("{role}: {words:?}"));
    let told = error.to_string();
    assert!(
        error.code() == Some("NOPERM")
            || told.contains("NOPERM")
            || told.contains("executing the script can't"),
        "{role}: {words:?}: {told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_a_36_redis_refuses_each_user_what_its_program_does_not_do() {
    let redis = redis_with_roles().await;
    let nobody: [&[&str]; 30] = [
        &["FLUSHALL"],
        &["FLUSHDB"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["RANDOMKEY"],
        &["DBSIZE"],
        &["CONFIG", "GET", "*"],
        &["CONFIG", "SET", "dir", "/tmp"],
        &["SHUTDOWN", "NOSAVE"],
        &["CLIENT", "PAUSE", "1"],
        &["ACL", "LIST"],
        &["ACL", "SETUSER", "ramz_api", "+@all"],
        &["CLIENT", "LIST"],
        &["CLIENT", "KILL", "TYPE", "normal"],
        &["REPLICAOF", "NO", "ONE"],
        &["SAVE"],
        &["BGREWRITEAOF"],
        &["MODULE", "LIST"],
        &["SCRIPT", "FLUSH"],
        &["FUNCTION", "FLUSH"],
        &["EVAL", "return 1", "0"],
        &["SWAPDB", "0", "1"],
        &["MIGRATE", "127.0.0.1", "1", "{ramz}:jobs", "0", "1"],
        &["RESTORE", "{ramz}:x", "0", "x"],
        &["SORT", "{ramz}:workers"],
        &["PUBLISH", "x", "x"],
        &["MONITOR"],
        &["LATENCY", "RESET"],
        &["GET", "another:key"],
        &["SET", "another:key", "x"],
    ];
    for role in [API, WORKER] {
        for words in nobody {
            assert_refused(&redis, role, words).await;
        }
    }
    // The worker takes jobs, the API counts.
    let group = [
        "XREADGROUP",
        "GROUP",
        "g",
        "c",
        "STREAMS",
        "{ramz}:jobs",
        ">",
    ];
    assert_refused(&redis, API, &group).await;
    for key in [
        "{ramz}:s:98912",
        "{ramz}:fp:98912",
        "{ramz}:fa:1",
        "{ramz}:a:1",
        "{ramz}:r:9",
    ] {
        assert_refused(&redis, WORKER, &["GET", key]).await;
        assert_refused(&redis, WORKER, &["DEL", key]).await;
    }
    // Every key of its own the worker may write.
    for key in ["breaker", "gateway_rate", "following:kavenegar"] {
        let key = format!("{{ramz}}:{key}");
        let allowed = ["HSET", &key, "a", "b"];
        let answer = ask(&redis_url_of(WORKER, &redis.url()), &allowed).await;
        answer.expect("allowed");
    }
    // A script may do no more than the user who calls it.
    let scripts: [(&str, &str, &str); 3] = [
        (API, "return redis.call('KEYS', '*')", "KEYS"),
        (
            API,
            "return redis.call('GET', 'another:key')",
            "a key of others",
        ),
        (
            WORKER,
            "return redis.call('GET', '{ramz}:fp:98912')",
            "a lock",
        ),
    ];
    for (role, script, what) in scripts {
        let url = redis_url_of(role, &redis.url());
        let hash: String = redis::from_redis_value(
            ask(&url, &["SCRIPT", "LOAD", script])
                .await
                .expect("loaded"),
        )
        .expect("a hash");
        println!("{role}: a script and {what}");
        assert_refused(&redis, role, &["EVALSHA", &hash, "0"]).await;
    }
    ask(&redis.url(), &["PING"]).await.expect("it still runs");
}

/// A script that is changed may call a command that its program's user may not: it would fail where people
/// sign in, and not before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_redis_lets_each_program_run_every_command_of_its_scripts() {
    let redis = redis_with_roles().await;
    let folders = [
        (API, "shared/src/hot_state/redis"),
        (WORKER, "shared/src/queue/redis_feed"),
    ];
    let mut seen = 0;
    for (role, folder) in folders {
        for command in commands_of_scripts(&project().join(folder)) {
            // Another number of arguments than it takes is no matter of rights.
            let asked = ["ACL", "DRYRUN", role, &command, "{ramz}:jobs", "x", "x"];
            let told = format!("{:?}", ask(&redis.url(), &asked).await);
            assert!(
                !told.contains("no permissions to run"),
                "{role}: {command}: scripts/roles/redis.acl: {told}"
            );
            seen += 1;
        }
    }
    assert!(seen > 25, "{seen}");
    let refused = ["ACL", "DRYRUN", API, "SADD", "{ramz}:x", "x"];
    let told = format!("{:?}", ask(&redis.url(), &refused).await);
    assert!(told.contains("no permissions to run"), "{told}");
}

/// What `redis.call` is called with in the scripts of a folder.
fn commands_of_scripts(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|kind| kind != "lua") {
            continue;
        }
        let script = fs::read_to_string(&path).expect("a script");
        for call in ["redis.call(", "redis.pcall("] {
            for (at, _) in script.match_indices(call) {
                let rest = &script[at + call.len()..];
                let name: String = rest
                    .trim_start_matches(['\'', '"'])
                    .chars()
                    .take_while(char::is_ascii_alphabetic)
                    .collect();
                found.insert(name);
            }
        }
    }
    found
}

/// The rules of `make-secrets` are those that are tested above, with hashes in the place of passwords.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn net_04_what_make_secrets_writes_lets_each_program_in_by_its_own_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = make_secrets(folder.path());
    let read = |name: &str| fs::read_to_string(secrets.join(name)).expect("a secret");
    let users = read("redis_users");
    let of_programs: Vec<&str> = users
        .lines()
        .filter(|line| !line.starts_with("user default "))
        .collect();
    let of_programs = of_programs.join("\n") + "\n";
    assert!(
        users.lines().count() == 3 && !users.contains("#API"),
        "{users}"
    );
    let redis = RedisServer::start_with_users(&of_programs).await;
    for name in ["api_redis_url", "worker_redis_url"] {
        let url = read(name).replace("@redis:6379", &format!("@{}", redis.address()));
        let user = redis::Client::open(url.trim()).expect("an address");
        let mut connection = user
            .get_multiplexed_async_connection()
            .await
            .expect("let in");
        let _: String = redis::cmd("PING")
            .query_async(&mut connection)
            .await
            .expect("an answer");
    }
    let mut passwords: Vec<String> = Vec::new();
    for name in [
        "migrate_database_url",
        "api_database_url",
        "worker_database_url",
        "console_database_url",
        "api_redis_url",
        "worker_redis_url",
    ] {
        let url = read(name);
        let (_, rest) = url.split_once("//").expect("a URL");
        let (login, _) = rest.split_once('@').expect("a login");
        let (_, password) = login.split_once(':').expect("a password");
        assert_eq!(password.len(), 64, "{name}");
        passwords.push(password.to_owned());
    }
    passwords.push(read("postgres_password").trim().to_owned());
    passwords.push(read("redis_password").trim().to_owned());
    passwords.sort();
    passwords.dedup();
    assert_eq!(passwords.len(), 8, "no two are the same");
}
