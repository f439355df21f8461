//! What `api import-users` makes of files that are broken or unusual.

use std::fs;

use crate::stage::{Database, run, text};

/// Stands in every broken file where its content could be repeated by a message.
const CANARY: &str = "canary";

pub(crate) async fn a_file_that_cannot_be_read_changes_nothing(at: Database) {
    let users = r#"[{"model": "a.user", "pk": 1, "fields": {"password": "!", "last_login": null,
        "phone": "09120000001"}},"#;
    let endless = format!("phone,password\n\"{CANARY}{}", "x".repeat(5_000_000));
    let cases = [
        (
            "ends.json",
            format!("{users} {{\"model\": \"{CANARY}"),
            "line 2, column 51: the file ends",
        ),
        (
            "syntax.json",
            format!("{users} {CANARY}]"),
            "this is not JSON",
        ),
        (
            "behind.json",
            format!("{users} {CANARY}"),
            "this is not JSON",
        ),
        (
            "text.json",
            format!("\"{CANARY}\""),
            "this is not a dump of Django",
        ),
        (
            "entry.json",
            format!("{users} \"{CANARY}\"]"),
            "this is not a dump of Django",
        ),
        (
            "fields.json",
            format!("{users} {{\"model\": \"{CANARY}\"}}]"),
            "this is not a dump",
        ),
        ("empty.json", String::new(), "the file ends in the middle"),
        (
            "lines.jsonl",
            format!("{{\"pk\": 1}}\n{CANARY}"),
            "this is not a dump of Django",
        ),
        (
            "header.csv",
            format!("id,password\n1,{CANARY}\n"),
            "no column `phone_number`",
        ),
        ("empty.csv", String::new(), "no column `phone_number`"),
        ("quote.csv", endless, "a quotation mark in it is not closed"),
        (
            "what.txt",
            CANARY.to_owned(),
            "--format csv or --format json",
        ),
    ];
    for (name, content, expected) in cases {
        let file = at.write(name, content);
        let error = at.api(&["import-users", &file]).refused();
        assert!(error.contains(expected), "{name}: {error}");
        assert!(error.contains(name) && !error.contains(CANARY), "{error}");
    }
    let absent = at.api(&["import-users", text(&at.path("absent.csv"))]);
    assert!(absent.refused().contains("absent.csv: it cannot be read"));
    let folder = at.api(&["import-users", text(at.folder.path()), "--format", "csv"]);
    assert!(folder.refused().contains("it is no file"));
    assert_eq!(at.count("SELECT COUNT(*) FROM users").await, 0);
    assert_eq!(at.count("SELECT COUNT(*) FROM user_imports").await, 0);

    let good = at.write("good.csv", "phone\n09120000001\n");
    let nowhere = text(&at.path("no/such/folder.csv")).to_owned();
    let unlisted = at.write("bad.csv", "phone\n09120000001\n0\n");
    let error = at
        .api(&["import-users", &unlisted, "--report", &nowhere])
        .refused();
    assert!(error.contains("the report"), "{error}");
    assert_eq!(
        at.count("SELECT COUNT(*) FROM users").await,
        0,
        "not without its report"
    );
    let error = run(&["import-users", &good], &[]).refused();
    assert!(error.contains("DATABASE_URL: is required"), "{error}");
}

#[test]
fn a_database_that_is_away_is_waited_for_and_told_without_its_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("good.csv");
    fs::write(&file, "phone\n09120000001\n").expect("written");
    let away = "postgres://ramz:s3cret@127.0.0.1:1/ramz";
    let error = run(&["import-users", text(&file)], &[("DATABASE_URL", away)]).refused();
    let told = error.contains("the database did not answer within 10 s");
    assert!(told && !error.contains("s3cret"), "{error}");
}

