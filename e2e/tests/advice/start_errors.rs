//! Programs that refuse say what to do; it is done, and they go on. (The settings that contradict each other
//! are tried in `shared/src/config/tests/advice.rs`.)

use std::path::Path;
use std::process::{Command, Output, Stdio};

use e2e::{PATIENCE, Secrets};
use harness::{PostgresServer, RedisServer, free_port, wait_for_http};
use sqlx::{Connection as _, PgConnection};

type Settings = Vec<(&'static str, String)>;

/// What a program of this build says until it ends, and whether it ended well.
fn run(program: &str, arguments: &[&str], settings: &Settings) -> Output {
    let folder = std::env::current_exe().expect("a path");
    let folder = folder.ancestors().nth(2).expect("the folder of the build");
    let output = Command::new(folder.join(program))
        .args(arguments)
        .env_clear()
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .output();
    output.expect("built before")
}

/// A run that fails and tells to do this.
#[track_caller]
fn refused(program: &str, arguments: &[&str], settings: &Settings, advice: &str) {
    let output = run(program, arguments, settings);
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "{program} {arguments:?}: {said}");
    assert!(said.contains(advice), "{program} {arguments:?}: {said}");
}

#[track_caller]
fn done(program: &str, arguments: &[&str], settings: &Settings) -> String {
    let output = run(program, arguments, settings);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn with(settings: &Settings, name: &'static str, value: impl Into<String>) -> Settings {
    let mut settings = settings.clone();
    settings.retain(|(other, _)| *other != name);
    settings.push((name, value.into()));
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_start_without_its_database_advises_lets_it_start() {
    let (postgres, redis) = tokio::join!(PostgresServer::start(), RedisServer::start());
    let there = postgres.create_database().await;
    let (server, _) = there.rsplit_once('/').expect("a name");
    let secrets = Secrets::generate();
    let address = format!("127.0.0.1:{}", free_port());
    let settings: Settings = vec![
        ("REDIS_URL", redis.url()),
        ("OTP_KEY", secrets.otp_key),
        ("JWT_PRIVATE_KEY", secrets.jwt_private_key),
        ("KAVENEGAR_API_KEY", secrets.api_key),
        ("LISTEN", address.clone()),
    ];
    let missing = with(&settings, "DATABASE_URL", format!("{server}/none"));
    let stranger = there.replacen("://", "://nobody:x@", 1);
    let (scheme, rest) = there.split_once("://").expect("a scheme");
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let stranger = with(
        &settings,
        "DATABASE_URL",
        if rest.contains('@') {
            format!("{scheme}://nobody:x@{host}")
        } else {
            stranger
        },
    );
    for program in ["api", "worker"] {
        refused(
            program,
            &[],
            &missing,
            "create the database, or name another in DATABASE_URL",
        );
        refused(
            program,
            &[],
            &stranger,
            "check the user and the password in DATABASE_URL; special characters are percent-encoded",
        );
    }
    // A user with every character that has a meaning in a URL.
    let mut admin = PgConnection::connect(&there).await.expect("connected");
    for statement in [
        "CREATE ROLE \"a:b/c?d#e@f%g\" LOGIN SUPERUSER PASSWORD 'x'",
        "CREATE DATABASE none",
    ] {
        sqlx::query(statement)
            .execute(&mut admin)
            .await
            .expect(statement);
    }
    let encoded = format!("{scheme}://a%3Ab%2Fc%3Fd%23e%40f%25g:x@{host}");
    let encoded = with(
        &settings,
        "DATABASE_URL",
        encoded.replace(host.rsplit_once('/').expect("a name").1, "none"),
    );
    for program in ["api", "worker"] {
        refused(
            program,
            &[],
            &encoded,
            "run `migrate` with the same DATABASE_URL, then start again",
        );
    }
    done("migrate", &[], &encoded);
    let _api = harness::Process::ramz("api")
        .envs(encoded.iter().map(|(name, value)| (*name, value.as_str())))
        .start();
    wait_for_http(&format!("http://{address}/readyz"), PATIENCE).await;
}

#[test]
fn what_the_commands_for_signing_keys_advise_can_be_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("jwt.pem").display().to_string();
    let key = |command: &'static str| vec!["signing-key", "--file", &file, command];
    let none = Settings::new();
    refused(
        "api",
        &key("show"),
        &none,
        "is not there; `api signing-key add` makes it",
    );
    done("api", &key("add"), &none);
    done("api", &key("show"), &none);
    refused(
        "api",
        &key("promote"),
        &none,
        "no key waits to sign; `api signing-key add` makes one",
    );
    done("api", &key("add"), &none);
    let now = |command: &'static str| [key(command), vec!["--now"]].concat();
    refused("api", &key("promote"), &none, "(--now: do it anyway");
    done("api", &now("promote"), &none);
    refused("api", &key("retire"), &none, "(--now: do it anyway");
    done("api", &now("retire"), &none);
    // "write them to a file and name it here".
    let pem = std::fs::read_to_string(&file).expect("the keys");
    let settings: Settings = vec![("JWT_PRIVATE_KEY", pem)];
    refused(
        "api",
        &["signing-key", "show"],
        &settings,
        "write them to a file and name it here",
    );
    done(
        "api",
        &["signing-key", "show"],
        &vec![("JWT_PRIVATE_KEY_FILE", file.clone())],
    );
    refused(
        "api",
        &["signing-key", "show"],
        &none,
        "no --file names the file of the keys",
    );
}

#[test]
fn what_the_commands_for_clients_advise_can_be_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("clients.toml");
    let file = path.display().to_string();
    let none = Settings::new();
    let client = |arguments: &[&'static str]| [&["client", "--file", &file], arguments].concat();
    refused(
        "api",
        &client(&["check"]),
        &none,
        "is not there; `api client add` makes it",
    );
    let add = [
        "add",
        "shop",
        "--name=Shop",
        "--type=web",
        "--redirect-uri=http://127.0.0.1:3000/callback",
        "--without-pkce",
    ];
    done("api", &client(&add), &none);
    refused(
        "api",
        &client(&add),
        &none,
        "take another id, or `api client remove shop` first",
    );
    // "remove it where the service is not for development", "remove the line when its library can do PKCE".
    let hinted = done("api", &client(&["check"]), &none);
    assert!(
        hinted.contains("on this machine") && hinted.contains("can do PKCE"),
        "{hinted}"
    );
    let text = std::fs::read_to_string(&path).expect("the clients");
    let mended = text
        .replace(
            "http://127.0.0.1:3000/callback",
            "https://shop.example.ir/callback",
        )
        .replace("require_pkce = false\n", "");
    std::fs::write(&path, &mended).expect("written");
    let checked = done("api", &client(&["check"]), &none);
    assert!(
        !checked.contains("on this machine") && !checked.contains("can do PKCE"),
        "{checked}"
    );

    done("api", &client(&["secret", "shop"]), &none);
    let two = "`api client secret shop --retire` removes it";
    refused("api", &client(&["secret", "shop"]), &none, two);
    done("api", &client(&["secret", "shop", "--retire"]), &none);
    let one = "`api client secret shop` gives it another beside it";
    refused("api", &client(&["secret", "shop", "--retire"]), &none, one);
    refused(
        "api",
        &client(&["remove", "shp"]),
        &none,
        "`api client list` shows them",
    );
    done("api", &client(&["list"]), &none);

    let list = "clients = [{ id = \"a\", name = \"A\", type = \"spa\", redirect_uris = [\"https://a.ir/\"] }]\n";
    std::fs::write(&path, list).expect("written");
    let advice = "write each as a `[[clients]]` of its own";
    refused("api", &client(&["remove", "a"]), &none, advice);
    let tables = "[[clients]]\nid = \"a\"\nname = \"A\"\ntype = \"spa\"\nredirect_uris = [\"https://a.ir/\"]\n";
    std::fs::write(&path, tables).expect("written");
    done("api", &client(&["remove", "a"]), &none);
    let unset = "no --file names the file of the clients";
    refused("api", &["client", "list"], &none, unset);
}

#[test]
fn what_the_commands_for_accounts_advise_can_be_done() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let database = format!("sqlite://{}", folder.path().join("ramz.sqlite3").display());
    let settings: Settings = vec![("DATABASE_URL", database)];
    refused(
        "api",
        &["changepassword", "09120000001"],
        &settings,
        "run `migrate` with the same DATABASE_URL",
    );
    done("migrate", &[], &settings);
    let easy = file("easy", "12345678");
    let good = file("good", "tahdig-va-ghormeh");
    let create = [
        "createsuperuser",
        "--phone-number",
        "09120000001",
        "--no-input",
    ];
    let create = |more: &[&'static str]| [&create[..], more].concat();
    refused(
        "api",
        &create(&[]),
        &settings,
        "--no-input needs the password by --password-stdin or --password-file",
    );
    let by_file = |name: &str, more: &[&str]| {
        let mut arguments: Vec<String> = create(&[]).into_iter().map(str::to_owned).collect();
        arguments.extend(["--password-file".to_owned(), name.to_owned()]);
        arguments.extend(more.iter().map(|it| (*it).to_owned()));
        arguments
    };
    let run_by = |arguments: Vec<String>, advice: Option<&str>| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match advice {
            Some(advice) => refused("api", &arguments, &settings, advice),
            None => drop(done("api", &arguments, &settings)),
        }
    };
    run_by(
        by_file(&easy, &[]),
        Some("choose a longer one with words that have nothing to do with you"),
    );
    run_by(by_file(&good, &[]), None);
    run_by(by_file(&good, &[]), Some("--promote makes it"));
    run_by(by_file(&good, &["--promote"]), None);
    // A password cannot be asked for where there is no terminal.
    refused(
        "api",
        &["changepassword", "09120000001"],
        &settings,
        "give it by --password-stdin or --password-file",
    );
    done(
        "api",
        &["changepassword", "09120000001", "--password-file", &good],
        &settings,
    );

    // An import: the column and the report are named.
    let table = file("users.csv", "id,handset\n1,09120000002\n");
    refused(
        "api",
        &["import-users", &table],
        &settings,
        "name the column of the number with --phone-column",
    );
    let report = format!("{table}.refused.csv");
    assert!(!Path::new(&report).exists());
    std::fs::write(&report, "something else\n").expect("written");
    let import = ["import-users", &table, "--phone-column", "handset"];
    refused("api", &import, &settings, "name another by --report");
    let other = folder.path().join("report.csv").display().to_string();
    let named = [&import[..], &["--report", &other]].concat();
    assert!(done("api", &named, &settings).contains("users imported: 1"));
}

