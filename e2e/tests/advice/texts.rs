//! Texts of the programs that tell operators what to do: each is listed with the test that does it, and the
//! settings that they name exist.

use std::collections::BTreeSet;
use std::path::Path;

use e2e::Secrets;
use shared::config::{ApiConfig, Environment, WorkerConfig};

use crate::advice::names::{setting_of, settings};
use crate::advice::page::{PAGES, Page, is_kind, project};
use crate::advice::sources::{for_each_source, literals};

/// How a sentence begins that tells somebody what to do.
const VERBS: [&str; 30] = [
    "add",
    "allow",
    "check",
    "choose",
    "copy",
    "create",
    "end",
    "export",
    "give",
    "install",
    "keep",
    "leave",
    "make",
    "move",
    "name",
    "percent-encode",
    "put",
    "recharge",
    "remove",
    "restore",
    "restart",
    "run",
    "see",
    "set",
    "start",
    "switch",
    "unset",
    "upgrade",
    "use",
    "write",
];
/// What stands before it, unless the text begins with it.
const BEFORE: [&str; 5] = ["; ", ": ", ". ", ", or ", " and "];

/// What is told to operators, by the test that does it and sees that it helps.
const ADVICE: &[(&str, &[&str])] = &[
    (
        "whatever_an_error_or_a_warning_advises_mends_it",
        &[
            "name the networks of your proxies only",
            "use https, or set KAVENEGAR_ALLOW_HTTP=1",
            "use https, or http on 127.0.0.1",
            "name each origin as it is",
            "use https, or http on localhost",
            "choose less",
            "choose longer codes, fewer attempts or fewer sends",
            "unset one of them",
            "; unset it",
            "unset REDIS_URL or use PostgreSQL",
            "name a file, such as",
            "set the key too, or unset the URL",
            "; remove it",
            "percent-encode the user name and the password",
            "copy the key again from the panel",
            "name a port",
            "end the texts of the templates in the panel",
            "switch the pages on or unset it",
        ],
    ),
    (
        "secrets_that_are_made_as_advised_are_taken",
        &[
            "make one with `openssl rand -base64 32`",
            "make a key with `openssl genpkey -algorithm ed25519`",
            "give the whole PEM text",
            "make one with `openssl rand -hex 32`",
        ],
    ),
    (
        "what_a_start_without_its_database_advises_lets_it_start",
        &[
            "run `migrate` with the same DATABASE_URL",
            "check the user and the password in DATABASE_URL",
            "create the database, or name another",
        ],
    ),
    (
        "people_sign_in_through_a_pooler_and_a_start_without_its_setting_says_so",
        &[
            "set DATABASE_POOLER=transaction",
            "name the server itself in DATABASE_URL",
        ],
    ),
    (
        "net_04_migrate_gives_each_role_what_it_may_do_and_nothing_else",
        &["run `migrate` as the owner of the tables"],
    ),
    (
        "what_migrate_advises_lets_it_run",
        &["both set; keep one", "use postgres://user@host/database"],
    ),
    (
        "what_the_commands_for_accounts_advise_can_be_done",
        &[
            "name the column of the number with --phone-column",
            "move it away or name another by --report",
            "not the report of an import; name another by --report",
            "give it by --password-stdin or --password-file",
            "choose a longer one with words",
        ],
    ),
    (
        "what_the_commands_for_signing_keys_advise_can_be_done",
        &["write them to a file and name it here"],
    ),
    (
        "what_a_file_of_clients_is_told_mends_it",
        &[
            "name each address as it is",
            "holds a user or a password; leave it out",
            "is no place that a browser may be sent to; use https",
            "is not spelled as browsers do; write",
            "is there twice; remove one",
            "keep one of them",
            "leave it out here",
            "lacks `openid`, without which nobody can be signed in; add it",
            "name where people are led back to",
            "remove it, PKCE protects this type",
            "remove the line",
            "give the public half only, and make a new key",
            "give 1 to {MAX_KEYS}",
        ],
    ),
    (
        "what_the_log_says_of_an_application_mends_it",
        &["check its spelling", "add it there or mend the application"],
    ),
    (
        "a_client_proves_itself_in_one_way",
        &["The client proves itself in two ways; use one"],
    ),
    (
        "a_short_rsa_key_is_refused",
        &["make one with `openssl genpkey -algorithm RSA"],
    ),
    (
        "an_rsa_key_stands_behind_the_first_and_is_published_with_its_use_and_algorithm",
        &["put an Ed25519 or P-256 key before it"],
    ),
    (
        "an_rsa_key_has_no_part_in_the_rotation",
        &["never access tokens; name another one"],
    ),
    (
        "what_the_commands_for_clients_advise_can_be_done",
        &[
            "write each as a `[[clients]]` of its own",
            "remove it where the service is not for development",
            "remove the line when its library can do PKCE",
        ],
    ),
    (
        "jwt_keys_are_rotated_while_people_sign_in_and_nobody_notices",
        &["next: restart every api"],
    ),
    (
        "what_standalone_advises_about_a_spoilt_key_lets_it_start",
        &[
            "restore the file from a backup, or remove it",
            "made a key; keep a copy of this file",
        ],
    ),
    (
        "a_20_doing_what_the_warning_says_ends_it",
        &["put {} into TRUSTED_PROXIES"],
    ),
    (
        "a_taken_address_is_an_error_if_it_was_asked_for_and_else_the_next_is_used",
        &["set {setting} to a free address"],
    ),
    (
        "only_this_machine_and_the_name_of_the_console_are_known",
        &["it does not answer under this name: see ADMIN_URL"],
    ),
    (
        "net_04_the_console_does_its_work_under_a_role_of_its_own",
        &["set ADMIN_DATABASE_URL to the same database under the role ramz_console"],
    ),
    (
        "the_way_of_each_code_is_told_as_it_was",
        &["Start a worker.", "Recharge the account at the gateway"],
    ),
    (
        "days_left_follow_the_spending_of_a_day_or_of_a_week",
        &["recharge the account"],
    ),
    (
        "a_key_that_expires_is_told_two_weeks_before",
        &["set a later date in the panel"],
    ),
    (
        "harmful_settings_are_told_when_they_begin_and_when_they_end",
        &[
            "switch debugmode off in the panel",
            "switch resendfailed off in the panel",
        ],
    ),
    (
        "i_05_a_reason_says_something_and_holds_no_number",
        &["name a ticket instead"],
    ),
    (
        "a_number_that_lost_digits_is_nobodys",
        &["make the column a text there and export it again"],
    ),
    (
        // Below those of the settings, which are told first.
        "net_03_the_gateway_is_reached_over_https_unless_allowed",
        &[
            "use https, or allow http explicitly",
            "leave it unset for the default line",
        ],
    ),
    // Of a cause that only the text beside it names: nothing can be done by a test.
    (
        "every_advice_of_a_program_is_done_by_a_test",
        &[
            "put it right.",
            "Put that right with the gateway",
            "Start `standalone`.",
            "Set a new password?",
            "Make it a superuser's",
        ],
    ),
];