pub(crate) async fn rows_that_cannot_be_read_are_refused_alone(at: Database) {
    let mut table = b"phone,first_name,email\n".to_vec();
    for row in [
        &b"09120000001,Good,\n"[..],
        b"09120000002,too,many,columns\n",
        b"09120000003\n",
        b"09120000004,\xff\xfe,\n",
        b"09120000005,\"two\nlines\",\n",
        b"09120000006,,nobody\n",
        b"\n",
        b",,\n",
        b"0912000000x,,\n",
        b"09120000009,Good,good@example.com",
    ] {
        table.extend_from_slice(row);
    }
    let file = at.write("rows.csv", table);
    let said = at.api(&["import-users", &file]).done();
    assert!(
        said.contains("users imported: 2\nrows refused: 7\n"),
        "{said}"
    );
    let report = fs::read_to_string(at.path("rows.csv.refused.csv")).expect("a report");
    let lines: Vec<&str> = report.lines().skip(1).collect();
    let expected = [
        "2,,has more or fewer columns than the header,",
        "3,,has more or fewer columns than the header,",
        "4,first_name,is not UTF-8 text,",
        "5,first_name,holds control characters,+98912•••0005",
        "6,email,is not an e-mail address,+98912•••0006",
        "7,phone,there is no phone number,",
        "8,phone,this is not a phone number,•••00",
    ];
    assert_eq!(lines, expected, "an empty line is no row");

    let typed = r#"[{"fields": {"phone": 9120000010, "password": null, "last_login": null,
        "is_active": 1, "first_name": ["a"]}, "model": "a.user"},
        {"model": "a.user", "fields": {"phone": 9120000011, "password": "", "last_login": "",
        "is_active": 0}}]"#;
    let file = at.write("typed.json", typed);
    let said = at.api(&["import-users", &file]).done();
    assert!(
        said.contains("users imported: 1\nrows refused: 1\n"),
        "{said}"
    );
    assert!(said.contains("1  first_name is not a text"), "{said}");
    let blocked =
        "SELECT COUNT(*) FROM users WHERE phone = '+989120000011' AND blocked_at IS NOT NULL";
    assert_eq!(at.count(blocked).await, 1);
}

pub(crate) async fn the_columns_and_the_models_can_be_named(at: Database) {
    let table = "tel;phone;date_joined\n09120000001;nothing;2026-03-01 03:30\n";
    let file = at.write("named.csv", table);
    let named = [
        "--phone-column",
        "tel",
        "--delimiter",
        ";",
        "--utc-offset",
        "+03:30",
    ];
    let said = at
        .api(&[&["import-users", &file][..], &named].concat())
        .done();
    assert!(said.contains("users imported: 1"), "{said}");
    let user = "SELECT COUNT(*) FROM users WHERE created_at < '2026-03-01T00:00:01+00:00' \
         AND created_at > '2026-02-28T23:59:59+00:00'";
    assert_eq!(at.count(user).await, 1);

    let dump = r#"[{"model": "shop.customer", "fields": {"mobile": "09120000002"}},
        {"model": "shop.user", "fields": {"mobile": "09120000003", "password": "!", "last_login": null}}]"#;
    let file = at.write("dump.json", dump);
    let said = at
        .api(&["import-users", &file, "--model", "Shop.Customer"])
        .done();
    assert!(said.contains("users imported: 1"), "{said}");
    assert!(
        said.contains("objects of other models passed over: 1"),
        "{said}"
    );
    let phones = at.texts("SELECT phone FROM users ORDER BY phone").await;
    assert_eq!(phones, ["+989120000001", "+989120000002"]);
    let wrong = at.api(&["import-users", &file, "--delimiter", "ab"]);
    assert_eq!(wrong.status, Some(2), "{wrong:?}");
}