#[test]
fn what_migrate_advises_lets_it_run() {
    let none = Settings::new();
    refused(
        "migrate",
        &[],
        &none,
        "use postgres://user@host/database or sqlite://file",
    );
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("a.sqlite3").display());
    let mysql = vec![("DATABASE_URL", "mysql://a@b/c".to_owned())];
    refused(
        "migrate",
        &[],
        &mysql,
        "must begin with postgres://, postgresql:// or sqlite:",
    );
    let file = folder.path().join("url");
    std::fs::write(&file, &url).expect("written");
    let one: Settings = vec![("DATABASE_URL", url)];
    let both = with(&one, "DATABASE_URL_FILE", file.display().to_string());
    refused(
        "migrate",
        &[],
        &both,
        "DATABASE_URL and DATABASE_URL_FILE are both set; keep one",
    );
    refused("migrate", &["--check"], &one, "");
    done("migrate", &[], &one);
    done("migrate", &["--check"], &one);
    let cut = vec![(
        "DATABASE_URL",
        "postgres://ramz:a#b@127.0.0.1/ramz".to_owned(),
    )];
    refused(
        "migrate",
        &[],
        &cut,
        "percent-encode the user name and the password",
    );
}

/// Keys that standalone has made and that were spoilt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_standalone_advises_about_a_spoilt_key_lets_it_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("127.0.0.1:{}", free_port());
    let inbox = format!("127.0.0.1:{}", free_port());
    let settings: Settings = vec![
        ("DATA_DIR", folder.path().display().to_string()),
        ("LISTEN", address.clone()),
        ("SIMULATOR_LISTEN", inbox),
    ];
    let start = || {
        let settings = settings.iter().map(|(name, value)| (*name, value.as_str()));
        harness::Process::ramz("standalone").envs(settings).start()
    };
    let ready = format!("http://{address}/readyz");
    let mut first = start();
    wait_for_http(&ready, PATIENCE).await;
    first.terminate();
    first.wait(PATIENCE).await;
    let key = folder.path().join("otp_key");
    let backup = std::fs::read(&key).expect("the key");
    for restored in [true, false] {
        std::fs::write(&key, "spoilt").expect("written");
        refused(
            "standalone",
            &[],
            &settings,
            "restore the file from a backup, or remove it to make a new key",
        );
        if restored {
            std::fs::write(&key, &backup).expect("written");
        } else {
            std::fs::remove_file(&key).expect("removed");
        }
        let mut again = start();
        wait_for_http(&ready, PATIENCE).await;
        again.terminate();
        again.wait(PATIENCE).await;
    }
}