/// Files whose texts are for the people who sign in, or describe settings and the API.
const FOR_OTHERS: [&str; 7] = [
    // For the people at the phone; each state of a page is drawn and compared.
    "api/pages/src/words",
    // For the staff, who read it on the page itself.
    "api/console/src/words",
    "api/flows/src/refusal/codes.rs",
    "api/src/error.rs",
    "shared/src/config/reference.rs",
    "shared/src/config/variables.rs",
    "api/src/openapi",
];

/// Whether somebody is told what to do.
fn advises(text: &str) -> bool {
    let text = text.to_lowercase();
    let begins = |part: &str| {
        VERBS.iter().any(|verb| {
            part.strip_prefix(verb)
                .is_some_and(|rest| rest.starts_with(' '))
        })
    };
    text.len() > 20
        && text.is_ascii()
        && (begins(&text)
            || BEFORE
                .iter()
                .any(|before| text.split(before).skip(1).any(begins)))
}

/// The literals of the programs for operators, with their files.
fn texts() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["api", "worker", "shared", "migrations", "standalone"] {
        for_each_source(&project(folder), &mut |path, source| {
            let name = path
                .strip_prefix(project(""))
                .expect("inside")
                .display()
                .to_string();
            if is_kind(&name, "rs")
                && !name.ends_with("tests.rs")
                && !FOR_OTHERS.iter().any(|other| name.starts_with(other))
            {
                found.extend(
                    literals(source)
                        .into_iter()
                        .map(|text| (name.clone(), text)),
                );
            }
        });
    }
    found
}