/// The bytes of a text in UTF-16, little end first, behind its byte order mark.
fn utf_16(text: &str) -> Vec<u8> {
    let marked = format!("\u{feff}{text}");
    marked.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

pub(crate) async fn files_of_windows_are_read_as_they_are(at: Database) {
    let object = |phone: u32| {
        format!(
            r#"{{"model": "a.user", "fields": {{"phone": "0912000{phone:04}", "password": "!",
            "last_login": null, "first_name": "مریم"}}}}"#
        )
    };
    let table = |phone: u32, delimiter: &str| {
        let row = ["1", "علی; رضا, \t", &format!("0912000{phone:04}")];
        let row = row.map(|cell| format!("\"{cell}\"")).join(delimiter);
        let header = ["id", "first_name", "phone"].join(delimiter);
        format!("{header}\r\n{row}\r\n")
    };
    let unmarked = |text: &str| utf_16(text)[2..].to_vec();
    let big: Vec<u8> = utf_16(&format!("[{}]", object(3)))
        .chunks(2)
        .flat_map(|unit| [unit[1], unit[0]])
        .collect();
    let files = [
        ("marked.json", format!("\u{feff}[{}]", object(1)).into()),
        ("utf16.json", utf_16(&format!("[{}]", object(2)))),
        ("big.json", big),
        ("unmarked.json", unmarked(&format!("[{}]", object(4)))),
        ("lines.jsonl", utf_16(&format!("{}\r\n", object(5)))),
        ("semicolon.csv", format!("\u{feff}{}", table(6, ";")).into()),
        ("tab.tsv", table(7, "\t").into()),
        ("unicode.csv", utf_16(&table(8, "\t"))),
        ("unmarked.csv", unmarked(&table(9, ";"))),
        ("comma.csv", table(10, ",").into()),
        ("said.csv", format!("sep=|\r\n{}", table(11, "|")).into()),
        ("one.csv", "phone\r\n09120000012\r\n".into()),
    ];
    for (name, content) in &files {
        let file = at.write(name, content);
        let said = at.api(&["import-users", &file]).done();
        let expected = "users imported: 1\nrows refused: 0\n";
        assert!(said.contains(expected), "{name}: {said}");
    }
    let names = at
        .texts("SELECT first_name FROM users ORDER BY phone")
        .await;
    let expected = [&["مریم"; 5][..], &["علی; رضا, "; 6], &[""]].concat();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(
        names,
        expected.iter().map(|name| name.trim()).collect::<Vec<_>>()
    );

    let utf_32: Vec<u8> = "phone\n0912"
        .chars()
        .flat_map(|c| u32::from(c).to_le_bytes())
        .collect();
    let file = at.write("utf32.csv", utf_32);
    let error = at.api(&["import-users", &file]).refused();
    assert!(error.contains("neither UTF-8 nor UTF-16"), "{error}");
}

pub(crate) async fn numbers_that_went_through_a_spreadsheet_are_read_or_refused(at: Database) {
    let table = "phone;first_name\n9120000001,0;Decimal\n9,120000002E+09;Scientific\n\
        '09120000003;Marked\n=\"09120000004\";Formula\n\"=\"\"09120000005\"\"\";Quoted\n\
        \u{a0}9\u{a0}120\u{a0}000\u{a0}006\u{a0};Groups\n9,12E+09;Lost\n912000000,0;Short\n\
        912000000,7;Fraction\n";
    let file = at.write("excel.csv", table);
    let said = at.api(&["import-users", &file]).done();
    let expected = "users imported: 6\nrows refused: 3\n";
    assert!(said.contains(expected), "{said}");
    let report = fs::read_to_string(at.path("excel.csv.refused.csv")).expect("a report");
    let lines: Vec<&str> = report.lines().skip(1).collect();
    let expected = [
        "7,phone,has lost digits in a spreadsheet; make the column a text there and export it again,",
        "8,phone,this is not a phone number,•••00",
        "9,phone,is not a whole number,",
    ];
    assert_eq!(lines, expected);

    // pandas and others write numbers into JSON.
    let dump = r#"[{"model": "a.user", "fields": {"password": null, "last_login": null,
        "phone": 9120000007.0, "is_active": 0.0}},
        {"model": "a.user", "fields": {"password": null, "last_login": null, "phone": 9.120000008e9}},
        {"model": "a.user", "fields": {"password": null, "last_login": null, "phone": 9120000090.0}},
        {"model": "a.user", "fields": {"password": null, "last_login": null, "phone": 9.12E9}},
        {"model": "a.user", "fields": {"password": null, "last_login": null, "username": 9.12E9}},
        {"model": "a.user", "fields": {"password": null, "last_login": null, "phone": 912000000.0}}]"#;
    let file = at.write("pandas.json", dump);
    let said = at.api(&["import-users", &file]).done();
    let expected = "users imported: 3\nrows refused: 3\n";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("2  phone has lost digits"), "{said}");
    let phones = at.texts("SELECT phone FROM users ORDER BY phone").await;
    let expected = [1, 2, 3, 4, 5, 6, 7, 8, 90].map(|number| format!("+98912{number:07}"));
    assert_eq!(phones, expected);
    let blocked = "SELECT COUNT(*) FROM users WHERE blocked_at IS NOT NULL";
    assert_eq!(at.count(blocked).await, 1);
}
