//! `api import-users` with dumps that Django itself has made, and with many rows.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use domain::password::{Password, PasswordHash, Passwords};
use domain::phone::PhoneNumber;
use domain::random::Random;
use harness::eventually;

use crate::stage::{Database, command, text};

const LONG: Duration = Duration::from_mins(1);
const PROJECT: &str = include_str!("django_project.py");
const HASH: &str = "pbkdf2_sha256$1000$c2FsdA$eGFtcGxleGFtcGxleGFtcGxleGFtcGxleGFtcGxlZXg=";

/// Lets Django make its dumps in this folder.
fn dumps_of_django(folder: &Path) {
    let output = Command::new(harness::python())
        .args(["-c", PROJECT, text(folder)])
        .env("PYTHONUTF8", "1")
        .output()
        .expect("Python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// A table of this many users, every tenth of whom is refused.
pub(crate) fn many_users(rows: u32) -> String {
    let mut table = String::from("id,password,username,is_active,phone_number\n");
    for row in 1..=rows {
        let (repeated, landline) = (row % 20 == 0, row % 20 == 10);
        let number = if repeated { row - 1 } else { row };
        let prefix = if landline { "021" } else { "0912" };
        let width = 11 - prefix.len();
        writeln!(
            table,
            "{row},{HASH},user{row},True,{prefix}{number:0width$}"
        )
        .expect("written");
    }
    table
}

fn phone(number: u32) -> PhoneNumber {
    PhoneNumber::from_e164(&format!("+98912{number:07}")).expect("canonical")
}

pub(crate) async fn users_that_django_dumped_are_taken_over_with_their_passwords(at: Database) {
    dumps_of_django(at.folder.path());
    let said = at
        .api(&["import-users", text(&at.path("users.json"))])
        .done();
    for line in [
        "users imported: 8",
        "rows refused: 4",
        "objects of other models passed over: 21",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let records = at.records().await;
    let mut users = Vec::new();
    for number in 1..=6 {
        let found = records.find_user_by_phone(&phone(number)).await;
        users.push(found.expect("an answer").expect("a user"));
    }
    let names: Vec<&str> = users.iter().map(|user| user.username.as_str()).collect();
    let expected = [
        "pbkdf2",
        "argon2",
        "bcrypt",
        "unusable",
        "inactive",
        "989120000006",
    ];
    assert_eq!(names, expected);
    let time = users[0].created_at.to_rfc3339();
    // `dumpdata` writes milliseconds.
    assert_eq!(time, "2024-05-01T08:30:15.123+00:00");
    assert_eq!(users[0].last_sign_in_at, Some(users[0].created_at));
    assert_eq!(users[1].first_name, "مریم");
    assert_eq!(users[1].last_name, "Of \"Tehran\", کرج");
    assert_eq!(users[1].email.as_deref(), Some("argon2@example.com"));
    assert!(users[2].is_superuser && users[2].is_staff);
    assert!(!users[3].has_password && users[3].email.is_none());
    let blocked: Vec<bool> = users.iter().map(|user| user.blocked_at.is_some()).collect();
    assert_eq!(blocked, [false, false, false, false, true, false]);
    assert!(users.iter().all(|user| user.phone_verified_at.is_none()));
    assert_eq!(users.iter().filter(|user| user.is_staff).count(), 1);

    let passwords = Passwords::new(&Random::operating_system());
    let right = Password::parse("correct horse battery").expect("a password");
    let stored = "SELECT password_hash FROM users WHERE password_hash IS NOT NULL ORDER BY phone";
    let stored = at.texts(stored).await;
    assert_eq!(stored.len(), 7);
    for stored in stored {
        let hash = PasswordHash::from_stored(&stored).expect("a known format");
        assert_eq!(
            passwords.verify(&right, Some(&hash)).await,
            Ok(true),
            "{stored}"
        );
    }

    let report = fs::read_to_string(at.path("users.json.refused.csv")).expect("a report");
    let lines: Vec<&str> = report.lines().collect();
    let expected = [
        "row,column,reason,phone",
        "28,password,is a hash of an unknown format,+98912•••0007",
        "29,phone,there is no phone number,",
        "30,phone,this is not a mobile number,•••55",
        "31,phone,\"already has an account, or stands in an earlier row\",+98912•••0001",
    ];
    assert_eq!(lines, expected);
    let audited = "SELECT COUNT(*) FROM audit_log WHERE action = 'users_imported' \
         AND source = 'command_line'";
    assert_eq!(at.count(audited).await, 1);

    let again = at
        .api(&["import-users", text(&at.path("users.json"))])
        .done();
    assert!(
        again.starts_with("this file was imported before"),
        "{again}"
    );
    assert!(
        again.contains("users imported: 8\nrows refused: 4\n"),
        "{again}"
    );
}

pub(crate) async fn a_table_and_lines_of_json_say_the_same(at: Database) {
    dumps_of_django(at.folder.path());
    let said = at
        .api(&["import-users", text(&at.path("users.csv"))])
        .done();
    assert!(
        said.contains("users imported: 8\nrows refused: 4\n"),
        "{said}"
    );
    let user = at.records().await.find_user_by_phone(&phone(2)).await;
    let user = user.expect("an answer").expect("a user");
    assert_eq!(user.last_name, "Of \"Tehran\", کرج");
    // A table has the microseconds.
    assert_eq!(
        user.created_at.to_rfc3339(),
        "2024-05-01T08:30:15.123456+00:00"
    );

    let lines = text(&at.path("users.jsonl")).to_owned();
    let report = text(&at.path("report.csv")).to_owned();
    let dropping = ["--drop-unknown-passwords", "--report", &report];
    let said = at
        .api(&[&["import-users", &lines][..], &dropping].concat())
        .done();
    assert!(
        said.contains("users imported: 1\nrows refused: 11\n"),
        "{said}"
    );
    assert!(said.contains("9  phone already has an account"), "{said}");
    let user = at.records().await.find_user_by_phone(&phone(7)).await;
    assert!(!user.expect("an answer").expect("a user").has_password);
    assert_eq!(
        fs::read_to_string(report)
            .expect("a report")
            .lines()
            .count(),
        12
    );
}

pub(crate) async fn an_import_that_is_killed_goes_on_and_each_row_is_there_once(at: Database) {
    const ROWS: u32 = 30_000;
    let file = at.write("many.csv", many_users(ROWS));
    let arguments = ["import-users", file.as_str()];
    let done = "SELECT COALESCE(MAX(rows_done), 0) FROM user_imports";
    for kill_behind in [1, 8_000, 15_000] {
        let mut running = command(&arguments, &[("DATABASE_URL", &at.url)])
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        eventually(LONG, async || {
            (at.count(done).await >= kill_behind).then_some(())
        })
        .await;
        running.kill().expect("killed");
        running.wait().expect("gone");
    }
    let settled = at.count(done).await;
    assert!(settled < ROWS.into(), "it was killed before its end");
    let ran = at.api(&arguments);
    assert!(
        ran.stderr
            .contains(&format!("going on behind row {settled}")),
        "{ran:?}"
    );
    let said = ran.done();
    assert!(
        said.contains("users imported: 27000\nrows refused: 3000\n"),
        "{said}"
    );
    let users = "SELECT COUNT(*) FROM users";
    assert_eq!(at.count(users).await, 27_000);
    let names = "SELECT COUNT(DISTINCT username) FROM users WHERE username LIKE 'user%'";
    assert_eq!(at.count(names).await, 27_000);

    let report = fs::read_to_string(at.path("many.csv.refused.csv")).expect("a report");
    let rows: Vec<u32> = report
        .lines()
        .skip(1)
        .map(|line| {
            let row = line.split(',').next().expect("a row");
            row.parse().expect("a number")
        })
        .collect();
    let expected: Vec<u32> = (1..=ROWS).filter(|row| row % 10 == 0).collect();
    assert!(
        rows == expected,
        "each refused row stands there once, in order"
    );
}

pub(crate) async fn existing_accounts_stay_as_they_are(at: Database) {
    let old = at.write("old.csv", "phone,first_name\n09120000001,Old\n");
    at.api(&["import-users", &old]).done();
    let new = at.write(
        "new.csv",
        "phone,first_name,is_superuser\n09120000001,New,True\n09120000002,New,False\n",
    );
    let said = at.api(&["import-users", &new]).done();
    assert!(
        said.contains("users imported: 1\nrows refused: 1\n"),
        "{said}"
    );
    let names = at
        .texts("SELECT first_name FROM users ORDER BY phone")
        .await;
    assert_eq!(names, ["Old", "New"]);
    let superusers = "SELECT COUNT(*) FROM users WHERE is_superuser";
    assert_eq!(at.count(superusers).await, 0);

    let taken = at.api(&["import-users", &new, "--restart"]).refused();
    assert!(
        taken.contains("the report of another import lies there"),
        "{taken}"
    );
    let other = text(&at.path("other.csv")).to_owned();
    let again = at.api(&["import-users", &new, "--restart", "--report", &other]);
    let again = again.done();
    assert!(
        again.contains("users imported: 0\nrows refused: 2\n"),
        "{again}"
    );
}

/// The largest resident memory of an import in KiB.
fn peak_memory(at: &Database, file: &str) -> u64 {
    const MEASURE: &str = "import resource, subprocess, sys\n\
        subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n\
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let output = Command::new(harness::python())
        .args([
            "-c",
            MEASURE,
            env!("CARGO_BIN_EXE_api"),
            "import-users",
            file,
        ])
        // What else is set here may look like a misspelt setting.
        .env_clear()
        .env("DATABASE_URL", &at.url)
        .output()
        .expect("Python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let printed = String::from_utf8(output.stdout).expect("text");
    printed.trim().parse().expect("a number")
}

#[tokio::test]
async fn the_memory_of_an_import_does_not_grow_with_its_file() {
    let at = Database::sqlite().await;
    let small = at.write("small.csv", many_users(5_000));
    let large = at.write("large.csv", many_users(100_000));
    let (small, large) = (peak_memory(&at, &small), peak_memory(&at, &large));
    // The larger file alone has 12 MiB.
    assert!(large < small + 8_192, "{small} KiB, then {large} KiB");
}