#[test]
fn every_advice_of_a_program_is_done_by_a_test() {
    let texts = texts();
    let listed: Vec<&str> = ADVICE.iter().flat_map(|(_, told)| *told).copied().collect();
    let mut missing = Vec::new();
    for (file, text) in texts.iter().filter(|(_, text)| advises(text)) {
        if !is_sql(text) && !listed.iter().any(|told| text.contains(told)) {
            missing.push(format!("{file}: {text}"));
        }
    }
    assert!(
        missing.is_empty(),
        "no test does what these say: {missing:#?}"
    );
    for told in listed {
        let said = texts.iter().any(|(_, text)| text.contains(told));
        assert!(said, "no program says {told:?} any more");
    }
    let mut names = BTreeSet::new();
    test_names(&project(""), &mut names);
    for (test, _) in ADVICE {
        assert!(names.contains(*test), "there is no test {test}");
    }
    assert!(advises("the port is taken; set METRICS_LISTEN to another"));
    assert!(!advises("cannot make sure that this attempt is still ours"));
}

fn is_sql(text: &str) -> bool {
    [
        " SET ",
        "SET LOCAL ",
        "SELECT",
        "INSERT",
        "UPDATE",
        "CREATE OR REPLACE ",
        "CREATE UNIQUE ",
        "CREATE INDEX ",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// The names of all functions of the tests.
fn test_names(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            test_names(&path, names);
        } else if is_kind(&name, "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            let functions = text
                .split("fn ")
                .skip(1)
                .filter_map(|rest| rest.split(['(', '<']).next());
            names.extend(functions.map(str::to_owned));
        }
    }
}

/// Words in capitals with a line between them are settings, wherever a program says one.
#[test]
fn every_setting_that_a_program_names_exists() {
    let settings = settings();
    // Of Rust, of a build, of TCP; and the templates, which are many.
    let of_others = [
        "CARGO_PKG_",
        "RAMZ_COMMIT",
        "TCP_NODELAY",
        "KAVENEGAR_TEMPLATE_",
        "NAME_FILE",
        // Of the sites themselves.
        "CLIENT_ID",
        "CLIENT_SECRET",
    ];
    let mut unknown = Vec::new();
    let mut seen = 0;
    for (file, text) in texts() {
        if is_sql(&text) || text.contains("PRAGMA") {
            continue;
        }
        // What stands between braces is put in.
        let text: String = text
            .split('{')
            .map(|part| part.split_once('}').map_or(part, |(_, rest)| rest))
            .collect();
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            if !word.contains('_')
                || word.starts_with('_')
                || word.ends_with('_')
                || setting_of(word).is_none()
            {
                continue;
            }
            seen += 1;
            if !settings.contains(word) && !of_others.iter().any(|other| word.starts_with(other)) {
                unknown.push(format!("{file}: {word} in {text:?}"));
            }
        }
    }
    assert!(seen > 50, "{seen}");
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn every_value_that_a_page_gives_a_setting_is_taken() {
    let secrets = Secrets::generate();
    let complete = [
        ("DATABASE_URL", "postgres://ramz@127.0.0.1/ramz".to_owned()),
        ("REDIS_URL", "redis://127.0.0.1/".to_owned()),
        ("OTP_KEY", secrets.otp_key),
        ("JWT_PRIVATE_KEY", secrets.jwt_private_key),
        ("KAVENEGAR_API_KEY", secrets.api_key),
    ];
    let mut given = 0;
    for page in PAGES.map(Page::read) {
        let units = page
            .blocks
            .iter()
            .filter(|(kind, _)| kind == "sh" || kind == "ini");
        let lines = units.flat_map(|(_, lines)| {
            lines
                .lines()
                .map(|line| line.trim_start_matches("Environment=").to_owned())
        });
        for span in page.spans.iter().cloned().chain(lines) {
            let Some((name, value)) = span
                .split_once('=')
                .filter(|(name, _)| setting_of(name).is_some())
            else {
                continue;
            };
            let known = settings().contains(name);
            let of_compose = ["API_BIND"].contains(&name);
            assert!(known, "{}: {name}", page.name);
            if of_compose || value.contains(['…', '%']) {
                continue;
            }
            given += 1;
            let sqlite = value.starts_with("sqlite:");
            let pairs = complete
                .iter()
                .filter(|(other, _)| !(sqlite && *other == "REDIS_URL"));
            let pairs = pairs
                .map(|(name, value)| (*name, value.as_str()))
                .chain([(name, value)]);
            let environment = Environment::from_pairs(pairs);
            let refused = ApiConfig::load(&environment)
                .err()
                .or(WorkerConfig::load(&environment).err());
            assert!(refused.is_none(), "{}: {span}: {refused:?}", page.name);
        }
    }
    assert!(given > 8, "{given}");
}
