//! `api createsuperuser` and `api changepassword`, at a terminal and by a script.

use std::io::Write as _;
use std::process::{Command, Stdio};

use domain::password::{Password, Passwords};
use domain::phone::PhoneNumber;
use domain::random::Random;
use shared::records::User;

use crate::stage::{Database, Ran, command, ran, run};

const TERMINAL: &str = include_str!("terminal.py");
const NUMBER: &str = "09123456789";
const GOOD: &str = "seven otters mend a violin";
const BETTER: &str = "نان و پنیر با چای شیرین ۷";

/// Runs the command at a terminal; the whole output of the terminal is in `stdout`.
fn at_terminal(at: &Database, arguments: &[&str], answers: &[(&str, &str)]) -> Ran {
    let answers = serde_json::to_string(answers).expect("JSON");
    let output = Command::new(harness::python())
        .args(["-c", TERMINAL, &answers, env!("CARGO_BIN_EXE_api")])
        .args(arguments)
        .env_clear()
        .env("DATABASE_URL", &at.url)
        .stdin(Stdio::null())
        .output();
    ran(output.expect("Python starts"))
}

/// Runs the command with this on its standard input.
fn with_input(at: &Database, arguments: &[&str], input: &str) -> Ran {
    let mut child = command(arguments, &[("DATABASE_URL", &at.url)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that refuses before it reads closes the pipe.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    ran(child.wait_with_output().expect("it ends"))
}

async fn user(at: &Database) -> User {
    let phone = PhoneNumber::from_e164("+989123456789").expect("canonical");
    let found = at.records().await.find_user_by_phone(&phone).await;
    found.expect("an answer").expect("a user")
}

async fn has_password(at: &Database, typed: &str) -> bool {
    let user = user(at).await;
    let hash = at.records().await.password_of_user(user.id).await;
    let hash = hash.expect("an answer");
    let typed = Password::parse(typed).expect("a password");
    let passwords = Passwords::new(&Random::operating_system());
    let verified = passwords.verify(&typed, hash.as_ref()).await;
    verified.expect("not busy")
}

async fn audited(at: &Database) -> Vec<String> {
    at.texts("SELECT action FROM audit_log WHERE source = 'command_line' ORDER BY action")
        .await
}

pub(crate) async fn a_superuser_is_made_at_a_terminal(at: Database) {
    let create = ["createsuperuser", "--phone-number", NUMBER];
    let (first, again) = ("Password: ", "The same again: ");
    let answers = [
        (first, GOOD),
        (again, "something else that differs"),
        (first, "09123456789"),
        (again, "09123456789"),
        (first, GOOD),
        (again, GOOD),
    ];
    let shown = at_terminal(&at, &create, &answers).done();
    assert!(
        shown.contains("the two passwords differ; try again"),
        "{shown}"
    );
    assert!(shown.contains("too easy to guess"), "{shown}");
    assert!(
        shown.contains("created superuser +98912•••6789, id "),
        "{shown}"
    );
    for typed in [GOOD, NUMBER, "9123456789"] {
        assert!(!shown.contains(typed), "no echo: {shown}");
    }
    let created = user(&at).await;
    assert!(created.is_superuser && created.is_staff);
    assert!(has_password(&at, GOOD).await);

    let no = at_terminal(&at, &create, &[("[y/N] ", "n")]);
    assert!(no.stdout.contains("is a superuser already"), "{no:?}");
    assert_eq!(no.status, Some(1));
    assert!(has_password(&at, GOOD).await, "nothing was changed");
    let yes = [("[y/N] ", "y"), (first, BETTER), (again, BETTER)];
    let shown = at_terminal(&at, &create, &yes).done();
    assert!(shown.contains("their password is set"), "{shown}");
    assert!(has_password(&at, BETTER).await);
    assert_eq!(
        audited(&at).await,
        ["superuser_created", "superuser_promoted"]
    );

    let poor = [(first, "short"), (again, "short")].repeat(3);
    let password = ["changepassword", NUMBER];
    let refused = at_terminal(&at, &password, &poor);
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert_eq!(
        refused.stdout.matches("try again").count(),
        2,
        "{refused:?}"
    );
    assert!(has_password(&at, BETTER).await);
}

pub(crate) async fn a_superuser_is_made_by_a_script(at: Database) {
    let create = [
        "createsuperuser",
        "--phone-number",
        "+98 912 345 6789",
        "--no-input",
    ];
    let plus = |more: &[&'static str]| [&create[..], more].concat();
    let refused = at.api(&create).refused();
    assert!(
        refused.contains("--password-stdin or --password-file"),
        "{refused}"
    );
    let weak = with_input(&at, &plus(&["--password-stdin"]), "password123\n").refused();
    assert!(
        weak.contains("too easy to guess") && !weak.contains("password123"),
        "{weak}"
    );
    let empty = with_input(&at, &plus(&["--password-stdin"]), "").refused();
    assert!(empty.contains("the password is empty"), "{empty}");
    assert_eq!(at.count("SELECT COUNT(*) FROM users").await, 0);

    let typed = format!("{GOOD}\r\nsecond line\n");
    let said = with_input(&at, &plus(&["--password-stdin"]), &typed).done();
    assert!(
        said.starts_with("created superuser +98912•••6789, id "),
        "{said}"
    );
    assert!(has_password(&at, GOOD).await);

    let file = at.write("password", BETTER);
    let from_file = plus(&["--password-file"]);
    let from_file: Vec<&str> = [&from_file[..], &[&file]].concat();
    let exists = at.api(&from_file).refused();
    assert!(exists.contains("has an account; --promote"), "{exists}");
    assert!(has_password(&at, GOOD).await);
    at.api(&[&from_file[..], &["--promote"]].concat()).done();
    assert!(has_password(&at, BETTER).await);
    assert_eq!(
        audited(&at).await,
        ["superuser_created", "superuser_promoted"]
    );

    let both = at.api(&[&from_file[..], &["--password-stdin"]].concat());
    assert_eq!(both.status, Some(2), "{both:?}");
    let absent = at.api(&plus(&[
        "--password-file",
        "/nowhere/password",
        "--promote",
    ]));
    assert!(
        absent
            .refused()
            .contains("cannot be read from /nowhere/password")
    );
    let landline = at.api(&["createsuperuser", "--phone-number", "02188776655"]);
    assert!(landline.refused().contains("this is not a mobile number"));
    let nowhere = run(&create, &[]).refused();
    assert!(nowhere.contains("DATABASE_URL: is required"), "{nowhere}");
    assert!(
        !nowhere.contains("OTP_KEY"),
        "no other setting is needed: {nowhere}"
    );
}

pub(crate) async fn a_password_is_changed_at_a_terminal_and_by_a_script(at: Database) {
    let nobody = at.api(&["changepassword", NUMBER]).refused();
    assert!(nobody.contains("+98912•••6789 has no account"), "{nobody}");
    let file = at.write("users.csv", format!("phone,first_name\n{NUMBER},Maryam\n"));
    at.api(&["import-users", &file]).done();

    let no_terminal = at.api(&["changepassword", NUMBER]);
    assert_eq!(no_terminal.status, Some(1), "{no_terminal:?}");
    let own = with_input(
        &at,
        &["changepassword", NUMBER, "--password-stdin"],
        "maryam9123456789",
    );
    assert!(
        own.refused().contains("too easy to guess"),
        "made of their own name and number"
    );
    let answers = [("Password: ", GOOD), ("The same again: ", GOOD)];
    let shown = at_terminal(&at, &["changepassword", NUMBER], &answers).done();
    assert!(
        shown.contains("the password of +98912•••6789 is set"),
        "{shown}"
    );
    assert!(!shown.contains(GOOD), "{shown}");
    assert!(has_password(&at, GOOD).await);
    let named = [
        "changepassword",
        "--phone-number",
        NUMBER,
        "--password-stdin",
    ];
    with_input(&at, &named, BETTER).done();
    assert!(has_password(&at, BETTER).await);
    let actions = audited(&at).await;
    assert_eq!(actions, ["password_set", "password_set", "users_imported"]);

    let records = at.records().await;
    let id = user(&at).await.id;
    let blocked = records
        .set_blocked(id, true, user(&at).await.created_at)
        .await;
    assert!(blocked.expect("an answer"));
    for arguments in [
        &named[..],
        &["createsuperuser", "--phone-number", NUMBER, "--promote"],
    ] {
        let refused = with_input(&at, arguments, GOOD).refused();
        assert!(
            refused.contains("is blocked; nothing was changed"),
            "{refused}"
        );
    }
    assert!(!user(&at).await.is_superuser);
    let twice = at.api(&["changepassword", NUMBER, "--phone-number", NUMBER]);
    assert_eq!(twice.status, Some(2), "{twice:?}");
}
